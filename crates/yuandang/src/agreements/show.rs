//! Agreements as `agreement` commands print them for programs.

use agreement::{Act, Agreement, AgreementState, Digest, Life, Pinned, printable};
use serde::Serialize;
use wire::proto::{self, AgreementInfo};

/// An agreement.
#[derive(Serialize)]
pub(super) struct ShownAgreement<'a> {
    digest: &'a str,
    name: String,
    state: &'a str,
    missing: &'a [String],
    why: String,
    used: u64,
    runs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    owed: Option<Owed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<&'a Agreement>,
}

impl<'a> ShownAgreement<'a> {
    /// What the node says of it, with its terms if they are wanted.
    #[must_use]
    pub(super) fn of(info: &'a AgreementInfo, terms: Option<&'a Agreement>) -> Self {
        Self {
            digest: &info.digest,
            name: printable(&info.name, 128),
            state: &info.state,
            missing: &info.missing,
            why: printable(&info.why, 1024),
            used: info.used,
            runs: info.runs,
            owed: Owed::of(info),
            terms,
        }
    }
}

/// What this participant is to do, and by when.
#[derive(Serialize)]
struct Owed {
    what: &'static str,
    due: String,
    overdue: bool,
}

impl Owed {
    fn of(info: &AgreementInfo) -> Option<Self> {
        let what = match info.owed() {
            proto::Owed::Reply => "reply",
            proto::Owed::FirstRun => "first-run",
            proto::Owed::Unspecified => return None,
        };
        Some(Self { what, due: printable(&info.due, 10), overdue: info.overdue })
    }
}

/// What a check of an agreement found.
#[derive(Serialize)]
pub(super) struct Verified {
    digest: String,
    state: AgreementState,
    missing: Vec<String>,
    statements: Vec<VerifiedStatement>,
}

/// One statement of it.
#[derive(Serialize)]
pub(super) struct VerifiedStatement {
    kind: &'static str,
    signer: String,
    at: String,
    /// Whether the key that signed is pinned here for the signer.
    pinned: bool,
}

impl Verified {
    /// What was found.
    #[must_use]
    pub(super) fn of(digest: &Digest, acts: &[Act], pinned: &Pinned, life: &Life, state: AgreementState) -> Self {
        let statement = |act: &Act| VerifiedStatement {
            kind: act.kind(),
            signer: act.signer().0.to_string(),
            at: act.at().to_string(),
            pinned: pinned.is_participant(act.signer()) || pinned.is_supervisor(act.signer()),
        };
        Self {
            digest: digest.to_string(),
            state,
            missing: life.missing.iter().map(ToString::to_string).collect(),
            statements: acts.iter().map(statement).collect(),
        }
    }
}
