//! What a run is bound to: the terms both sides state, the inputs each commits to, and the keys that
//! follow from them (docs/RUN-BINDING.md).
//!
//! Everything is hashed as a list of fields, each behind its length in eight bytes, big-endian, under
//! a context string. So no two different handshakes have the same bytes.

use records::KeyType;
use sha2::{Digest, Sha256};

use crate::{
    identity::IdentityPublicKey,
    job::{ErrorBudget, Mode, Protocol},
    participant::{ParticipantId, Role},
};

/// The version of the run-binding contract.
pub const CONTRACT_VERSION: u32 = 5;

/// The suite of the Diffie-Hellman protocols: RFC 9497, base mode.
pub const SUITE_RISTRETTO255: &str = "OPRFV1-00-ristretto255-SHA512";

/// The suite of the VOLE protocol: its base transfers, its code with mixing, its store, its hashes.
pub const SUITE_VOLE: &str = "yuandang-vole-v1-ristretto255-ExConv7x24x2-RB-AES128";

/// A participant as the terms name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunParticipant {
    /// Its name.
    pub participant: ParticipantId,
    /// What it does in this run.
    pub role: Role,
    /// The identity that its peers pinned.
    pub identity: IdentityPublicKey,
}

/// What both sides must state alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTerms {
    /// [`CONTRACT_VERSION`] of the side that speaks.
    pub contract_version: u32,
    /// The job.
    pub job_id: String,
    /// Two or more, in the order of the job.
    pub participants: Vec<RunParticipant>,
    /// What the run answers.
    pub mode: Mode,
    /// How.
    pub protocol: Protocol,
    /// The cryptographic suite.
    pub suite: String,
    /// The version of the data standard.
    pub data_standard: String,
    /// One type for each key column.
    pub key_types: Vec<KeyType>,
    /// The sender's columns that travel as labels.
    pub label_columns: Vec<String>,
    /// The statistical error allowed.
    pub error_budget: ErrorBudget,
    /// SHA-256 of the agreement that it stands under; nothing in a run of a library's caller without one.
    pub agreement_digest: Option<[u8; 32]>,
    /// Into how many bins the sets are cut; 0 where that follows from the padded sizes and from what both sides
    /// state of their bins.
    pub bins: u32,
}

/// What each side states of its own input, before any key of the run exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInput {
    /// Who speaks.
    pub participant: ParticipantId,
    /// The size of its set after padding.
    pub padded_size: u64,
    /// Salted Merkle root over its prepared items, the count hashed inside.
    pub commitment: [u8; 32],
    /// The agreement's use counter as this side last signed it; 0 without an agreement.
    pub use_counter: u64,
    /// Bytes of a padded label; 0 without labels.
    pub label_size: u32,
    /// SHA-256 of this side's name and the nonce that is revealed later.
    pub nonce_commitment: [u8; 32],
    /// Shows the job key that is used again, of a run that is resumed or of the lane before; nothing in a first
    /// run ([`job_key_check`]).
    pub resumed_job_key_check: Option<[u8; 32]>,
    /// How many items a bin is to have for this side, about.
    pub bin_items: u64,
    /// Bins that this side matches at a time, each on a lane of its own.
    pub in_flight: u32,
    /// Which of them this connection is, from 0.
    pub lane: u32,
    /// The bins that this side has finished under the resumed job key: a bit for each, the least significant of
    /// the first byte first.
    pub finished_bins: Vec<u8>,
}

/// A whole handshake as one side sees it. The participants' inputs and nonces stand in the order of
/// the terms, so both sides compute the same values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The terms that both stated.
    pub terms: RunTerms,
    /// Each participant's input.
    pub inputs: Vec<RunInput>,
    /// Each participant's nonce, opened.
    pub nonces: Vec<[u8; 32]>,
    /// What both ends of the TLS session derive from it (RFC 9266 names the kind: tls-exporter).
    pub channel_binding: [u8; 32],
}

/// Hashes fields behind their lengths.
struct Fields(Sha256);

impl Fields {
    fn new(context: &str) -> Self {
        let mut fields = Self(Sha256::new());
        fields.add(context.as_bytes());
        fields
    }

    fn add(&mut self, field: &[u8]) {
        // A usize fits u64 on every platform that Rust has.
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    fn number(&mut self, value: u64) {
        self.add(&value.to_be_bytes());
    }

    fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl RunTerms {
    /// SHA-256 of the terms.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut fields = Fields::new("yuandang run terms v1");
        fields.number(self.contract_version.into());
        fields.add(self.job_id.as_bytes());
        fields.number(self.participants.len() as u64);
        for participant in &self.participants {
            fields.add(participant.participant.as_str().as_bytes());
            fields.add(participant.role.to_string().as_bytes());
            fields.add(participant.identity.as_bytes());
        }
        fields.add(self.mode.to_string().as_bytes());
        fields.add(self.protocol.to_string().as_bytes());
        fields.add(self.suite.as_bytes());
        fields.add(self.data_standard.as_bytes());
        fields.number(self.key_types.len() as u64);
        for key_type in &self.key_types {
            fields.add(key_type.to_string().as_bytes());
        }
        fields.number(self.label_columns.len() as u64);
        for column in &self.label_columns {
            fields.add(column.as_bytes());
        }
        fields.number(self.error_budget.lambda.into());
        fields.add(self.agreement_digest.as_ref().map_or(&[], |digest| digest.as_slice()));
        fields.number(self.bins.into());
        fields.digest()
    }

    /// The first field in which `other` differs, by its name, for a message that an operator
    /// understands.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<&'static str> {
        [
            (self.contract_version != other.contract_version, "contract version"),
            (self.job_id != other.job_id, "job id"),
            (self.participants != other.participants, "participants, roles or identity keys"),
            (self.mode != other.mode, "mode"),
            (self.protocol != other.protocol, "protocol"),
            (self.suite != other.suite, "suite"),
            (self.data_standard != other.data_standard, "data standard"),
            (self.key_types != other.key_types, "key types"),
            (self.label_columns != other.label_columns, "label columns"),
            (self.error_budget != other.error_budget, "error budget"),
            (self.agreement_digest != other.agreement_digest, "agreement digest"),
            (self.bins != other.bins, "number of bins"),
        ]
        .into_iter()
        .find_map(|(differs, name)| differs.then_some(name))
    }
}

/// The commitment to a nonce that is opened once the peer's is known. It names whose nonce it is, so that
/// a peer cannot repeat ours as its own.
#[must_use]
pub fn nonce_commitment(participant: &ParticipantId, nonce: &[u8; 32]) -> [u8; 32] {
    let mut fields = Fields::new("yuandang nonce v1");
    fields.add(participant.as_str().as_bytes());
    fields.add(nonce);
    fields.digest()
}

impl Handshake {
    /// The job key of a first run: from the job id, the commitments and the nonces. It decides the
    /// bins and stays when the job resumes.
    #[must_use]
    pub fn job_key(&self) -> [u8; 32] {
        let mut fields = Fields::new("yuandang job key v1");
        fields.add(self.terms.job_id.as_bytes());
        for input in &self.inputs {
            fields.add(&input.commitment);
        }
        for nonce in &self.nonces {
            fields.add(nonce);
        }
        fields.digest()
    }

    /// The session id of one bin: from everything that the run is bound to, fresh at each connection.
    #[must_use]
    pub fn session_id(&self, job_key: &[u8; 32], bin: u32) -> [u8; 32] {
        let mut fields = Fields::new("yuandang session id v1");
        fields.add(&self.terms.digest());
        for input in &self.inputs {
            fields.add(input.participant.as_str().as_bytes());
            fields.number(input.padded_size);
            fields.add(&input.commitment);
            fields.number(input.use_counter);
            fields.number(input.label_size.into());
            fields.add(&input.nonce_commitment);
            fields.add(input.resumed_job_key_check.as_ref().map_or(&[], |check| check.as_slice()));
            fields.number(input.bin_items);
            fields.number(input.in_flight.into());
            fields.number(input.lane.into());
            fields.add(&input.finished_bins);
        }
        for nonce in &self.nonces {
            fields.add(nonce);
        }
        fields.add(&self.channel_binding);
        fields.add(job_key);
        fields.number(bin.into());
        fields.digest()
    }
}

/// The transcript hash of a job from those of its bins, in their order. Of a single bin it is its own.
#[must_use]
pub fn job_transcript(bins: &[[u8; 32]]) -> [u8; 32] {
    if let [only] = bins {
        return *only;
    }
    let mut fields = Fields::new("yuandang job transcript v1");
    fields.number(bins.len() as u64);
    bins.iter().for_each(|transcript| fields.add(transcript));
    fields.digest()
}

/// Shows that a side holds a job key without telling it.
#[must_use]
pub fn job_key_check(job_key: &[u8; 32]) -> [u8; 32] {
    let mut fields = Fields::new("yuandang job key check v1");
    fields.add(job_key);
    fields.digest()
}

/// What Confirm carries: shows that both sides hold the same session id without telling it.
#[must_use]
pub fn session_check(session_id: &[u8; 32]) -> [u8; 32] {
    let mut fields = Fields::new("yuandang session check v1");
    fields.add(session_id);
    fields.digest()
}
