//! The `yuandang` binary: reads its arguments, runs the command, ends with its status.

use std::process::ExitCode;

use clap::Parser;
use yuandang::{cli::Cli, screen};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen::note(&failure.to_string());
            ExitCode::from(failure.status.code())
        }
    }
}
