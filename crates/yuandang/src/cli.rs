//! The commands and their names.

use clap::{Parser, Subcommand};

use crate::{
    agreements, bench, catalogue, cert, check, demo, failure::Failure, generate, identity, job, match_files, not_built,
    party, receipts, results, serve, text::Lang,
};

/// Find what two provinces have in common, without showing each other a record
#[derive(Debug, Parser)]
#[command(name = "yuandang", version, about, after_help = STATUSES)]
pub struct Cli {
    /// The language of texts for people; otherwise as LC_ALL or LANG say
    #[arg(long, value_enum, global = true)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

const STATUSES: &str = "Exit status: 0 done, 2 wrong usage or configuration, 3 bad input data, 4 refused by an agreement \
                        or policy, 5 a peer misbehaved or was incompatible, 6 unreachable or timed out, 1 anything else.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start here: a coordinator and four provinces on this machine match made-up residents
    Demo(demo::Arguments),
    /// Match two files of your own, each party in a process of its own
    Match(match_files::Arguments),
    /// See what is wrong with a record set, and what a job with it would take
    Check(Box<check::Arguments>),
    /// Measure a protocol: seconds, CPU seconds, bytes, memory
    Bench(bench::Arguments),
    /// Run a coordinator
    Coordinator(serve::Arguments),
    /// Run a node
    Node(serve::Arguments),
    /// Identity keys, by which participants know each other
    #[command(subcommand)]
    Identity(identity::Action),
    /// TLS certificates that an identity key endorses
    #[command(subcommand)]
    Cert(cert::Action),
    /// Jobs: submit, list, show, watch, cancel, waiting, approve, reject
    #[command(subcommand)]
    Job(job::Action),
    /// Make up residents, or keys of random text, with a known overlap
    Generate(generate::Arguments),
    /// Datasets that participants offer: import, publish, search, show, withdraw, check
    #[command(subcommand)]
    Catalogue(catalogue::Action),
    /// Agreements: request, list, show, offer, approve, reject, suspend, resume, revoke, verify, heartbeat
    #[command(subcommand)]
    Agreement(agreements::Action),
    /// Receipts of what was done: list, show, verify, meter
    #[command(subcommand)]
    Receipts(receipts::Action),
    /// Results of this participant's node: list, export, delete
    #[command(subcommand)]
    Result(results::Action),
    /// Ask about single persons (not built yet)
    Lookup(not_built::Arguments),
    /// The tamper-evident log (not built yet)
    Ledger(not_built::Arguments),
    /// One party of a match or bench; started by them
    #[command(hide = true)]
    Party,
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`], which has the status that the process ends with.
    pub fn run(self) -> Result<(), Failure> {
        let lang = self.lang.unwrap_or_else(Lang::of_environment);
        match self.command {
            Command::Demo(arguments) => arguments.run(lang),
            Command::Match(arguments) => arguments.run(lang),
            Command::Check(arguments) => arguments.run(lang),
            Command::Bench(arguments) => arguments.run(lang),
            Command::Coordinator(arguments) => arguments.coordinator(),
            Command::Node(arguments) => arguments.node(),
            Command::Identity(action) => action.run(lang),
            Command::Cert(action) => action.run(),
            Command::Job(action) => action.run(lang),
            Command::Generate(arguments) => arguments.run(lang),
            Command::Catalogue(action) => action.run(lang),
            Command::Agreement(action) => action.run(lang),
            Command::Receipts(action) => action.run(lang),
            Command::Result(action) => action.run(lang),
            Command::Lookup(rest) => rest.run("lookup"),
            Command::Ledger(rest) => rest.run("ledger"),
            Command::Party => party::run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
