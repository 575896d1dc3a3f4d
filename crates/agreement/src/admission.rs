//! The rule that admits or refuses a job, from facts that a node collected (docs/AGREEMENTS.md, The rule).
//!
//! Pure: no clock, no store, no randomness. Each part of the rule is one function, in the order in which a run comes to it:
//! [`admit`] before anything is read, [`admit_rows`] and [`admit_peer`] when sizes and the peer's use are known, and
//! [`admit_result`] before anything is delivered.

use crate::{
    acts::{Act, Pinned},
    canonical::Digest,
    contract::{Agreement, Party},
    job::JobSpec,
    life::{AgreementState, Life},
    moment::Moment,
    participant::ParticipantId,
};

/// Seconds by which clocks may differ.
pub const SKEW: u64 = 30;
/// Seconds from which on clocks are said to differ, instead of that an agreement is not valid.
const CLOCKS_APART: i64 = 600;

/// What a node knows when a job comes.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// This node's participant.
    pub me: &'a ParticipantId,
    /// Identities that it pinned, its own among them.
    pub pinned: &'a Pinned,
    /// The agreement that the job names, if the node has it.
    pub agreement: Option<(&'a Digest, &'a Agreement)>,
    /// All that was signed about it.
    pub acts: &'a [Act],
    /// The job.
    pub job: &'a JobSpec,
    /// This node's clock.
    pub now: Moment,
    /// What was used so far.
    pub used: Used,
    /// The version in which this node's dataset of the agreement is published; nothing if it is not.
    pub published: Option<u32>,
    /// Seconds within which a heartbeat has to have been heard, where the node wants that, and the last one.
    pub heartbeat: Option<(u64, Option<Moment>)>,
    /// Whether this node's approvers approved this very job.
    pub approved: bool,
}

/// Uses of an agreement, as this node counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Jobs admitted so far.
    pub runs: u64,
    /// Of these, on this day of China's time.
    pub today: u64,
    /// When the last was admitted.
    pub last: Option<Moment>,
}

/// Why a job is not admitted, in words for the operators of all parties.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// The job names no agreement.
    #[error("the job stands under no agreement")]
    NoAgreement,
    /// The node does not have it.
    #[error("the node does not know the agreement that the job names")]
    Unknown,
    /// This node's participant is no party to it.
    #[error("{0} is no party to the agreement")]
    NoParty(ParticipantId),
    /// A party's key in the agreement is not the one that is pinned here.
    #[error("the agreement names another identity key for {0} than the one that is pinned here")]
    Key(ParticipantId),
    /// A consent is missing.
    #[error("the agreement lacks the signed consent of {0}")]
    Consent(ParticipantId),
    /// The agreement is in a state in which nothing runs.
    #[error("the agreement is {state}{}", because(*.state, .why))]
    State {
        /// Which.
        state: AgreementState,
        /// Who brought it there and why, if that was somebody.
        why: Option<(ParticipantId, String)>,
    },
    /// It is not valid yet.
    #[error("the agreement is valid from {from}, and the clock of {me} says {now}")]
    TooEarly {
        /// Whose clock.
        me: ParticipantId,
        /// When it begins.
        from: Moment,
        /// What the clock says.
        now: Moment,
    },
    /// The peer's clock shows another time.
    #[error("clocks are apart: {me} has {ours}, and {peer} has {theirs}")]
    Clocks {
        /// This node.
        me: ParticipantId,
        /// Its time.
        ours: Moment,
        /// The peer.
        peer: ParticipantId,
        /// Its time.
        theirs: Moment,
    },
    /// The job is not what was agreed.
    #[error("the job differs from the agreement in {0}")]
    Job(String),
    /// This version cannot run it.
    #[error("{0}")]
    NotBuilt(String),
    /// The dataset is not published any more, or in another version.
    #[error("{0}")]
    Dataset(String),
    /// An approver of this node said no to this very job.
    #[error("an approver of the node rejected the job: {0}")]
    NotApproved(String),
    /// No heartbeat was heard lately.
    #[error("no supervisor's heartbeat was heard within {within} seconds{}", last_heard(.last))]
    Heartbeat {
        /// Seconds that the node allows.
        within: u64,
        /// The last one.
        last: Option<Moment>,
    },
    /// No more runs today.
    #[error("the agreement allows {0} runs a day, and they are used up for today")]
    Today(u64),
    /// Too soon after the last.
    #[error("the agreement allows a run every {interval} seconds, and the last began {passed} seconds ago")]
    TooSoon {
        /// Seconds between two.
        interval: u64,
        /// Seconds that have passed.
        passed: i64,
    },
    /// A set is too small or too large.
    #[error("the set of {who} has {rows} distinct keys, and the agreement allows {least} to {most}")]
    Rows {
        /// Whose.
        who: ParticipantId,
        /// How many; of a peer, after padding.
        rows: u64,
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
    /// The peer's use was spent before, by another job.
    #[error(
        "{peer} enters use {number} of the agreement, which another job spent; up to {seen} were seen here: its node was \
         restored from a backup, or repeats an old use"
    )]
    Replay {
        /// The peer.
        peer: ParticipantId,
        /// What it says.
        number: u64,
        /// The highest that was seen.
        seen: u64,
    },
    /// The peer counts beyond the limit.
    #[error("{peer} enters use {number} of the agreement, which allows {runs} in all")]
    Overspent {
        /// The peer.
        peer: ParticipantId,
        /// What it says.
        number: u64,
        /// The limit.
        runs: u64,
    },
    /// The peer's signed use is not about this run.
    #[error("the use that {peer} signed is not about this run: {what} differs")]
    Use {
        /// The peer.
        peer: ParticipantId,
        /// What differs.
        what: &'static str,
    },
    /// The result is smaller than allowed; how small is not said.
    #[error("the result has fewer than {0} items, the least that the agreement allows: it is withheld")]
    SmallResult(u64),
}

fn because(state: AgreementState, why: &Option<(ParticipantId, String)>) -> String {
    match (state, why) {
        (_, Some((who, reason))) => format!(" by {who}: {reason}"),
        (_, None) => String::new(),
    }
}

fn last_heard(last: &Option<Moment>) -> String {
    last.map_or_else(|| "; none was ever heard".to_owned(), |last| format!("; the last was at {last}"))
}

/// What the rule says of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs, as this use of the agreement.
    Admitted {
        /// Its number, from 1.
        number: u64,
    },
    /// It waits for this node's approvers.
    AwaitsApproval,
}

/// Admits a job, or says why not. What is wrong first is the reason.
///
/// # Errors
/// [`Refusal`].
pub fn admit(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let named = facts.job.agreement_digest.ok_or(Refusal::NoAgreement)?;
    let known = facts.agreement.filter(|(digest, _)| *digest.as_bytes() == named);
    let (digest, agreement) = known.ok_or(Refusal::Unknown)?;
    let own = agreement.party_of(facts.me).ok_or_else(|| Refusal::NoParty(facts.me.clone()))?;
    for party in &agreement.parties {
        if !facts.pinned.is_participant((&party.participant, &party.identity)) {
            return Err(Refusal::Key(party.participant.clone()));
        }
    }
    let life = Life::of(agreement, digest, facts.acts, facts.pinned);
    admit_state(facts, agreement, &life)?;
    if let Some(difference) = agreement.difference(facts.job) {
        return Err(Refusal::Job(difference));
    }
    facts.job.validate().map_err(|error| Refusal::NotBuilt(error.to_string()))?;
    admit_dataset(facts, own)?;
    if let Some((within, last)) = facts.heartbeat {
        // One from the future is of a clock that is wrong, and would count for too long.
        let heard = last.is_some_and(|last| facts.now <= last.plus(within) && last <= facts.now.plus(SKEW));
        if !heard {
            return Err(Refusal::Heartbeat { within, last });
        }
    }
    admit_use(facts, agreement)?;
    if agreement.delivery.approval.contains(facts.me) && !facts.approved {
        return Ok(Decision::AwaitsApproval);
    }
    // Below the limit of runs, which is below 2^53.
    Ok(Decision::Admitted { number: facts.used.runs.saturating_add(1) })
}

fn admit_state(facts: &Facts<'_>, agreement: &Agreement, life: &Life) -> Result<(), Refusal> {
    let hold = life.holds.first().map(|hold| (hold.by.clone(), hold.reason.clone()));
    // The skew is given at both ends of the time.
    let now = Moment::from_seconds(facts.now.seconds().saturating_sub(SKEW.cast_signed())).unwrap_or(facts.now);
    let state = life.state(agreement, facts.used.runs, now, true);
    match state {
        AgreementState::Effective => {}
        AgreementState::Requested | AgreementState::Offered | AgreementState::Agreed => {
            let missing = life.missing.first().cloned();
            return Err(missing.map_or(Refusal::State { state, why: None }, Refusal::Consent));
        }
        AgreementState::Rejected => return Err(Refusal::State { state, why: life.rejected.clone() }),
        AgreementState::Suspended | AgreementState::Revoked => return Err(Refusal::State { state, why: hold }),
        AgreementState::Expired | AgreementState::Exhausted => return Err(Refusal::State { state, why: None }),
    }
    if facts.now.plus(SKEW) < agreement.validity.from {
        let (me, from, now) = (facts.me.clone(), agreement.validity.from, facts.now);
        return Err(Refusal::TooEarly { me, from, now });
    }
    Ok(())
}

fn admit_dataset(facts: &Facts<'_>, own: &Party) -> Result<(), Refusal> {
    let (name, version) = (&own.dataset.name, own.dataset.version);
    match facts.published {
        Some(published) if published == version => Ok(()),
        Some(published) => Err(Refusal::Dataset(format!(
            "{} offers dataset {name:?} in version {published}, and the agreement is about version {version}",
            facts.me
        ))),
        None => Err(Refusal::Dataset(format!("{} offers no dataset named {name:?}", facts.me))),
    }
}

fn admit_use(facts: &Facts<'_>, agreement: &Agreement) -> Result<(), Refusal> {
    let (limits, used) = (&agreement.limits, facts.used);
    if used.today >= limits.runs_per_day {
        return Err(Refusal::Today(limits.runs_per_day));
    }
    if let (Some(interval), Some(last)) = (limits.shortest_interval, used.last)
        && facts.now < last.plus(interval)
    {
        return Err(Refusal::TooSoon { interval, passed: facts.now.since(last) });
    }
    Ok(())
}

/// Admits the size of a party's set: of this node's own the true number, of a peer's the padded one.
///
/// # Errors
/// [`Refusal::Rows`].
pub fn admit_rows(party: &Party, rows: u64, is_own: bool) -> Result<(), Refusal> {
    let bounds = party.rows;
    // What is padded shows no lower bound.
    let enough = rows >= bounds.least || (!is_own && party.padded_size.is_some());
    if enough && rows <= bounds.most {
        return Ok(());
    }
    Err(Refusal::Rows { who: party.participant.clone(), rows, least: bounds.least, most: bounds.most })
}

/// Admits the number of the peer's use: each is spent by one job, and none is above the limit of runs. Numbers need not rise, since
/// jobs that run at once can meet in either order; `spent_by` is the job that was seen with this number, `highest` the highest number
/// that was seen.
///
/// # Errors
/// [`Refusal::Replay`], or [`Refusal::Overspent`].
pub fn admit_peer(
    agreement: &Agreement,
    (peer, number): (&ParticipantId, u64),
    job_id: &str,
    (spent_by, highest): (Option<&str>, u64),
) -> Result<(), Refusal> {
    if spent_by.is_some_and(|job| job != job_id) {
        return Err(Refusal::Replay { peer: peer.clone(), number, seen: highest });
    }
    if number > agreement.limits.runs {
        return Err(Refusal::Overspent { peer: peer.clone(), number, runs: agreement.limits.runs });
    }
    Ok(())
}

/// Admits the peer's clock, as it shows it in the handshake.
///
/// # Errors
/// [`Refusal::Clocks`] if it is ten minutes or more from this one.
pub fn admit_clock(me: &ParticipantId, ours: Moment, peer: &ParticipantId, theirs: Moment) -> Result<(), Refusal> {
    if ours.since(theirs).abs() < CLOCKS_APART {
        return Ok(());
    }
    Err(Refusal::Clocks { me: me.clone(), ours, peer: peer.clone(), theirs })
}

/// Admits the size of a result, before it is delivered or opened further.
///
/// # Errors
/// [`Refusal::SmallResult`], which does not say how small.
pub fn admit_result(agreement: &Agreement, matched: u64) -> Result<(), Refusal> {
    match agreement.limits.smallest_result {
        Some(smallest) if matched < smallest => Err(Refusal::SmallResult(smallest)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
