//! Who may ask for what. Decided here alone, by the caller's duty and by what it asks about; what no rule allows
//! is refused.

use agreement::{JobSpec, ParticipantId};
use tonic::Status;
use wire::{Duty, Peer, Pins};

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// To attach as a node.
    Attach,
    /// To see which nodes there are.
    ListNodes,
    /// To submit a job.
    Submit,
    /// To cancel a job.
    Cancel,
    /// To see or watch a job.
    See,
    /// To list one's jobs.
    ListJobs,
    /// To publish an entry of the catalogue.
    PublishEntry,
    /// To withdraw one.
    WithdrawEntry,
    /// To search the catalogue.
    SearchEntries,
    /// To see an entry.
    GetEntry,
}

/// Who can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A participant with its own certificate. That is its node, and the account of machines: programs that submit
    /// jobs without a person may do it with the node's certificate.
    Node,
    /// A person of a participant.
    Person(Duty),
}

/// All who can call.
const ANYBODY: &[Caller] = &[
    Caller::Node,
    Caller::Person(Duty::Operator),
    Caller::Person(Duty::Approver),
    Caller::Person(Duty::Supervisor),
    Caller::Person(Duty::Auditor),
];

/// Who may call what. A call that does not stand here is nobody's.
const MAY: [(Call, &[Caller]); 10] = [
    (Call::Attach, &[Caller::Node]),
    (Call::ListNodes, ANYBODY),
    (Call::Submit, &[Caller::Node, Caller::Person(Duty::Operator)]),
    (Call::Cancel, &[Caller::Node, Caller::Person(Duty::Operator)]),
    (Call::See, ANYBODY),
    (Call::ListJobs, ANYBODY),
    (Call::PublishEntry, &[Caller::Node, Caller::Person(Duty::Operator)]),
    (Call::WithdrawEntry, &[Caller::Node, Caller::Person(Duty::Operator)]),
    (Call::SearchEntries, ANYBODY),
    (Call::GetEntry, ANYBODY),
];

/// Something a caller wants.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// To attach as the node of this participant.
    Attach(&'a ParticipantId),
    /// To submit this job.
    Submit(&'a JobSpec),
    /// To see or watch this job.
    See(&'a JobSpec),
    /// To cancel this job.
    Cancel(&'a JobSpec),
    /// To list the nodes.
    ListNodes,
    /// To list one's own jobs.
    ListJobs,
    /// To publish an entry of this provider.
    PublishEntry(&'a ParticipantId),
    /// To withdraw an entry of this provider.
    WithdrawEntry(&'a ParticipantId),
    /// To search the catalogue.
    SearchEntries,
    /// To see an entry of it.
    GetEntry,
}

impl Wish<'_> {
    fn call(self) -> Call {
        match self {
            Self::Attach(_) => Call::Attach,
            Self::Submit(_) => Call::Submit,
            Self::See(_) => Call::See,
            Self::Cancel(_) => Call::Cancel,
            Self::ListNodes => Call::ListNodes,
            Self::ListJobs => Call::ListJobs,
            Self::PublishEntry(_) => Call::PublishEntry,
            Self::WithdrawEntry(_) => Call::WithdrawEntry,
            Self::SearchEntries => Call::SearchEntries,
            Self::GetEntry => Call::GetEntry,
        }
    }
}

/// Allows a wish of `caller`, whom TLS has proved, or refuses it.
///
/// # Errors
/// `permission_denied`, in words that say what would be allowed. A job that is not the caller's is
/// `not_found`, whatever the caller's duty: that it exists is not the caller's business.
pub fn allow(caller: &Peer, pinned: &Pins, wish: Wish<'_>) -> Result<(), Status> {
    let participant = &caller.participant;
    // Its connection is closed when its identity is replaced; a request may have come in before.
    if pinned.identity(participant) != Some(caller.identity) {
        return Err(Status::permission_denied("this coordinator does not know you"));
    }
    if let Wish::See(spec) | Wish::Cancel(spec) = wish
        && spec.party_of(participant).is_none()
    {
        return Err(Status::not_found("there is no such job"));
    }
    let duty = caller.person.as_ref().map_or(Caller::Node, |person| Caller::Person(person.duty));
    if !may(duty, wish.call()) {
        return Err(refused(duty, wish.call()));
    }
    match wish {
        Wish::Attach(named) if named != participant => {
            Err(Status::permission_denied("a node attaches under its own name"))
        }
        Wish::PublishEntry(provider) | Wish::WithdrawEntry(provider) if provider != participant => {
            Err(Status::permission_denied("an entry is published and withdrawn by its provider"))
        }
        Wish::Submit(spec) => {
            if spec.party_of(participant).is_none() {
                return Err(Status::permission_denied("a job is submitted by one of its parties"));
            }
            let unknown = spec.parties.iter().find(|party| pinned.identity(&party.participant).is_none());
            unknown.map_or(Ok(()), |party| {
                Err(Status::failed_precondition(format!("this coordinator does not know {}", party.participant)))
            })
        }
        Wish::Attach(_) | Wish::See(_) | Wish::Cancel(_) | Wish::ListNodes | Wish::ListJobs => Ok(()),
        Wish::PublishEntry(_) | Wish::WithdrawEntry(_) | Wish::SearchEntries | Wish::GetEntry => Ok(()),
    }
}

/// Who may do this.
fn callers(call: Call) -> &'static [Caller] {
    MAY.iter().find(|(known, _)| *known == call).map_or(&[], |(_, callers)| callers)
}

fn may(caller: Caller, call: Call) -> bool {
    callers(call).contains(&caller)
}

fn refused(caller: Caller, call: Call) -> Status {
    let what = match call {
        Call::Attach => "attach as a node",
        Call::ListNodes => "list the nodes",
        Call::Submit => "submit a job",
        Call::Cancel => "cancel a job",
        Call::See => "see a job",
        Call::ListJobs => "list jobs",
        Call::PublishEntry => "publish an entry of the catalogue",
        Call::WithdrawEntry => "withdraw an entry of the catalogue",
        Call::SearchEntries => "search the catalogue",
        Call::GetEntry => "see an entry of the catalogue",
    };
    let who = callers(call).iter().map(|caller| named(*caller)).collect::<Vec<_>>().join(" or ");
    Status::permission_denied(format!("{} may not {what}; it takes the certificate of {who}", named(caller)))
}

fn named(caller: Caller) -> &'static str {
    match caller {
        Caller::Node => "the node itself",
        Caller::Person(Duty::Operator) => "an operator",
        Caller::Person(Duty::Approver) => "an approver",
        Caller::Person(Duty::Supervisor) => "a supervisor",
        Caller::Person(Duty::Auditor) => "an auditor",
    }
}

#[cfg(test)]
mod tests {
    use agreement::{ErrorBudget, IdentityKey, IdentityPublicKey, JobParty, KeyType, Mode, Protocol, Role};
    use tonic::Code;
    use wire::Person;

    use super::*;

    fn id(name: &str) -> ParticipantId {
        name.parse().unwrap()
    }

    fn identity(seed: u8) -> IdentityPublicKey {
        IdentityKey::from_seed(&[seed; 32].into()).public()
    }

    fn pins() -> Pins {
        Pins::new([(id("anhui"), identity(1)), (id("shanghai"), identity(2)), (id("jiangsu"), identity(3))]).unwrap()
    }

    fn peer(name: &str, seed: u8, caller: Caller) -> Peer {
        let person = match caller {
            Caller::Node => None,
            Caller::Person(duty) => Some(Person { handle: "k-17".parse().unwrap(), duty }),
        };
        Peer { participant: id(name), person, identity: identity(seed), channel_binding: [0; 32] }
    }

    /// A job of these two.
    fn job(parties: [&str; 2]) -> JobSpec {
        let roles = parties.into_iter().zip([Role::Receiver, Role::Sender]);
        let party = |(name, role)| JobParty {
            participant: id(name),
            role,
            dataset: "residents".to_owned(),
            key_columns: vec!["id_no".to_owned()],
            label_columns: Vec::new(),
            padded_size: None,
        };
        JobSpec {
            name: "households".to_owned(),
            parties: roles.map(party).collect(),
            mode: Mode::Membership,
            protocol: Protocol::Ecdh,
            key_types: vec![KeyType::Raw],
            error_budget: ErrorBudget { lambda: 40 },
            listener: id(parties[1]),
            deadline_seconds: None,
            agreement_digest: None,
        }
    }

    #[test]
    fn every_call_of_every_caller_is_as_it_stands_here() {
        use Caller::{Node, Person};
        let callers =
            [Node, Person(Duty::Operator), Person(Duty::Approver), Person(Duty::Supervisor), Person(Duty::Auditor)];
        let (own, anhui) = (job(["anhui", "shanghai"]), id("anhui"));
        let table = [
            //                         node   operator approver supervisor auditor
            (Wish::Attach(&anhui), [true, false, false, false, false]),
            (Wish::ListNodes, [true, true, true, true, true]),
            (Wish::Submit(&own), [true, true, false, false, false]),
            (Wish::Cancel(&own), [true, true, false, false, false]),
            (Wish::See(&own), [true, true, true, true, true]),
            (Wish::ListJobs, [true, true, true, true, true]),
            (Wish::PublishEntry(&anhui), [true, true, false, false, false]),
            (Wish::WithdrawEntry(&anhui), [true, true, false, false, false]),
            (Wish::SearchEntries, [true, true, true, true, true]),
            (Wish::GetEntry, [true, true, true, true, true]),
        ];
        for (wish, expected) in table {
            for (caller, expected) in callers.into_iter().zip(expected) {
                assert_eq!(may(caller, wish.call()), expected, "{caller:?}: {wish:?}");
                let answer = allow(&peer("anhui", 1, caller), &pins(), wish).map_err(|status| status.code());
                assert_eq!(answer, if expected { Ok(()) } else { Err(Code::PermissionDenied) }, "{caller:?}: {wish:?}");
            }
        }
        assert_eq!(MAY.map(|(call, _)| call), table_order(), "a call stands in the table once");
        assert_eq!(callers.as_slice(), ANYBODY);
    }

    fn table_order() -> [Call; 10] {
        [
            Call::Attach,
            Call::ListNodes,
            Call::Submit,
            Call::Cancel,
            Call::See,
            Call::ListJobs,
            Call::PublishEntry,
            Call::WithdrawEntry,
            Call::SearchEntries,
            Call::GetEntry,
        ]
    }

    #[test]
    fn whose_job_it_is_not_hears_that_there_is_none_whatever_its_duty() {
        let others = job(["anhui", "shanghai"]);
        for caller in ANYBODY {
            for wish in [Wish::See(&others), Wish::Cancel(&others)] {
                let refused = allow(&peer("jiangsu", 3, *caller), &pins(), wish).unwrap_err();
                assert_eq!((refused.code(), refused.message()), (Code::NotFound, "there is no such job"));
            }
            let refused = allow(&peer("jiangsu", 3, *caller), &pins(), Wish::Submit(&others)).unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{caller:?}");
        }
    }

    #[test]
    fn a_node_is_its_own_and_a_job_is_of_those_who_are_known() {
        let (node, shanghai) = (peer("anhui", 1, Caller::Node), id("shanghai"));
        let refused = allow(&node, &pins(), Wish::Attach(&shanghai)).unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        for wish in [Wish::PublishEntry(&shanghai), Wish::WithdrawEntry(&shanghai)] {
            let refused = allow(&node, &pins(), wish).unwrap_err();
            assert_eq!((refused.code(), refused.message().contains("its provider")), (Code::PermissionDenied, true));
        }
        let refused = allow(&node, &pins(), Wish::Submit(&job(["anhui", "hainan"]))).unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
    }

    #[test]
    fn whose_identity_is_pinned_no_longer_may_nothing() {
        let (pins, own, anhui) = (pins(), job(["anhui", "shanghai"]), id("anhui"));
        pins.replace(&anhui, identity(9)).unwrap();
        for wish in [Wish::Attach(&anhui), Wish::ListNodes, Wish::Submit(&own), Wish::See(&own), Wish::ListJobs] {
            let refused = allow(&peer("anhui", 1, Caller::Node), &pins, wish).unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{wish:?}");
            assert!(allow(&peer("anhui", 9, Caller::Node), &pins, wish).is_ok(), "{wish:?}");
        }
    }

    #[test]
    fn who_is_refused_hears_whose_certificate_it_takes() {
        let auditor = peer("anhui", 1, Caller::Person(Duty::Auditor));
        let own = job(["anhui", "shanghai"]);
        let refused = allow(&auditor, &pins(), Wish::Submit(&own)).unwrap_err();
        let words = "an auditor may not submit a job; it takes the certificate of the node itself or an operator";
        assert_eq!(refused.message(), words);
    }
}
