//! Jobs: what is refused and why, what may follow what, and how the vocabulary is written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use agreement::{
    ErrorBudget, JobParty, JobSpec, JobSpecError,
    JobState::{
        self, AwaitingApproval, Cancelled, Failed, Pending, Queued, Rejected, Running, Succeeded, Suspended, TimedOut,
    },
    KeyType, Mode, Protocol, Role,
};

const STATES: [JobState; 10] =
    [Pending, AwaitingApproval, Queued, Running, Suspended, Succeeded, Failed, Cancelled, Rejected, TimedOut];

type Change = fn(&mut JobSpec);

fn party(participant: &str, role: Role) -> JobParty {
    JobParty {
        participant: participant.parse().unwrap(),
        role,
        dataset: "residents".to_owned(),
        key_columns: vec!["id".to_owned()],
        label_columns: Vec::new(),
        padded_size: None,
    }
}

fn label(job: &mut JobSpec, party: usize) {
    job.parties[party].label_columns = vec!["district".to_owned()];
}

/// A job of anhui, which receives, and shanghai, which sends.
fn job(mode: Mode) -> JobSpec {
    let mut job = JobSpec {
        name: "a job".to_owned(),
        parties: vec![party("anhui", Role::Receiver), party("shanghai", Role::Sender)],
        mode,
        protocol: Protocol::Ecdh,
        key_types: vec![KeyType::Raw],
        error_budget: ErrorBudget::default(),
        agreement_digest: None,
        listener: "shanghai".parse().unwrap(),
        deadline_seconds: None,
    };
    if mode == Mode::Labelled {
        label(&mut job, 1);
    }
    job
}

#[test]
fn jobs_that_fit_together_are_valid_at_both_ends_of_the_error_budget() {
    for mode in [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality] {
        for lambda in [30, 40, 80] {
            let error_budget = ErrorBudget { lambda };
            assert_eq!(JobSpec { error_budget, ..job(mode) }.validate(), Ok(()), "{mode}, {lambda}");
        }
    }
    let mut several = job(Mode::Membership);
    several.key_types.push(KeyType::Raw);
    several.parties.iter_mut().for_each(|party| party.key_columns.push("date".to_owned()));
    several.parties.swap(0, 1);
    several.listener = "anhui".parse().unwrap();
    assert_eq!(several.validate(), Ok(()));
}

#[test]
fn an_ebill_stands_in_one_column_or_in_three_and_each_party_has_its_own_way() {
    let mut bills = job(Mode::Membership);
    bills.key_types = vec![KeyType::Ebill];
    bills.parties[1].key_columns = ["code", "number", "check"].map(str::to_owned).to_vec();
    assert_eq!(bills.validate(), Ok(()));
    bills.parties[1].key_columns.pop();
    assert!(bills.validate().is_err());
}

#[test]
fn what_is_planned_is_told_from_what_is_wrong() {
    let refusals: [(&str, Change); 3] = [
        ("mode sum", |job| job.mode = Mode::Sum),
        ("protocol vole-malicious", |job| job.protocol = Protocol::VoleMalicious),
        ("a job of more than two parties", |job| job.parties.push(party("jiangsu", Role::Sender))),
    ];
    for (what, change) in refusals {
        let mut job = job(Mode::Membership);
        change(&mut job);
        assert_eq!(job.validate(), Err(JobSpecError::NotBuilt(what.to_owned())));
    }
}

#[test]
fn the_fast_protocol_serves_all_modes_but_cardinality() {
    for mode in [Mode::Membership, Mode::Labelled, Mode::Both] {
        let mut job = job(mode);
        job.protocol = Protocol::Vole;
        assert_eq!(job.validate(), Ok(()));
    }
    let mut job = job(Mode::Cardinality);
    job.protocol = Protocol::Vole;
    assert_eq!(job.validate(), Err(JobSpecError::Wrong("mode cardinality runs on protocol ecdh alone".to_owned())));
}

#[test]
fn what_does_not_fit_together_is_refused_with_its_reason() {
    let roles = "a job needs one receiver and one sender";
    let itself = "a participant cannot match with itself";
    let listener = "the listener must be one of the parties";
    let lambda = "the error budget's lambda is 30 to 80 bits";
    let receivers = "only the sender has label columns";
    let labelled = "mode labelled needs at least one label column of the sender";
    let labels = "label columns go with mode labelled alone";
    let no_column = "a key needs at least one column";
    let columns = "each party needs as many key columns as there are key types, or three for each ebill";
    let dataset = "each party needs a dataset";
    let refusals: [(Mode, &str, Change); 21] = [
        (Mode::Both, roles, |job| job.parties.clear()),
        (Mode::Both, roles, |job| drop(job.parties.pop())),
        (Mode::Both, roles, |job| drop(job.parties.remove(0))),
        (Mode::Both, roles, |job| job.parties[0].role = Role::Sender),
        (Mode::Both, roles, |job| job.parties[1].role = Role::Receiver),
        (Mode::Both, itself, |job| job.parties[0].participant = job.parties[1].participant.clone()),
        (Mode::Both, listener, |job| job.listener = "jiangsu".parse().unwrap()),
        (Mode::Both, lambda, |job| job.error_budget.lambda = 29),
        (Mode::Both, lambda, |job| job.error_budget.lambda = 81),
        (Mode::Both, lambda, |job| job.error_budget.lambda = u32::MAX),
        (Mode::Labelled, receivers, |job| label(job, 0)),
        (Mode::Labelled, labelled, |job| job.parties[1].label_columns.clear()),
        (Mode::Membership, labels, |job| label(job, 1)),
        (Mode::Both, labels, |job| label(job, 1)),
        (Mode::Cardinality, labels, |job| label(job, 1)),
        (Mode::Both, no_column, |job| {
            job.key_types.clear();
            job.parties.iter_mut().for_each(|party| party.key_columns.clear());
        }),
        (Mode::Both, columns, |job| job.key_types.push(KeyType::Raw)),
        (Mode::Both, columns, |job| job.parties[0].key_columns.clear()),
        (Mode::Both, columns, |job| job.parties[1].key_columns.push("date".to_owned())),
        (Mode::Both, dataset, |job| job.parties[0].dataset.clear()),
        (Mode::Both, dataset, |job| job.parties[1].dataset.clear()),
    ];
    for (number, (mode, reason, change)) in refusals.into_iter().enumerate() {
        let mut job = job(mode);
        change(&mut job);
        assert_eq!(job.validate(), Err(JobSpecError::Wrong(reason.to_owned())), "refusal {number}");
    }
}

#[test]
fn parts_of_a_job_are_found_by_role_and_by_participant() {
    let job = job(Mode::Labelled);
    for (part, party) in [(Role::Receiver, &job.parties[0]), (Role::Sender, &job.parties[1])] {
        assert_eq!(job.party(part), Some(party));
        assert_eq!(job.party_of(&party.participant), Some(party));
    }
    assert_eq!(job.party_of(&"jiangsu".parse().unwrap()), None);
}

#[test]
fn states_follow_each_other_only_as_a_job_lives() {
    // From each state, those that may follow; every other pair is refused.
    let may: [(JobState, &[JobState]); 10] = [
        (Pending, &[AwaitingApproval, Queued, Suspended, Failed, Cancelled, Rejected, TimedOut]),
        (AwaitingApproval, &[Queued, Suspended, Failed, Cancelled, Rejected, TimedOut]),
        (Queued, &[AwaitingApproval, Running, Suspended, Failed, Cancelled, Rejected, TimedOut]),
        (Running, &[AwaitingApproval, Suspended, Succeeded, Failed, Cancelled, Rejected, TimedOut]),
        (Suspended, &[AwaitingApproval, Queued, Running, Failed, Cancelled, Rejected, TimedOut]),
        (Succeeded, &[]),
        (Failed, &[]),
        (Cancelled, &[]),
        (Rejected, &[]),
        (TimedOut, &[]),
    ];
    assert_eq!(may.map(|(from, _)| from), STATES);
    for (from, followers) in may {
        assert_eq!(from.is_final(), followers.is_empty(), "{from}");
        for next in STATES {
            assert_eq!(from.may_become(next), followers.contains(&next), "{from} to {next}");
        }
    }
}

/// Each value is written as told and read back; nothing else is read.
fn written_and_read<T>(values: &[(T, &str)])
where
    T: FromStr<Err = JobSpecError> + Display + Debug + PartialEq,
{
    for (value, name) in values {
        assert_eq!(value.to_string(), *name);
        assert_eq!(name.parse::<T>().as_ref(), Ok(value));
        for wrong in [format!(" {name}"), name.to_uppercase(), String::new(), format!("{name}s")] {
            let error = wrong.parse::<T>().unwrap_err();
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{wrong:?}: {error}");
        }
    }
}

#[test]
fn modes_protocols_and_states_are_written_and_read_by_their_names() {
    written_and_read(&[
        (Mode::Membership, "membership"),
        (Mode::Labelled, "labelled"),
        (Mode::Both, "both"),
        (Mode::Cardinality, "cardinality"),
        (Mode::Sum, "sum"),
    ]);
    written_and_read(&[
        (Protocol::Ecdh, "ecdh"),
        (Protocol::Vole, "vole"),
        (Protocol::VoleMalicious, "vole-malicious"),
    ]);
    written_and_read(&STATES.map(|state| {
        let name: &'static str = format!("{state:?}").leak();
        (state, name)
    }));
}
