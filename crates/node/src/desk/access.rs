//! Who may ask the desk for what. Decided here alone; what no rule allows is refused.

use agreement::ParticipantId;
use tonic::Status;
use wire::{Duty, Peer};

/// What a caller wants of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To bring statements, and take those that wait.
    Tell,
    /// To see agreements, and which results there are.
    See,
    /// To ask for an agreement, or offer one.
    Ask,
    /// To approve or reject one in this participant's name.
    Approve,
    /// To suspend one.
    Suspend,
    /// To resume or revoke one.
    Settle,
    /// To take a result out.
    Export,
    /// To have a result deleted.
    Delete,
}

/// Allows a wish of a caller whom TLS has proved, or refuses it. `me` is the participant whose node this is.
///
/// # Errors
/// `permission_denied`, in words that say who would be allowed.
pub(crate) fn allow(caller: &Peer, me: &ParticipantId, wish: Wish) -> Result<(), Status> {
    let own = caller.participant == *me;
    let duty = caller.person.as_ref().map(|person| person.duty);
    let allowed = match (wish, own, duty) {
        // The node of a peer or a supervisor, a supervisor's person, or this participant's own operator.
        (Wish::Tell, false, None | Some(Duty::Supervisor)) | (Wish::Tell, true, Some(Duty::Operator)) => true,
        (Wish::See, true, Some(_)) => true,
        (Wish::Ask, true, Some(Duty::Operator)) => true,
        (Wish::Approve | Wish::Settle, true, Some(Duty::Approver)) => true,
        (Wish::Suspend, true, Some(Duty::Operator | Duty::Approver)) => true,
        (Wish::Export, true, Some(Duty::Operator)) => true,
        (Wish::Delete, true, Some(Duty::Operator | Duty::Approver)) => true,
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    let who = match wish {
        Wish::Tell => "a peer's node, a supervisor, or an operator",
        Wish::See => "a person of this participant",
        Wish::Ask | Wish::Export => "an operator of this participant",
        Wish::Approve | Wish::Settle => "an approver of this participant",
        Wish::Suspend | Wish::Delete => "an operator or an approver of this participant",
    };
    Err(Status::permission_denied(format!("this is for {who}; the certificate is of {}", caller.holder())))
}

#[cfg(test)]
mod tests {
    use agreement::IdentityKey;
    use wire::Person;

    use super::*;

    const WISHES: [Wish; 8] =
        [Wish::Tell, Wish::See, Wish::Ask, Wish::Approve, Wish::Suspend, Wish::Settle, Wish::Export, Wish::Delete];

    fn caller(participant: &str, duty: Option<Duty>) -> Peer {
        let person = duty.map(|duty| Person { handle: "k-17".parse().unwrap(), duty });
        Peer {
            participant: participant.parse().unwrap(),
            identity: IdentityKey::from_seed(&[7; 32].into()).public(),
            person,
            channel_binding: [0; 32],
        }
    }

    /// Every caller and every wish: one letter for each of [`WISHES`], `x` where it is allowed.
    const TABLE: [(&str, Option<Duty>, &str); 10] = [
        ("anhui", None, "........"),
        ("anhui", Some(Duty::Operator), "xxx.x.xx"),
        ("anhui", Some(Duty::Approver), ".x.xxx.x"),
        ("anhui", Some(Duty::Auditor), ".x......"),
        ("anhui", Some(Duty::Supervisor), ".x......"),
        ("shanghai", None, "x......."),
        ("shanghai", Some(Duty::Operator), "........"),
        ("shanghai", Some(Duty::Approver), "........"),
        ("shanghai", Some(Duty::Auditor), "........"),
        ("shanghai", Some(Duty::Supervisor), "x......."),
    ];

    #[test]
    fn every_combination_is_as_the_table_has_it() {
        let me: ParticipantId = "anhui".parse().unwrap();
        for (participant, duty, row) in TABLE {
            for (wish, allowed) in WISHES.into_iter().zip(row.chars()) {
                let ruled = allow(&caller(participant, duty), &me, wish).is_ok();
                assert_eq!(ruled, allowed == 'x', "{participant} {duty:?} {wish:?}");
            }
        }
        assert_eq!(TABLE.len(), 2 * (Duty::ALL.len() + 1));
    }
}
