//! What a supervisor says from the command line: that it watches, and that an agreement is suspended, resumed or revoked.

use std::{path::PathBuf, time::Duration};

use agreement::{
    Digest, Moment, ParticipantId, Statement,
    acts::{Change, Heartbeat, Standing},
};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::supervisor::{Supervisor, Told};
use crate::{
    desk::Target,
    failure::{Failure, Status},
    screen::{self, Format},
    stop,
    text::{self, Lang},
    wording::impersonal,
};

/// Who says it, and to whom.
#[derive(Debug, clap::Args)]
pub struct Heart {
    /// The supervisor: examples/config/supervisor.toml is one
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Go on every so many seconds until Ctrl-C or SIGTERM; the exit status is then that of the last time
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: Option<u64>,
    /// How the answers are printed; with --every, JSON has one value on a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// An agreement, why, and who says so: a person to this participant's node, or a supervisor to many.
#[derive(Debug, clap::Args)]
pub struct Held {
    /// Its digest, or the first eight digits of it or more; a supervisor gives all 64
    digest: String,
    /// Why, for all parties
    #[arg(long, value_parser = impersonal)]
    reason: String,
    /// Speak as the supervisor of this file, to the nodes that it lists
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "cert", "key"])]
    supervisor: Option<PathBuf>,
    /// Of these only this one; it tells the other parties of a suspension or revocation. Can be given more than once
    #[arg(long, value_name = "NAME", requires = "supervisor")]
    node: Vec<ParticipantId>,
    /// The configuration of this participant's node: where it is, and whom it has pinned
    #[arg(long, value_name = "FILE", required_unless_present = "supervisor")]
    config: Option<PathBuf>,
    /// The certificate of the person who asks (yuandang cert issue --person)
    #[arg(long, value_name = "FILE", required_unless_present = "supervisor")]
    cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", required_unless_present = "supervisor")]
    key: Option<PathBuf>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What nodes answered, for programs.
#[derive(Serialize)]
struct Answers<'a> {
    kind: &'static str,
    at: String,
    nodes: Vec<Answer<'a>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    taken: bool,
    why: &'a str,
}

impl<'a> Answer<'a> {
    fn of(told: &'a Told) -> Self {
        let why = told.failure.as_ref().map_or("", |(_, why)| why);
        Self { node: told.node.as_str(), taken: told.failure.is_none(), why }
    }
}

impl Heart {
    /// Tells all nodes that the supervisor watches, once or until a signal.
    ///
    /// # Errors
    /// [`Failure`] if a node did not take it, the last time.
    pub(super) async fn beat(self, lang: Lang) -> Result<(), Failure> {
        let supervisor = Supervisor::load(&self.config)?;
        let Some(seconds) = self.every else {
            return beat(&supervisor, (self.format, false), lang).await;
        };
        let stop = stop::on_signal()?;
        // Its certificate may be renewed in its place meanwhile.
        let current = wire::rotation::keep_current(
            supervisor.credentials.clone(),
            Some(supervisor.identity()),
            wire::rotation::LOOK,
        );
        tokio::spawn(stop.clone().run_until_cancelled_owned(current));
        let mut turns = interval(Duration::from_secs(seconds));
        // A round that took long puts off the next one; none is made up for.
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Ok(());
        while stop.run_until_cancelled(turns.tick()).await.is_some() {
            let Some(told) = stop.run_until_cancelled(beat(&supervisor, (self.format, true), lang)).await else {
                break;
            };
            if let Err(failure) = &told {
                screen::note(&failure.to_string());
            }
            last = told;
        }
        last
    }
}

async fn beat(supervisor: &Supervisor, shown: (Format, bool), lang: Lang) -> Result<(), Failure> {
    let at = now()?;
    let statement = supervisor.sign(Heartbeat { at })?;
    let told = supervisor.tell(&statement).await;
    print((Heartbeat::KIND, at), &told, shown, lang)
}

impl Held {
    /// The node whose person says so; nothing if a supervisor does.
    pub(super) fn target(&self) -> Option<Target> {
        let (config, cert, key) = (self.config.clone()?, self.cert.clone()?, self.key.clone()?);
        Some(Target::new(config, (cert, key), self.format))
    }

    /// What a person says.
    pub(super) fn into_words(self) -> (String, String) {
        (self.digest, self.reason)
    }

    /// Tells the nodes as the supervisor. Its statements are numbered by the milliseconds of its clock, since it has no node
    /// that would count them: a later one has a higher number than all before.
    ///
    /// # Errors
    /// [`Failure`] if a node did not take it.
    pub(super) async fn tell(self, change: Change, lang: Lang) -> Result<(), Failure> {
        let path = self.supervisor.ok_or_else(|| Failure::usage("name a node with --config, or --supervisor"))?;
        let agreement: Digest = self.digest.parse().map_err(|_| {
            Failure::usage("a supervisor names an agreement by its whole digest, 64 digits: `agreement show` has it")
        })?;
        let mut supervisor = Supervisor::load(&path)?;
        if !self.node.is_empty() {
            supervisor.only(&self.node)?;
        }
        let (at, number) = dated(node::clock::now_ms())?;
        let statement = supervisor.sign(Standing { agreement, at, change, number, reason: self.reason })?;
        let told = supervisor.tell(&statement).await;
        print((Standing::KIND, at), &told, (self.format, false), lang)
    }
}

/// When a statement of this millisecond since 1970 is made, in seconds, and its number: the milliseconds themselves, so that a
/// statement in the same second is a later one.
fn dated(milliseconds: i64) -> Result<(Moment, u64), Failure> {
    let at = Moment::from_seconds(milliseconds.div_euclid(1000)).map_err(Failure::other)?;
    Ok((at, u64::try_from(milliseconds).map_err(Failure::other)?))
}

fn now() -> Result<Moment, Failure> {
    node::clock::now().map_err(Failure::other)
}

/// Prints what each node answered; fails with the status of the first that did not take the statement.
fn print((kind, at): (&'static str, Moment), told: &[Told], shown: (Format, bool), lang: Lang) -> Result<(), Failure> {
    match shown {
        (Format::Text, _) => told.iter().try_for_each(|told| {
            let why = told.failure.as_ref().map(|(status, why)| (*status == Status::Unreachable, why.as_str()));
            screen::line(&text::supervisor::told(lang, at, &told.node, why))
        })?,
        (Format::Json, on_one_line) => {
            let answers = Answers { kind, at: at.to_string(), nodes: told.iter().map(Answer::of).collect() };
            if on_one_line { screen::json_line(&answers)? } else { screen::json(&answers)? }
        }
    }
    let failed: Vec<&Told> = told.iter().filter(|told| told.failure.is_some()).collect();
    match failed.first().and_then(|told| told.failure.as_ref()) {
        None => Ok(()),
        Some((status, _)) => {
            let names = failed.iter().map(|told| told.node.as_str()).collect::<Vec<_>>().join(", ");
            Err(Failure::new(*status, text::supervisor::not_taken(lang, failed.len(), told.len(), &names)))
        }
    }
}

#[cfg(test)]
mod tests {
    use agreement::canonical::MOST;

    use super::*;

    #[test]
    fn a_statement_of_the_same_second_is_a_later_one_and_numbers_last_as_long_as_dates() {
        let (first, second) = (dated(1_760_000_000_001).unwrap(), dated(1_760_000_000_002).unwrap());
        assert_eq!(first.0, second.0);
        assert!(first.1 < second.1);
        // The last millisecond of the year 9999.
        assert!(dated(253_402_300_799_999).unwrap().1 <= MOST);
        assert!(dated(253_402_300_800_000).is_err());
    }
}
