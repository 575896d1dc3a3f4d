//! Made-up agreements of one province with thirty others, and uses of them one after the other.

use std::sync::Arc;

use agreement::{
    Act, Agreement, Digest, IdentityKey, JobSpec, KeyType, Mode, Moment, ParticipantId, Pinned, Protocol, Role, Signed,
    acts::{Consent, Request},
    contract::{DatasetVersion, Delivery, FORM, Limits, Party, Reasons, Rows, Validity},
    receipt::Use,
};
use database::Location;
use node::book::Book;
use zeroize::Zeroizing;

/// Provinces besides the book's own.
const PEERS: u64 = 30;
/// Seconds from one use to the next.
const PACE: u64 = 20;
/// The step by which uses go through the agreements: a prime, so that each is met once in a round.
const STEP: u64 = 7919;

pub(crate) struct World {
    pub(crate) agreements: u64,
    pub(crate) uses: u64,
    pub(crate) me: (ParticipantId, IdentityKey),
    peers: Vec<(ParticipantId, IdentityKey)>,
}

/// Spreads numbers over all of 64 bits, each to another one.
pub(crate) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// An id as a coordinator gives it.
pub(crate) fn job_id(number: u64) -> String {
    format!("{:016x}{:016x}", mixed(number), mixed(number ^ (1 << 63)))
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

fn member(name: &str, seed: u8) -> (ParticipantId, IdentityKey) {
    (name.parse().unwrap(), IdentityKey::from_seed(&Zeroizing::new([seed; 32])))
}

impl World {
    pub(crate) fn new(agreements: u64, uses: u64) -> Self {
        assert!(!agreements.is_multiple_of(STEP), "some agreements would never be used");
        let peers = (0..PEERS).map(|peer| member(&format!("province-{peer}"), u8::try_from(peer).unwrap() + 1));
        Self { agreements, uses, me: member("anhui", 0), peers: peers.collect() }
    }

    /// Anhui's book.
    pub(crate) async fn book(&self, location: &Location) -> Book {
        let participants = self.peers.iter().map(|(name, key)| (name.clone(), key.public())).collect();
        let pinned = Pinned { participants, ..Pinned::default() };
        let key = member("anhui", 0).1;
        Book::open(location, self.me.0.clone(), Arc::new(key), pinned).await.unwrap()
    }

    /// The other party of an agreement.
    pub(crate) fn peer(&self, index: u64) -> &(ParticipantId, IdentityKey) {
        &self.peers[usize::try_from(index % PEERS).unwrap()]
    }

    pub(crate) fn terms(&self, index: u64) -> Agreement {
        let party = |(name, key): &(ParticipantId, IdentityKey), role, dataset: &str, label: &[&str]| Party {
            participant: name.clone(),
            identity: key.public(),
            role,
            department: "bureau of education".to_owned(),
            dataset: DatasetVersion { name: dataset.to_owned(), version: 1 },
            key_columns: vec!["id_no".to_owned()],
            label_columns: label.iter().map(|&label| label.to_owned()).collect(),
            padded_size: Some(2_000_000),
            rows: Rows { least: 1000, most: 2_000_000 },
        };
        let sender = party(&self.me, Role::Sender, "hardship", &["kind", "since"]);
        Agreement {
            form: FORM,
            name: format!("aid for students {index}"),
            nonce: format!("{index:032x}"),
            parties: vec![party(self.peer(index), Role::Receiver, "students", &[]), sender],
            key_types: vec![KeyType::ResidentId],
            mode: Mode::Labelled,
            protocols: vec![Protocol::Ecdh],
            data_standard: records::standard::DATA_STANDARD.to_owned(),
            lambda: 40,
            listener: self.me.0.clone(),
            reasons: Reasons {
                purpose: "to give aid to students from households in hardship without their asking for it".to_owned(),
                legal_basis: "the regulations on aid for students, article 7".to_owned(),
                documents: vec!["notice 12 of 2026".to_owned()],
                impact_assessment: Some("PIA-2026-031".to_owned()),
            },
            validity: Validity { from: at("2026-01-01T00:00:00Z"), until: at("2027-12-31T00:00:00Z") },
            limits: Limits {
                runs: 1_000_000,
                runs_per_day: 1_000_000,
                shortest_interval: None,
                smallest_result: Some(10),
                lookups_per_second: None,
                lookups_per_day: None,
            },
            delivery: Delivery { gated: false, approval: Vec::new(), retention_days: 30 },
        }
    }

    pub(crate) fn job(terms: &Agreement) -> JobSpec {
        terms.job("autumn", Protocol::Ecdh).unwrap()
    }

    /// What both parties signed about an agreement: three statements.
    pub(crate) fn acts(&self, index: u64) -> Vec<Act> {
        let (terms, peer, signed) = (self.terms(index), self.peer(index), at("2026-01-01T00:00:00Z"));
        let agreement = terms.digest().unwrap();
        let consent = |(name, key): &(ParticipantId, IdentityKey)| {
            let statement =
                Consent { agreement, at: signed, approvers: vec!["k-1041".to_owned(), "k-1178".to_owned()] };
            Act::Consent(Signed::sign(statement, name, key).unwrap())
        };
        let request = Request { agreement: terms, at: signed };
        let request = Signed::sign(request, &peer.0, &peer.1).unwrap();
        vec![Act::Request(Box::new(request)), consent(peer), consent(&self.me)]
    }

    /// The agreement of a use, which counts from 0 in the order of time, and its number there.
    pub(crate) fn place(&self, index: u64) -> (u64, u64) {
        ((index % self.agreements) * STEP % self.agreements, index / self.agreements + 1)
    }

    /// When a use was.
    pub(crate) fn time(&self, index: u64) -> Moment {
        at("2026-01-02T00:00:00Z").plus(index * PACE)
    }

    /// After all uses.
    pub(crate) fn end(&self) -> Moment {
        self.time(self.uses)
    }

    /// A use as both sides sign it.
    pub(crate) fn statement(&self, index: u64, agreement: Digest) -> Use {
        Use { agreement, at: self.time(index), job: job_id(index), number: self.place(index).1 }
    }
}
