//! `yuandang cert`: TLS certificates that an identity key endorses.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use agreement::{IdentityKey, ParticipantId};
use clap::Subcommand;
use serde::Serialize;
use wire::{Duty, Handle, Holder, Person};
use x509_parser::{pem::parse_x509_pem, prelude::GeneralName};

use crate::{
    failure::Failure,
    identity::read_identity,
    screen::{self, Format},
};

/// How long before now a certificate begins: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Issue a certificate with a fresh key
    Issue {
        /// The identity key that endorses it
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
        /// Whose certificate it is
        #[arg(long, value_name = "NAME")]
        participant: ParticipantId,
        /// The person there that it is for: a staff number, as k-17, never a name; without it, it is the node's
        #[arg(long, value_name = "HANDLE", requires = "duty")]
        person: Option<Handle>,
        /// What the person is there for: operator, approver, supervisor or auditor
        #[arg(long, value_name = "DUTY", requires = "person")]
        duty: Option<Duty>,
        /// Where the certificate goes
        #[arg(long, value_name = "FILE")]
        out_cert: PathBuf,
        /// Where its private key goes; an existing file is not replaced
        #[arg(long, value_name = "FILE")]
        out_key: PathBuf,
        /// How long it is valid
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Print what stands in a certificate
    Show {
        /// The certificate in PEM
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// What stands in a certificate.
#[derive(Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duty: Option<String>,
    subject: String,
    names: Vec<String>,
    issuer: String,
    serial: String,
    not_before: String,
    not_after: String,
    valid_now: bool,
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`] if a file cannot be read or written, or is not what it should be.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Issue { identity, participant, person, duty, out_cert, out_key, days } => {
                let identity = read_identity(&identity)?;
                let person = person.zip(duty).map(|(handle, duty)| Person { handle, duty });
                issue(&identity, &Holder { participant, person }, &out_cert, &out_key, days)?;
                screen::line(&format!("{} {}", out_cert.display(), out_key.display()))
            }
            Self::Show { file, format } => show(&read(&file)?, format),
        }
    }
}

/// Issues a certificate for `holder` and writes it and its key.
///
/// # Errors
/// If it cannot be issued or a file cannot be written; an existing key is not replaced, and a new one not left
/// behind.
pub fn issue(
    identity: &IdentityKey,
    holder: &Holder,
    out_cert: &Path,
    out_key: &Path,
    days: u32,
) -> Result<(), Failure> {
    let begins = SystemTime::now() - CLOCK_SKEW;
    let issued = match &holder.person {
        None => wire::endorse(identity, &holder.participant, begins, days),
        Some(person) => wire::endorse_person(identity, &holder.participant, person, begins, days),
    };
    let issued = issued.map_err(Failure::usage)?;
    // The key first: where one exists, the certificate that goes with it stays too.
    wire::write_secret(out_key, &issued.key_pem).map_err(Failure::usage)?;
    fs::write(out_cert, &issued.cert_pem).map_err(|cause| {
        // Without its certificate the key is good for nothing, and would be in the way of the next attempt.
        let _ = fs::remove_file(out_key);
        Failure::usage(format_args!("{}: {cause}", out_cert.display()))
    })
}

fn read(file: &Path) -> Result<Shown, Failure> {
    let wrong = |problem: String| Failure::usage(format_args!("{}: {problem}", file.display()));
    let text = fs::read(file).map_err(|cause| wrong(cause.to_string()))?;
    let (_, pem) = parse_x509_pem(&text).map_err(|_| wrong("there is no certificate in PEM".to_owned()))?;
    let certificate = pem.parse_x509().map_err(|error| wrong(error.to_string()))?;
    let alternative = certificate.subject_alternative_name().map_err(|error| wrong(error.to_string()))?;
    let names: Vec<String> = alternative.map_or_else(Vec::new, |names| {
        let dns = |name: &GeneralName<'_>| {
            if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None }
        };
        names.value.general_names.iter().filter_map(dns).collect()
    });
    // Of two names, none counts.
    let holder = if let [name] = &names[..] { Holder::of_certificate_name(name) } else { None };
    let person = holder.as_ref().and_then(|holder| holder.person.as_ref());
    let validity = certificate.validity();
    Ok(Shown {
        participant: holder.as_ref().map(|holder| holder.participant.to_string()),
        person: person.map(|person| person.handle.to_string()),
        duty: person.map(|person| person.duty.to_string()),
        subject: certificate.subject().to_string(),
        names,
        issuer: certificate.issuer().to_string(),
        serial: certificate.raw_serial_as_string(),
        not_before: validity.not_before.to_string(),
        not_after: validity.not_after.to_string(),
        valid_now: validity.is_valid(),
    })
}

fn show(shown: &Shown, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => screen::json(shown),
        Format::Text => screen::line(&format!(
            "{}subject     {}\nnames       {}\nissuer      {}\nserial      {}\nnot before  {}\nnot after   {}\nvalid now   {}",
            whose(shown),
            shown.subject,
            shown.names.join(", "),
            shown.issuer,
            shown.serial,
            shown.not_before,
            shown.not_after,
            if shown.valid_now { "yes" } else { "no" },
        )),
    }
}

/// The lines that say whose it is, as far as it says so.
fn whose(shown: &Shown) -> String {
    let lines = [("participant ", &shown.participant), ("person      ", &shown.person), ("duty        ", &shown.duty)];
    lines.into_iter().filter_map(|(what, who)| Some(format!("{what}{}\n", who.as_ref()?))).collect()
}
