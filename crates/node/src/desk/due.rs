//! What this participant owes others: that its agreements stay within what it published, and replies in time.

use agreement::{
    Act, Agreement, AgreementState, Moment, ParticipantId,
    calendar::{CONDITIONAL, Calendar, Day, PROVISION, UNCONDITIONAL},
    catalogue::{SharingType, violations},
    moment::MomentError,
};

use super::Papers;
use crate::{
    book::{BookError, Known},
    config::{Dataset, NodeConfig},
};

/// Bytes of all violations together.
const WHY: usize = 400;

/// Something that this participant is to do by a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The last day on which it is in time.
    pub(crate) day: Day,
    /// What it is.
    pub(crate) what: Owed,
    /// Whether that day is over.
    pub(crate) is_over: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// To consent or to reject.
    Reply,
    /// To serve the first run.
    FirstRun,
}

impl From<Owed> for wire::proto::Owed {
    fn from(owed: Owed) -> Self {
        match owed {
            Owed::Reply => Self::Reply,
            Owed::FirstRun => Self::FirstRun,
        }
    }
}

impl Papers {
    /// Holds an agreement to what this participant published of its dataset, where the configuration names the entry.
    pub(super) fn within_catalogue(&self, agreement: &Agreement) -> Result<(), BookError> {
        let me = self.book.participant();
        let own = agreement.party_of(me).zip(own_dataset(&self.config, agreement));
        let Some((party, entry)) = own.and_then(|(party, dataset)| Some((party, dataset.entry.as_ref()?))) else {
            return Ok(());
        };
        let found: Vec<String> = violations(agreement, party, entry).iter().map(ToString::to_string).collect();
        if found.is_empty() {
            return Ok(());
        }
        let why = agreement::printable(&found.join("; "), WHY);
        Err(BookError::NotTaken(format!("the agreement goes beyond what {me} published: {why}")))
    }

    /// What this participant owes under an agreement at `now`, after `used` runs.
    pub(super) fn due(
        &self,
        known: &Known,
        (state, used): (AgreementState, u64),
        now: Moment,
    ) -> Result<Option<Due>, MomentError> {
        let entry = own_dataset(&self.config, &known.agreement).and_then(|dataset| dataset.entry.as_ref());
        let sharing = entry.map(|entry| entry.sharing.sharing_type);
        let owed = owed(self.book.participant(), known, (state, used), sharing)?;
        let Some((from, days, what)) = owed else { return Ok(None) };
        let day = self.config.calendar.due(from, days);
        Ok(Some(Due { day, what, is_over: Calendar::is_over(day, now) }))
    }
}

/// From when on `me` has how many working days, and for what. A dataset of which nobody says how it is shared is taken to be
/// shared on conditions.
fn owed(
    me: &ParticipantId,
    known: &Known,
    (state, used): (AgreementState, u64),
    sharing: Option<SharingType>,
) -> Result<Option<(Moment, u32, Owed)>, MomentError> {
    let own: Vec<&Act> = known.acts.iter().filter(|act| act.signer().0 == me).collect();
    // Who asked owes no reply, and is served by the others.
    if own.iter().any(|act| matches!(act, Act::Request(_))) {
        return Ok(None);
    }
    let consent = own.iter().find(|act| matches!(act, Act::Consent(_))).map(|act| act.at());
    Ok(match (state, consent) {
        (AgreementState::Requested | AgreementState::Offered, None) => {
            let received = Moment::from_seconds(known.received_ms.div_euclid(1000))?;
            let days = if sharing == Some(SharingType::Unconditional) { UNCONDITIONAL } else { CONDITIONAL };
            Some((received, days, Owed::Reply))
        }
        (AgreementState::Effective | AgreementState::Suspended, Some(at)) if used == 0 => {
            Some((at, PROVISION, Owed::FirstRun))
        }
        _ => None,
    })
}

/// The dataset of this node that an agreement names.
fn own_dataset<'a>(config: &'a NodeConfig, agreement: &Agreement) -> Option<&'a Dataset> {
    let party = agreement.party_of(&config.participant)?;
    config.datasets.iter().find(|dataset| dataset.name == party.dataset.name)
}

#[cfg(test)]
mod tests {
    use agreement::{
        Digest, ErrorBudget, IdentityKey, JobParty, JobSpec, Mode, Protocol, Role, Signed, Statement,
        acts::{Consent, Offer, Request},
    };

    use super::*;

    /// A Monday.
    const MONDAY: &str = "2026-03-02T01:00:00Z";

    fn key(seed: u8) -> IdentityKey {
        IdentityKey::from_seed(&[seed; 32].into())
    }

    fn monday() -> Moment {
        MONDAY.parse().unwrap()
    }

    fn agreement() -> Agreement {
        let party = |name: &str, role| JobParty {
            participant: name.parse().unwrap(),
            role,
            dataset: "list".to_owned(),
            key_columns: vec!["id".to_owned()],
            label_columns: Vec::new(),
            padded_size: None,
        };
        let spec = JobSpec {
            name: "aid".to_owned(),
            parties: vec![party("shanghai", Role::Receiver), party("anhui", Role::Sender)],
            mode: Mode::Membership,
            protocol: Protocol::Ecdh,
            key_types: vec!["raw".parse().unwrap()],
            error_budget: ErrorBudget::default(),
            agreement_digest: None,
            listener: "anhui".parse().unwrap(),
            deadline_seconds: None,
        };
        let identities =
            [("shanghai", 1), ("anhui", 2)].map(|(name, seed)| (name.parse().unwrap(), key(seed).public()));
        crate::made_up_agreement(&spec, &identities, [0; 16], monday()).unwrap()
    }

    fn sign<T: Statement>(statement: T, name: &str, seed: u8) -> Signed<T> {
        Signed::sign(statement, &name.parse().unwrap(), &key(seed)).unwrap()
    }

    /// Shanghai's request, offered and signed by Anhui as far as is said.
    fn known(offered: bool, consented: bool) -> Known {
        let (agreement, at) = (agreement(), monday());
        let digest: Digest = agreement.digest().unwrap();
        let mut acts = vec![Act::Request(Box::new(sign(Request { agreement: agreement.clone(), at }, "shanghai", 1)))];
        if offered {
            acts.push(Act::Offer(sign(Offer { agreement: digest, at }, "anhui", 2)));
        }
        if consented {
            let consent = Consent { agreement: digest, at, approvers: vec!["k-1".to_owned()] };
            acts.push(Act::Consent(sign(consent, "anhui", 2)));
        }
        Known { digest, agreement, acts, received_ms: monday().seconds() * 1000 }
    }

    #[test]
    fn who_is_asked_owes_a_reply_and_then_a_first_run() {
        use AgreementState::{Effective, Expired, Offered, Rejected, Requested, Revoked, Suspended};
        use SharingType::{Conditional, Unconditional};
        let owes = |name: &str, known: &Known, state, sharing| {
            owed(&name.parse().unwrap(), known, state, sharing).unwrap().map(|(_, days, what)| (days, what))
        };
        let reply = |days| Some((days, Owed::Reply));
        let (asked, offered, signed) = (known(false, false), known(true, false), known(true, true));
        for (known, state, sharing, wanted) in [
            (&asked, (Requested, 0), Some(Unconditional), reply(1)),
            (&asked, (Requested, 0), Some(Conditional), reply(10)),
            (&asked, (Requested, 0), None, reply(10)),
            // That departments are being asked is no answer.
            (&offered, (Offered, 0), Some(Conditional), reply(10)),
            (&asked, (Rejected, 0), Some(Conditional), None),
            (&asked, (Expired, 0), Some(Conditional), None),
            (&signed, (Offered, 0), Some(Conditional), None),
            (&signed, (Effective, 0), Some(Conditional), Some((20, Owed::FirstRun))),
            (&signed, (Suspended, 0), Some(Conditional), Some((20, Owed::FirstRun))),
            (&signed, (Effective, 1), Some(Conditional), None),
            (&signed, (Revoked, 0), Some(Conditional), None),
        ] {
            assert_eq!(owes("anhui", known, state, sharing), wanted, "{state:?} {sharing:?}");
            assert_eq!(owes("shanghai", known, state, sharing), None, "it asked");
        }
    }
}
