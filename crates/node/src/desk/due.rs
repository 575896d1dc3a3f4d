//! What this participant owes others: that its agreements stay within what it published, and replies in time.

use agreement::{
    Act, Agreement, AgreementState, Moment,
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
        let me = self.book.participant();
        let own = |wanted: fn(&Act) -> bool| known.acts.iter().find(|act| act.signer().0 == me && wanted(act));
        // Who asked owes no reply; what it serves, it serves itself.
        if own(|act| matches!(act, Act::Request(_))).is_some() {
            return Ok(None);
        }
        let consent = own(|act| matches!(act, Act::Consent(_))).map(Act::at);
        let rejected = own(|act| matches!(act, Act::Rejection(_))).is_some();
        let (from, days, what) = match (state, consent) {
            (AgreementState::Requested | AgreementState::Offered, None) if !rejected => {
                let received = Moment::from_seconds(known.received_ms.div_euclid(1000))?;
                (received, days_to_reply(own_dataset(&self.config, &known.agreement)), Owed::Reply)
            }
            (AgreementState::Effective | AgreementState::Suspended, Some(at)) if used == 0 => {
                (at, PROVISION, Owed::FirstRun)
            }
            _ => return Ok(None),
        };
        let day = self.config.calendar.due(from, days);
        Ok(Some(Due { day, what, is_over: Calendar::is_over(day, now) }))
    }
}

/// The dataset of this node that an agreement names.
fn own_dataset<'a>(config: &'a NodeConfig, agreement: &Agreement) -> Option<&'a Dataset> {
    let party = agreement.party_of(&config.participant)?;
    config.datasets.iter().find(|dataset| dataset.name == party.dataset.name)
}

/// One of a dataset whose entry nobody named is taken to be shared on conditions.
fn days_to_reply(dataset: Option<&Dataset>) -> u32 {
    let sharing = dataset.and_then(|dataset| dataset.entry.as_ref()).map(|entry| entry.sharing.sharing_type);
    match sharing {
        Some(SharingType::Unconditional) => UNCONDITIONAL,
        _ => CONDITIONAL,
    }
}
