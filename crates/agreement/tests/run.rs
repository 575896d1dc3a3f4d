//! What a run is bound to: the digests of one sample are pinned, and every field counts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use agreement::{
    ErrorBudget, Handshake, IdentityKey, KeyType, Mode, Protocol, Role, RunInput, RunParticipant, RunTerms,
    run::{CONTRACT_VERSION, SUITE_RISTRETTO255, nonce_commitment, session_check},
};

fn participant(name: &str, role: Role, seed: u8) -> RunParticipant {
    let identity = IdentityKey::from_seed(&[seed; 32].into()).public();
    RunParticipant { participant: name.parse().unwrap(), role, identity }
}

fn terms() -> RunTerms {
    RunTerms {
        contract_version: CONTRACT_VERSION,
        job_id: "job-7".to_owned(),
        participants: vec![participant("anhui", Role::Receiver, 1), participant("shanghai", Role::Sender, 2)],
        mode: Mode::Labelled,
        protocol: Protocol::Ecdh,
        suite: SUITE_RISTRETTO255.to_owned(),
        data_standard: "v1".to_owned(),
        key_types: vec![KeyType::Raw],
        label_columns: vec!["district".to_owned(), "level".to_owned()],
        error_budget: ErrorBudget { lambda: 40 },
        agreement_digest: Some([0xa6; 32]),
        bins: 1,
    }
}

fn handshake() -> Handshake {
    let receiver = RunInput {
        participant: "anhui".parse().unwrap(),
        padded_size: 1000,
        commitment: [0xc1; 32],
        use_counter: 0,
        label_size: 0,
        nonce_commitment: nonce_commitment(&"anhui".parse().unwrap(), &[0x11; 32]),
        resumed_job_key_check: None,
        bin_items: 1 << 20,
        in_flight: 2,
        lane: 1,
        finished_bins: vec![],
    };
    let sender = RunInput {
        participant: "shanghai".parse().unwrap(),
        padded_size: 2000,
        commitment: [0xc2; 32],
        use_counter: 3,
        label_size: 16,
        nonce_commitment: nonce_commitment(&"shanghai".parse().unwrap(), &[0x22; 32]),
        resumed_job_key_check: Some([0xee; 32]),
        bin_items: 70_000,
        in_flight: 3,
        lane: 1,
        finished_bins: vec![0x05, 0x80],
    };
    Handshake {
        terms: terms(),
        inputs: vec![receiver, sender],
        nonces: vec![[0x11; 32], [0x22; 32]],
        channel_binding: [0xcb; 32],
    }
}

/// The values of [`handshake`], computed by another implementation from docs/RUN-BINDING.md.
#[test]
fn the_digests_of_a_sample_are_pinned() {
    let handshake = handshake();
    let job_key = handshake.job_key();
    let session_id = handshake.session_id(&job_key, 0);
    let unsigned = RunTerms { agreement_digest: None, ..terms() };
    for (what, digest, expected) in [
        ("terms", terms().digest(), "786793de5692b14bd2909e04cbc830b04c90b5958e5bd2cef8990164c906f147"),
        (
            "terms without an agreement",
            unsigned.digest(),
            "621cc5f9f47799dc3cbad43635c8f87f112261f23484cdc9453e62c0a4cfdcc2",
        ),
        (
            "nonce",
            handshake.inputs[0].nonce_commitment,
            "748e16f161d6e03527d0596726bf0e9fda7cb40f5937d16069d734b832cdb45a",
        ),
        ("job key", job_key, "86b3d2a3141023bb74b743c1ae690fdaebf741f02618b54ae68b05e7d4fcfc6e"),
        ("session id", session_id, "6054ecfee8a6371d002e51d6e021bc4d127d791b51d5ce7e7ef82c713b521f54"),
        (
            "session check",
            session_check(&session_id),
            "3f7e7c5ad9e9d69f7221d997f0c3f353f51f898b7f41e9907a885b7a832b85ac",
        ),
    ] {
        assert_eq!(hex::encode(digest), expected, "{what}");
    }
}

type Change<T> = (&'static str, fn(&mut T));

/// Each field of the terms by the name that a difference in it is told under, and a change of it.
fn changes_of_terms() -> Vec<Change<RunTerms>> {
    // A field that is added breaks this line: it wants a change below.
    let RunTerms {
        contract_version: _,
        job_id: _,
        participants: _,
        mode: _,
        protocol: _,
        suite: _,
        data_standard: _,
        key_types: _,
        label_columns: _,
        error_budget: ErrorBudget { lambda: _ },
        agreement_digest: _,
        bins: _,
    } = terms();
    let participants = "participants, roles or identity keys";
    vec![
        ("contract version", |terms| terms.contract_version += 1),
        ("job id", |terms| terms.job_id.push('x')),
        (participants, |terms| terms.participants[0].participant = "jiangsu".parse().unwrap()),
        (participants, |terms| terms.participants[1].role = Role::Receiver),
        (participants, |terms| terms.participants[1].identity = terms.participants[0].identity),
        (participants, |terms| terms.participants.swap(0, 1)),
        (participants, |terms| terms.participants.push(participant("jiangsu", Role::Sender, 3))),
        ("mode", |terms| terms.mode = Mode::Membership),
        ("protocol", |terms| terms.protocol = Protocol::Vole),
        ("suite", |terms| terms.suite.push('x')),
        ("data standard", |terms| terms.data_standard.push('x')),
        ("key types", |terms| terms.key_types.push(KeyType::Raw)),
        ("label columns", |terms| terms.label_columns[0].push('x')),
        ("label columns", |terms| terms.label_columns.reverse()),
        ("label columns", |terms| terms.label_columns = vec!["districtlevel".to_owned()]),
        ("error budget", |terms| terms.error_budget.lambda = 41),
        ("agreement digest", |terms| terms.agreement_digest = None),
        ("agreement digest", |terms| terms.agreement_digest = Some([0xa7; 32])),
        ("number of bins", |terms| terms.bins = 2),
    ]
}

#[test]
fn every_field_of_the_terms_changes_their_digest_and_is_named_when_it_differs() {
    let own = terms();
    assert_eq!(own.first_difference(&own.clone()), None);
    for (number, (field, change)) in changes_of_terms().into_iter().enumerate() {
        let mut other = terms();
        change(&mut other);
        assert_ne!(own.digest(), other.digest(), "change {number}, of the {field}");
        assert_eq!(own.first_difference(&other), Some(field), "change {number}");
        assert_eq!(other.first_difference(&own), Some(field), "change {number}, the other way");
    }
}

#[test]
fn of_several_differences_the_first_in_the_order_of_the_fields_is_named() {
    let (own, mut other) = (terms(), terms());
    for (field, change) in changes_of_terms().into_iter().rev() {
        change(&mut other);
        assert_eq!(own.first_difference(&other), Some(field));
    }
}

/// Changes of a handshake beside its terms, and whether they change the job key too.
fn changes_of_handshake() -> Vec<(bool, Change<Handshake>)> {
    // A field that is added breaks these lines: it wants a change below.
    let Handshake { terms: _, inputs, nonces: _, channel_binding: _ } = handshake();
    let RunInput {
        participant: _,
        padded_size: _,
        commitment: _,
        use_counter: _,
        label_size: _,
        nonce_commitment: _,
        resumed_job_key_check: _,
        bin_items: _,
        in_flight: _,
        lane: _,
        finished_bins: _,
    } = inputs[0];
    vec![
        (true, ("job id", |run| run.terms.job_id.push('x'))),
        (true, ("receiver's commitment", |run| run.inputs[0].commitment[31] ^= 1)),
        (true, ("sender's commitment", |run| run.inputs[1].commitment[0] ^= 1)),
        (true, ("receiver's nonce", |run| run.nonces[0][0] ^= 1)),
        (true, ("sender's nonce", |run| run.nonces[1][31] ^= 1)),
        (true, ("order of the nonces", |run| run.nonces.swap(0, 1))),
        (true, ("order of the inputs", |run| run.inputs.swap(0, 1))),
        (false, ("participant", |run| run.inputs[0].participant = "jiangsu".parse().unwrap())),
        (false, ("padded size", |run| run.inputs[0].padded_size = 1001)),
        (false, ("use counter", |run| run.inputs[0].use_counter = 1)),
        (false, ("label size", |run| run.inputs[1].label_size = 17)),
        (false, ("nonce commitment", |run| run.inputs[1].nonce_commitment[0] ^= 1)),
        (false, ("check of a resumed run", |run| run.inputs[0].resumed_job_key_check = Some([0; 32]))),
        (false, ("no check of a resumed run", |run| run.inputs[1].resumed_job_key_check = None)),
        (false, ("bin items", |run| run.inputs[0].bin_items -= 1)),
        (false, ("bins in flight", |run| run.inputs[1].in_flight += 1)),
        (false, ("lane", |run| run.inputs[1].lane = 0)),
        (false, ("finished bins", |run| run.inputs[1].finished_bins.push(0))),
        (false, ("channel binding", |run| run.channel_binding[31] ^= 1)),
    ]
}

#[test]
fn every_field_of_a_handshake_changes_the_session_id() {
    let ids = |run: &Handshake| (run.job_key(), run.session_id(&run.job_key(), 0));
    let (job_key, session_id) = ids(&handshake());
    for (changes_key, (what, change)) in changes_of_handshake() {
        let mut run = handshake();
        change(&mut run);
        let (other_key, other_id) = ids(&run);
        assert_ne!(other_id, session_id, "{what}");
        assert_eq!(other_key != job_key, changes_key, "job key: {what}");
        // Not only through the job key: a resumed run keeps it.
        assert_ne!(run.session_id(&job_key, 0), session_id, "{what}, under the same job key");
    }
    for (number, (field, change)) in changes_of_terms().into_iter().enumerate() {
        let mut run = handshake();
        change(&mut run.terms);
        assert_ne!(ids(&run).1, session_id, "change {number} of the terms: {field}");
    }
}

#[test]
fn job_key_and_bin_change_the_session_id() {
    let run = handshake();
    let (job_key, mut other) = (run.job_key(), run.job_key());
    other[0] ^= 1;
    assert_ne!(run.session_id(&job_key, 0), run.session_id(&other, 0));
    assert_ne!(run.session_id(&job_key, 0), run.session_id(&job_key, 1));
}

#[test]
fn hashes_of_the_same_bytes_for_different_ends_differ() {
    let bytes = [7; 32];
    assert_ne!(nonce_commitment(&"anhui".parse().unwrap(), &bytes), session_check(&bytes));
}
