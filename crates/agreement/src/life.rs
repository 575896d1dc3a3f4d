//! The life of an agreement: its state as a function of what was signed, what was used, and the time.
//!
//! Statements can come in any order and more than once; the state is the same. Only those of parties, by the keys that the
//! agreement names and this node pinned, and of pinned supervisors count. All others are as if they were not there.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    acts::{Act, Change, Pinned, Standing},
    canonical::Digest,
    contract::Agreement,
    identity::IdentityPublicKey,
    moment::Moment,
    participant::ParticipantId,
};

/// Where an agreement is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AgreementState {
    /// Asked for, and not answered.
    Requested,
    /// A party would enter it; consents are missing.
    Offered,
    /// All parties consented; the ledger does not have it yet.
    Agreed,
    /// Runs may begin.
    Effective,
    /// Nothing runs for now.
    Suspended,
    /// Nothing ever runs again: somebody revoked it.
    Revoked,
    /// Its time is over.
    Expired,
    /// Its runs are used up.
    Exhausted,
    /// A party does not agree.
    Rejected,
}

/// The states with their names, in the order of a life.
const STATES: [(AgreementState, &str); 9] = [
    (AgreementState::Requested, "Requested"),
    (AgreementState::Offered, "Offered"),
    (AgreementState::Agreed, "Agreed"),
    (AgreementState::Effective, "Effective"),
    (AgreementState::Suspended, "Suspended"),
    (AgreementState::Revoked, "Revoked"),
    (AgreementState::Expired, "Expired"),
    (AgreementState::Exhausted, "Exhausted"),
    (AgreementState::Rejected, "Rejected"),
];

impl fmt::Display for AgreementState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(STATES.iter().find(|(state, _)| state == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for AgreementState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STATES.iter().find(|(_, name)| *name == text);
        found.map(|(state, _)| *state).ok_or_else(|| format!("there is no agreement state {text:?}"))
    }
}

/// Who holds an agreement, how, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who says so.
    pub by: ParticipantId,
    /// Suspended or revoked.
    pub change: Change,
    /// Why.
    pub reason: String,
    /// When, by the signer's clock.
    pub at: Moment,
}

/// What the statements about an agreement come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Whether somebody offered it.
    pub offered: bool,
    /// Parties whose consent is missing.
    pub missing: Vec<ParticipantId>,
    /// The party that does not agree, and why.
    pub rejected: Option<(ParticipantId, String)>,
    /// Those who hold it, revocations first.
    pub holds: Vec<Hold>,
    /// The last consent, by the signers' clocks; nothing while one is missing.
    pub agreed_at: Option<Moment>,
}

impl Life {
    /// Takes together what was signed about `agreement`, whose name is `digest`.
    #[must_use]
    pub fn of(agreement: &Agreement, digest: &Digest, acts: &[Act], pinned: &Pinned) -> Self {
        let about: Vec<&Act> = acts.iter().filter(|act| act.agreement().as_ref() == Ok(digest)).collect();
        let is_party = |(participant, identity): (&ParticipantId, &IdentityPublicKey)| {
            agreement.party_of(participant).is_some_and(|party| party.identity == *identity)
                && pinned.is_participant((participant, identity))
        };
        let consented = |participant: &ParticipantId| {
            about.iter().find_map(|act| match act {
                Act::Consent(consent) if consent.signer() == participant && is_party(act.signer()) => Some(act.at()),
                _ => None,
            })
        };
        let parties = agreement.parties.iter().map(|party| &party.participant);
        let consents: Vec<(&ParticipantId, Option<Moment>)> = parties.map(|party| (party, consented(party))).collect();
        let missing: Vec<ParticipantId> =
            consents.iter().filter(|(_, at)| at.is_none()).map(|(party, _)| (*party).clone()).collect();
        let rejected = about.iter().find_map(|act| match act {
            // Whoever has consented revokes.
            Act::Rejection(rejection) if is_party(act.signer()) && consented(rejection.signer()).is_none() => {
                Some((rejection.signer().clone(), rejection.statement().reason.clone()))
            }
            _ => None,
        });
        let agreed_at = if missing.is_empty() { consents.iter().filter_map(|(_, at)| *at).max() } else { None };
        Self {
            offered: about.iter().any(|act| matches!(act, Act::Offer(_)) && is_party(act.signer())),
            missing,
            rejected,
            holds: holds(&about, |signer| {
                let speaks = is_party(signer) || pinned.is_supervisor(signer);
                if speaks { Some(Say::Present) } else { pinned.was_supervisor(signer).then_some(Say::Former) }
            }),
            agreed_at,
        }
    }

    /// Who holds the agreement and why, in one line; nothing if nobody does.
    #[must_use]
    pub fn held_because(&self) -> Option<String> {
        let hold = self.holds.first()?;
        let state = match hold.change {
            Change::Revocation => AgreementState::Revoked,
            _ => AgreementState::Suspended,
        };
        Some(format!("the agreement is {state} by {}: {}", hold.by, hold.reason))
    }

    /// The state at `now`, after `used` runs. `in_ledger` says whether the ledger has the last consent; while there is no
    /// ledger it always does.
    #[must_use]
    pub fn state(&self, agreement: &Agreement, used: u64, now: Moment, in_ledger: bool) -> AgreementState {
        if self.holds.iter().any(|hold| hold.change == Change::Revocation) {
            return AgreementState::Revoked;
        }
        if self.rejected.is_some() {
            return AgreementState::Rejected;
        }
        if !self.missing.is_empty() {
            return match (now > agreement.validity.until, self.offered) {
                (true, _) => AgreementState::Expired,
                (false, true) => AgreementState::Offered,
                (false, false) => AgreementState::Requested,
            };
        }
        if now > agreement.validity.until {
            return AgreementState::Expired;
        }
        if used >= agreement.limits.runs {
            return AgreementState::Exhausted;
        }
        match (self.holds.is_empty(), in_ledger) {
            (false, _) => AgreementState::Suspended,
            (true, true) => AgreementState::Effective,
            (true, false) => AgreementState::Agreed,
        }
    }
}

/// With which of its keys a signer has a say. If whatever a former key said went with the key, a new one would set free what
/// was held, and nobody would have meant it; if its numbers counted, whoever stole it could have outnumbered the new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Say {
    /// One that another took the place of: counts as long as that says nothing, and a revocation for ever.
    Former,
    /// The one that is pinned.
    Present,
}

/// Those who hold the agreement: of each signer its highest number, and any revocation.
fn holds(about: &[&Act], has_a_say: impl Fn((&ParticipantId, &IdentityPublicKey)) -> Option<Say>) -> Vec<Hold> {
    let mut last: BTreeMap<&ParticipantId, (Say, &Standing)> = BTreeMap::new();
    let rank = |(say, standing): (Say, &Standing)| {
        (standing.change == Change::Revocation, say, standing.number, severity(standing.change))
    };
    for act in about {
        let Act::Standing(signed) = act else { continue };
        let Some(say) = has_a_say(act.signer()) else { continue };
        let said = (say, signed.statement());
        let kept = last.entry(signed.signer()).or_insert(said);
        if rank(said) > rank(*kept) {
            *kept = said;
        }
    }
    let mut holds: Vec<Hold> = last
        .into_iter()
        .filter(|(_, (_, standing))| standing.change != Change::Resumption)
        .map(|(by, (_, standing))| Hold {
            by: by.clone(),
            change: standing.change,
            reason: standing.reason.clone(),
            at: standing.at,
        })
        .collect();
    holds.sort_by_key(|hold| hold.change != Change::Revocation);
    holds
}

/// Of two statements with one number, which an honest signer does not make, the stricter one counts.
fn severity(change: Change) -> u8 {
    match change {
        Change::Resumption => 0,
        Change::Suspension => 1,
        Change::Revocation => 2,
    }
}

#[cfg(test)]
pub(crate) mod tests;
