//! From a mode and a role to the party that plays it.

use std::sync::Arc;

use agreement::{Mode, Protocol, Role};
use psi::{
    Item, Outcome, Parameters, PsiError,
    cost::{Engine, Task},
    dh_commutative, dh_oprf,
    matching::{self, Labels},
    oprf::{OprfReceiver, OprfSender},
    party::Round,
    vole_oprf,
};
use session::Side;
use zeroize::Zeroizing;

use crate::{error::RunError, plan::Plan};

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

/// Which engine a protocol runs on.
pub(crate) fn engine(protocol: Protocol) -> Engine {
    match protocol {
        Protocol::Ecdh => Engine::Ecdh,
        Protocol::Vole | Protocol::VoleMalicious => Engine::Vole,
    }
}

/// What a mode asks of it, with padded labels of `label_size` bytes.
pub(crate) fn task(mode: Mode, label_size: u32) -> Task {
    match mode {
        Mode::Membership | Mode::Sum => Task::Membership,
        Mode::Labelled => Task::Labelled(label_size),
        Mode::Both => Task::Both,
        Mode::Cardinality => Task::Cardinality,
    }
}

/// Checks that the protocol takes `size` items of the receiver in one bin.
///
/// # Errors
/// [`RunError::Refused`], which names the receiver.
pub(crate) fn takes(plan: &Plan, size: u64) -> Result<(), RunError> {
    let most = vole_oprf::MOST_ITEMS;
    if plan.terms.protocol == Protocol::Vole && size > most {
        let participant = match plan.own.role {
            Role::Receiver => &plan.me,
            Role::Sender => plan.peer(),
        };
        return Err(RunError::Refused(format!(
            "{size} items of {participant} are more than the {most} that protocol vole takes from a receiver in one bin"
        )));
    }
    Ok(())
}

/// Makes the party. Takes a while for large sets: for the compute pool.
///
/// # Errors
/// [`RunError`] if the protocol cannot take such sets.
pub(crate) fn party(
    (mode, protocol): (Mode, Protocol),
    role: Role,
    parameters: &Parameters,
    parts: Parts,
) -> Result<First, RunError> {
    let seed = parts.seed.clone();
    let first = match (protocol, role) {
        (Protocol::Ecdh, Role::Receiver) => {
            receiver(mode, dh_oprf::Receiver::new(parameters, &seed), parameters, parts)
        }
        (Protocol::Ecdh, Role::Sender) => {
            dh_oprf::Sender::new(parameters, &seed).and_then(|oprf| sender(mode, oprf, parameters, parts))
        }
        (Protocol::Vole, Role::Receiver) => {
            vole_oprf::Receiver::new(parameters, &seed).and_then(|oprf| receiver(mode, oprf, parameters, parts))
        }
        (Protocol::Vole, Role::Sender) => {
            vole_oprf::Sender::new(parameters, &seed).and_then(|oprf| sender(mode, oprf, parameters, parts))
        }
        (Protocol::VoleMalicious, _) => Err(NOT_BUILT),
    };
    first.map_err(|error| own(&error))
}

/// What validation of a job refuses before it comes here.
const NOT_BUILT: PsiError = PsiError::Usage("a mode or protocol that is not built yet");

fn receiver(mode: Mode, oprf: impl OprfReceiver, parameters: &Parameters, parts: Parts) -> Result<First, PsiError> {
    let Parts { items, label_size, seed, .. } = parts;
    match mode {
        Mode::Membership => matching::membership_receiver(oprf, parameters, items, &seed),
        Mode::Both => matching::both_receiver(oprf, parameters, items, &seed),
        Mode::Labelled => matching::labelled_receiver(oprf, parameters, items, label_size, &seed),
        Mode::Cardinality => dh_commutative::cardinality_receiver(parameters, items, &seed),
        Mode::Sum => Err(NOT_BUILT),
    }
}

fn sender(mode: Mode, oprf: impl OprfSender, parameters: &Parameters, parts: Parts) -> Result<First, PsiError> {
    let Parts { items, labels, seed, .. } = parts;
    match mode {
        Mode::Membership => matching::membership_sender(oprf, parameters, items, &seed),
        Mode::Both => matching::both_sender(oprf, parameters, items, &seed),
        Mode::Labelled => {
            let labels = labels.ok_or(PsiError::Usage("a fault in this program: no labels"))?;
            matching::labelled_sender(oprf, parameters, items, labels, &seed)
        }
        Mode::Cardinality => dh_commutative::cardinality_sender(parameters, items, &seed),
        Mode::Sum => Err(NOT_BUILT),
    }
}

/// What an error of the protocols means here.
pub(crate) fn own(error: &PsiError) -> RunError {
    match error {
        // Of the sizes that both told and the budget that both agreed to: nobody's fault.
        PsiError::Budget { .. } | PsiError::TooLarge(_) => RunError::Refused(error.to_string()),
        other => RunError::Own(other.to_string()),
    }
}
