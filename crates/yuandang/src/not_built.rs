//! Commands whose names are fixed and whose insides come later.

use crate::failure::Failure;

/// The arguments of a command that is not built: any.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Arguments {
    /// Says so.
    ///
    /// # Errors
    /// Always: wrong usage.
    pub fn run(&self, command: &str) -> Result<(), Failure> {
        let words = self.rest.iter().take_while(|word| !word.starts_with('-')).take(1);
        let name = words.fold(command.to_owned(), |name, word| format!("{name} {word}"));
        Err(Failure::not_built(format_args!("yuandang {name}")))
    }
}
