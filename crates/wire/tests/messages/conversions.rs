//! Messages become models, and models messages: nothing is lost, nothing wrong gets in, nothing panics.

use std::fmt::Debug;

use agreement::{IdentityKey, JobParty, JobSpec, JobState, Mode, Protocol, Role, RunInput, RunTerms};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};
use prost::Message;
use wire::{ConvertError, convert::job_id, proto};

use crate::{
    models::{MODES, PROTOCOLS, ROLES, STATES, input, job, terms},
    samples::{TYPED, messages, pool, samples},
};

/// Into a message, through its bytes, and back.
fn there_and_back<Model, Wire>(model: Model) -> Result<Model, ConvertError>
where
    Wire: From<Model> + Message + Default,
    Model: TryFrom<Wire, Error = ConvertError>,
{
    Wire::decode(Wire::from(model).encode_to_vec().as_slice()).unwrap().try_into()
}

proptest! {
    #[test]
    fn a_job_comes_back_as_it_was(job in job()) {
        prop_assert_eq!(there_and_back::<_, proto::JobSpec>(job.clone()), Ok(job));
    }

    #[test]
    fn terms_and_inputs_come_back_as_they_were_and_under_the_same_digest(terms in terms(), input in input()) {
        let (stated, entered) = (Some(terms.clone().into()), Some(input.clone().into()));
        let hello = proto::Hello { terms: stated, input: entered, ..proto::Hello::default() };
        let hello = proto::Hello::decode(hello.encode_to_vec().as_slice()).unwrap();
        let back = RunTerms::try_from(hello.terms.unwrap()).unwrap();
        prop_assert_eq!(back.digest(), terms.digest());
        prop_assert_eq!(back, terms);
        prop_assert_eq!(RunInput::try_from(hello.input.unwrap()), Ok(input));
    }
}

/// Every value comes back; the number that means nothing does not become one.
fn vocabulary<Model, Wire>(values: &[Model])
where
    Model: TryFrom<Wire, Error = ConvertError> + Copy + PartialEq + Debug,
    Wire: From<Model> + Default + Into<i32> + TryFrom<i32, Error: Debug>,
{
    for (number, value) in (1..).zip(values) {
        assert_eq!(Wire::from(*value).into(), number, "{value:?}");
        assert_eq!(Model::try_from(Wire::try_from(number).unwrap()), Ok(*value));
    }
    let beyond = i32::try_from(values.len()).unwrap() + 1;
    assert!(Wire::try_from(beyond).is_err(), "{beyond} has no model");
    assert_eq!(Model::try_from(Wire::default()).unwrap_err().problem, "is missing");
}

#[test]
fn every_word_of_the_vocabulary_comes_back_and_the_unspecified_is_refused() {
    vocabulary::<Role, proto::Role>(&ROLES);
    vocabulary::<Mode, proto::Mode>(&MODES);
    vocabulary::<Protocol, proto::Protocol>(&PROTOCOLS);
    vocabulary::<JobState, proto::JobState>(&STATES);
}

/// Decodes and converts bytes as each message there is. Whatever they are, nothing may panic.
fn taken_in(bytes: &[u8]) {
    for typed in &TYPED {
        let checked = (typed.check)(bytes);
        if (typed.again)(bytes).is_ok() && checked.is_ok() {
            assert_eq!((typed.check_decoded)(bytes), Ok(()), "{} is checked otherwise once decoded", typed.name);
        }
    }
    macro_rules! converted {
        ($($model:ident)+) => {
            $(if let Ok(message) = proto::$model::decode(bytes) {
                drop(agreement::$model::try_from(message));
            })+
        };
    }
    converted!(JobParty JobSpec RunInput RunParticipant RunTerms);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_taken_in_without_a_panic(bytes in vec(any::<u8>(), 0..400)) {
        taken_in(&bytes);
    }
}

#[test]
fn samples_with_a_few_wrong_bytes_are_taken_in_without_a_panic() {
    let pool = pool();
    let all: Vec<Vec<u8>> = messages(&pool)
        .iter()
        .flat_map(samples)
        .map(|(_, sample)| sample.encode_to_vec())
        .filter(|bytes| !bytes.is_empty())
        .collect();
    let changes = (any::<Index>(), vec((any::<Index>(), any::<u8>()), 1..4), any::<Index>());
    let outcome = TestRunner::default().run(&changes, |(which, changes, end)| {
        let mut bytes = which.get(&all).clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        taken_in(&bytes);
        taken_in(&bytes[..end.index(bytes.len() + 1)]);
        Ok(())
    });
    outcome.unwrap();
}

fn party_message() -> proto::JobParty {
    let key_columns = vec!["id".to_owned()];
    proto::JobParty { participant: "anhui".to_owned(), role: 1, key_columns, ..proto::JobParty::default() }
}

fn job_message() -> proto::JobSpec {
    proto::JobSpec {
        parties: vec![party_message()],
        mode: 1,
        protocol: 1,
        key_types: vec!["raw".to_owned()],
        error_budget: Some(proto::ErrorBudget { lambda: 40 }),
        listener: "anhui".to_owned(),
        ..proto::JobSpec::default()
    }
}

fn terms_message() -> proto::RunTerms {
    let identity = IdentityKey::from_seed(&[1; 32].into()).public();
    let identity_key = identity.as_bytes().to_vec().into();
    proto::RunTerms {
        job_id: "job-7".to_owned(),
        participants: vec![proto::RunParticipant { participant: "anhui".to_owned(), role: 1, identity_key }],
        mode: 1,
        protocol: 1,
        key_types: vec!["raw".to_owned()],
        error_budget: Some(proto::ErrorBudget { lambda: 40 }),
        ..proto::RunTerms::default()
    }
}

fn input_message() -> proto::RunInput {
    let (commitment, nonce_commitment) = (vec![1; 32].into(), vec![2; 32].into());
    proto::RunInput { participant: "anhui".to_owned(), commitment, nonce_commitment, ..proto::RunInput::default() }
}

/// A field by the name in its refusal, and how it is spoilt.
type Spoilt<T> = (&'static str, fn(&mut T));

fn refused<Wire, Model>(sound: fn() -> Wire, spoilt: &[Spoilt<Wire>])
where
    Model: TryFrom<Wire, Error = ConvertError> + Debug,
{
    assert!(Model::try_from(sound()).is_ok());
    for (number, (field, spoil)) in spoilt.iter().enumerate() {
        let mut message = sound();
        spoil(&mut message);
        assert_eq!(Model::try_from(message).expect_err(field).field, *field, "case {number}");
    }
}

#[test]
fn jobs_with_a_field_that_means_nothing_are_refused_by_its_name() {
    refused::<_, JobParty>(
        party_message,
        &[
            ("role", |party| party.role = 0),
            ("role", |party| party.role = 3),
            ("parties.participant", |party| party.participant.clear()),
            ("parties.participant", |party| party.participant.push('_')),
        ],
    );
    refused::<_, JobSpec>(
        job_message,
        &[
            ("parties.participant", |job| job.parties.push(proto::JobParty { role: 2, ..Default::default() })),
            ("mode", |job| job.mode = 0),
            ("mode", |job| job.mode = -1),
            ("protocol", |job| job.protocol = 0),
            ("protocol", |job| job.protocol = i32::MAX),
            ("key_types", |job| job.key_types[0] = "Resident-ID".to_owned()),
            ("key_types", |job| job.key_types.push(String::new())),
            ("error_budget", |job| job.error_budget = None),
            ("agreement_digest", |job| job.agreement_digest = vec![0; 31].into()),
            ("agreement_digest", |job| job.agreement_digest = vec![0; 1].into()),
            ("listener", |job| job.listener.clear()),
            ("listener", |job| job.listener = "Anhui".to_owned()),
        ],
    );
}

#[test]
fn terms_and_inputs_with_a_field_that_means_nothing_are_refused_by_its_name() {
    refused::<_, RunTerms>(
        terms_message,
        &[
            ("job_id", |terms| terms.job_id.clear()),
            ("job_id", |terms| terms.job_id.push('/')),
            ("role", |terms| terms.participants[0].role = 0),
            ("participants.participant", |terms| terms.participants[0].participant.clear()),
            ("participants.identity_key", |terms| terms.participants[0].identity_key.clear()),
            ("participants.identity_key", |terms| drop(terms.participants[0].identity_key.split_off(31))),
            ("participants.identity_key", |terms| terms.participants[0].identity_key = vec![0; 32].into()),
            ("mode", |terms| terms.mode = 0),
            ("protocol", |terms| terms.protocol = 0),
            ("key_types", |terms| terms.key_types[0].push('s')),
            ("error_budget", |terms| terms.error_budget = None),
            ("agreement_digest", |terms| terms.agreement_digest = vec![0; 31].into()),
        ],
    );
    refused::<_, RunInput>(
        input_message,
        &[
            ("input.participant", |input| input.participant.clear()),
            ("input.commitment", |input| input.commitment.clear()),
            ("input.commitment", |input| drop(input.commitment.split_off(31))),
            ("input.nonce_commitment", |input| input.nonce_commitment.clear()),
            ("input.resumed_job_key_check", |input| input.resumed_job_key_check = vec![0; 31].into()),
        ],
    );
}

#[test]
fn a_job_id_is_fit_to_name_a_file() {
    let longest = "a".repeat(64);
    for good in ["a", "7", "-", "job-7", "0123456789abcdef", &longest] {
        assert_eq!(job_id(good.to_owned()).as_deref(), Ok(good));
    }
    let too_long = "a".repeat(65);
    for bad in ["", ".", "..", "a/b", "a\\b", "a b", "a\0", "a\n", "a_b", "a.b", "任务", &too_long] {
        assert_eq!(job_id(bad.to_owned()).unwrap_err().field, "job_id", "{bad:?}");
    }
}
