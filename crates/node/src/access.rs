//! Who may ask a node for what. Decided here alone; what no rule allows is refused.

use agreement::{ParticipantId, Pinned};
use tonic::Status;
use wire::{Duty, Peer};

/// What a caller wants of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To match with it: a session.
    Exchange,
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
    /// To see receipts, and what use was made.
    Audit,
    /// To accept another identity of a peer or a supervisor.
    Succeed,
    /// To take a result out.
    Export,
    /// To have a result deleted.
    Delete,
}

/// Allows a wish of a caller whom TLS has proved, or refuses it. `me` is the participant whose node this is, with what it has
/// pinned.
///
/// # Errors
/// `permission_denied`, in words that say who would be allowed.
pub(crate) fn allow(caller: &Peer, (me, pinned): (&ParticipantId, &Pinned), wish: Wish) -> Result<(), Status> {
    let own = caller.participant == *me;
    let supervises = pinned.is_supervisor((&caller.participant, &caller.identity));
    let duty = caller.person.as_ref().map(|person| person.duty);
    let allowed = match (wish, own, duty) {
        (Wish::Exchange, false, None) => true,
        // The node of a peer or a supervisor, a supervisor's person, or this participant's own operator.
        (Wish::Tell, false, None | Some(Duty::Supervisor)) | (Wish::Tell, true, Some(Duty::Operator)) => true,
        (Wish::See, true, Some(_)) => true,
        (Wish::Ask, true, Some(Duty::Operator)) => true,
        (Wish::Succeed, true, Some(Duty::Operator)) => true,
        (Wish::Approve | Wish::Settle, true, Some(Duty::Approver)) => true,
        (Wish::Suspend, true, Some(Duty::Operator | Duty::Approver)) => true,
        (Wish::Audit, true, Some(_)) => true,
        // A peer may name supervisors of its own; they are none here.
        (Wish::Audit, false, Some(Duty::Supervisor)) => supervises,
        (Wish::Export, true, Some(Duty::Operator)) => true,
        (Wish::Delete, true, Some(Duty::Operator | Duty::Approver)) => true,
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    let who = match wish {
        Wish::Exchange => "a peer's node",
        Wish::Tell => "a peer's node, a supervisor, or an operator",
        Wish::See => "a person of this participant",
        Wish::Ask | Wish::Succeed | Wish::Export => "an operator of this participant",
        Wish::Approve | Wish::Settle => "an approver of this participant",
        Wish::Suspend | Wish::Delete => "an operator or an approver of this participant",
        Wish::Audit => "a person of this participant, or a supervisor's person with that duty",
    };
    Err(Status::permission_denied(format!("this is for {who}; the certificate is of {}", caller.holder())))
}

#[cfg(test)]
mod tests {
    use agreement::{IdentityKey, IdentityPublicKey};
    use wire::Person;

    use super::*;

    const WISHES: [Wish; 11] = [
        Wish::Exchange,
        Wish::Tell,
        Wish::See,
        Wish::Ask,
        Wish::Approve,
        Wish::Suspend,
        Wish::Settle,
        Wish::Audit,
        Wish::Succeed,
        Wish::Export,
        Wish::Delete,
    ];

    fn caller(participant: &str, duty: Option<Duty>) -> Peer {
        let person = duty.map(|duty| Person { handle: "k-17".parse().unwrap(), duty });
        Peer { participant: participant.parse().unwrap(), identity: identity(7), person, channel_binding: [0; 32] }
    }

    fn identity(seed: u8) -> IdentityPublicKey {
        IdentityKey::from_seed(&[seed; 32].into()).public()
    }

    /// Every caller and every wish: one letter for each of [`WISHES`], `x` where it is allowed. `watch` is pinned as a supervisor.
    const TABLE: [(&str, Option<Duty>, &str); 15] = [
        ("anhui", None, "..........."),
        ("anhui", Some(Duty::Operator), ".xxx.x.xxxx"),
        ("anhui", Some(Duty::Approver), "..x.xxxx..x"),
        ("anhui", Some(Duty::Auditor), "..x....x..."),
        ("anhui", Some(Duty::Supervisor), "..x....x..."),
        ("shanghai", None, "xx........."),
        ("shanghai", Some(Duty::Operator), "..........."),
        ("shanghai", Some(Duty::Approver), "..........."),
        ("shanghai", Some(Duty::Auditor), "..........."),
        ("shanghai", Some(Duty::Supervisor), ".x........."),
        ("watch", None, "xx........."),
        ("watch", Some(Duty::Operator), "..........."),
        ("watch", Some(Duty::Approver), "..........."),
        ("watch", Some(Duty::Auditor), "..........."),
        ("watch", Some(Duty::Supervisor), ".x.....x..."),
    ];

    fn pinned(supervisor: IdentityPublicKey) -> Pinned {
        Pinned { supervisors: [("watch".parse().unwrap(), supervisor)].into(), ..Pinned::default() }
    }

    #[test]
    fn every_combination_is_as_the_table_has_it() {
        let (me, pinned): (ParticipantId, _) = ("anhui".parse().unwrap(), pinned(identity(7)));
        for (participant, duty, row) in TABLE {
            for (wish, allowed) in WISHES.into_iter().zip(row.chars()) {
                let ruled = allow(&caller(participant, duty), (&me, &pinned), wish).is_ok();
                assert_eq!(ruled, allowed == 'x', "{participant} {duty:?} {wish:?}");
            }
        }
        assert_eq!(TABLE.len(), 3 * (Duty::ALL.len() + 1));
    }

    #[test]
    fn a_supervisor_is_one_by_the_key_that_is_pinned() {
        let (me, other): (ParticipantId, _) = ("anhui".parse().unwrap(), pinned(identity(8)));
        let asks = caller("watch", Some(Duty::Supervisor));
        assert!(allow(&asks, (&me, &other), Wish::Audit).is_err());
        assert!(allow(&asks, (&me, &pinned(identity(7))), Wish::Audit).is_ok());
    }
}
