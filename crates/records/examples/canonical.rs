//! The data standard by hand: a type as argument, one value a line on standard input, and on standard output for
//! each `keyed`, its canonical form and the warnings, or `refused` and the reason, or `missing`.
//!
//! ```text
//! $ echo '310199850101001' | cargo run -q -p records --example canonical resident-id
//! keyed  31019919850101001X  converted-from-15-digits
//! ```

use std::{
    error::Error,
    io::{BufRead, Write, stdin, stdout},
};

use records::{
    KeyType, Warnings,
    standard::{Flaw, Settings},
};

fn main() -> Result<(), Box<dyn Error>> {
    let key_type: KeyType = std::env::args().nth(1).ok_or("name a key type")?.parse()?;
    let mut out = stdout().lock();
    for line in stdin().lock().split(b'\n') {
        let line = line?;
        let mut warnings = Warnings::NONE;
        match key_type.canonical(&line, &Settings::default(), &mut warnings) {
            Ok(value) => {
                out.write_all(b"keyed\t")?;
                out.write_all(value.as_bytes())?;
                let names: Vec<&str> = warnings.iter().map(|warning| warning.name()).collect();
                writeln!(out, "\t{}", names.join(","))?;
            }
            Err(Flaw::Missing) => writeln!(out, "missing")?,
            Err(Flaw::Refused(reason)) => writeln!(out, "refused\t{reason}")?,
        }
    }
    Ok(())
}
