//! From a mode and a role to the party that plays it.

use std::sync::Arc;

use agreement::{Mode, Role};
use psi::{
    ErrorBudget, Item, Outcome, Parameters, PsiError, Sizes, dh_commutative,
    dh_oprf::{Receiver, Sender},
    matching::{self, Labels},
    party::Round,
};
use session::Side;
use zeroize::Zeroizing;

use crate::{error::RunError, handshake::Agreed, plan::Plan};

/// The first round of this side's party.
pub(crate) type First = Box<dyn Round<Output = Outcome>>;

/// What a party is made of besides the plan.
pub(crate) struct Parts {
    pub(crate) items: Arc<[Item]>,
    pub(crate) labels: Option<Labels>,
    /// The size of padded labels, whichever side has them.
    pub(crate) label_size: u32,
    pub(crate) seed: Zeroizing<[u8; 32]>,
}

/// Which side of a session a role is.
pub(crate) fn side(role: Role) -> Side {
    match role {
        Role::Receiver => Side::Receiver,
        Role::Sender => Side::Sender,
    }
}

/// What both sides of the run agree on, as the protocols need it.
///
/// # Errors
/// [`RunError`] if the error budget cannot be kept.
pub(crate) fn parameters(plan: &Plan, agreed: &Agreed) -> Result<Parameters, RunError> {
    let budget = ErrorBudget::new(plan.terms.error_budget.lambda).map_err(|error| own(&error))?;
    let (own, theirs) = (agreed.own_size, agreed.peer_size);
    let sizes = match plan.own.role {
        Role::Receiver => Sizes { receiver: own, sender: theirs },
        Role::Sender => Sizes { receiver: theirs, sender: own },
    };
    Ok(Parameters { session_id: agreed.session_id, sizes, budget })
}

/// Makes the party. Takes a while for large sets: for the compute pool.
///
/// # Errors
/// [`RunError`] if the protocol cannot take such sets.
pub(crate) fn party(mode: Mode, role: Role, parameters: &Parameters, parts: Parts) -> Result<First, RunError> {
    let Parts { items, labels, label_size, seed } = parts;
    // The Diffie-Hellman function; other protocols choose another here.
    let receiver = || Receiver::new(parameters, &seed);
    let sender = || Sender::new(parameters, &seed);
    let first = match (mode, role) {
        (Mode::Membership, Role::Receiver) => matching::membership_receiver(receiver(), parameters, items, &seed),
        (Mode::Membership, Role::Sender) => {
            sender().and_then(|sender| matching::membership_sender(sender, parameters, items, &seed))
        }
        (Mode::Both, Role::Receiver) => matching::both_receiver(receiver(), parameters, items, &seed),
        (Mode::Both, Role::Sender) => {
            sender().and_then(|sender| matching::both_sender(sender, parameters, items, &seed))
        }
        (Mode::Labelled, Role::Receiver) => {
            matching::labelled_receiver(receiver(), parameters, items, label_size, &seed)
        }
        (Mode::Labelled, Role::Sender) => {
            let labels = labels.ok_or_else(|| RunError::Own("a fault in this program: no labels".to_owned()))?;
            sender().and_then(|sender| matching::labelled_sender(sender, parameters, items, labels, &seed))
        }
        (Mode::Cardinality, Role::Receiver) => dh_commutative::cardinality_receiver(parameters, items, &seed),
        (Mode::Cardinality, Role::Sender) => dh_commutative::cardinality_sender(parameters, items, &seed),
        (Mode::Sum, _) => return Err(RunError::Configuration("mode sum is not built yet".to_owned())),
    };
    first.map_err(|error| own(&error))
}

fn own(error: &PsiError) -> RunError {
    match error {
        // Of the sizes that both told and the budget that both agreed to: nobody's fault.
        PsiError::Budget { .. } => RunError::Refused(error.to_string()),
        other => RunError::Own(other.to_string()),
    }
}
