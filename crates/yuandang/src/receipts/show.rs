//! Receipts as `receipts` commands print them for programs.

use std::path::Path;

use agreement::{Digest, Moment, Month, ParticipantId, Pinned, Receipt, Signed, audit::Found, printable};
use serde::Serialize;
use wire::proto::UseLine;

use super::{
    broken,
    node::{Chain, Shown},
};
use crate::failure::Failure;

/// A receipt.
#[derive(Serialize)]
pub(super) struct ShownReceipt {
    digest: Digest,
    signer: ParticipantId,
    /// Whether the key that signed is the one pinned here for the signer.
    pinned: bool,
    receipt: Receipt,
}

impl ShownReceipt {
    /// As it is told of by whoever has pinned these.
    pub(super) fn of(signed: &Signed<Receipt>, pinned: &Pinned) -> Result<Self, Failure> {
        Ok(Self {
            digest: signed.digest().map_err(broken)?,
            signer: signed.signer().clone(),
            pinned: is_pinned(signed, pinned),
            receipt: signed.statement().clone(),
        })
    }
}

/// Whether the key that signed is the one pinned here for the signer.
pub(crate) fn is_pinned(signed: &Signed<Receipt>, pinned: &Pinned) -> bool {
    pinned.is_participant((signed.signer(), signed.identity()))
}

/// Receipts of a node, and what its peers signed of the same run.
pub(crate) struct Together {
    pub(crate) own: Vec<Signed<Receipt>>,
    pub(crate) peers: Vec<(Signed<Receipt>, Verdict)>,
}

/// How a peer's receipt stands to this node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "in")]
pub(crate) enum Verdict {
    /// Both say the same of the run.
    Alike,
    /// They differ, in this.
    Differs(&'static str),
    /// The peer says that the run was done; this node has no receipt that says so.
    OneSided,
}

#[derive(Serialize)]
pub(super) struct ShownTogether {
    receipts: Vec<ShownReceipt>,
    peers: Vec<ShownPeer>,
}

#[derive(Serialize)]
struct ShownPeer {
    #[serde(flatten)]
    receipt: ShownReceipt,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Together {
    /// Compares them.
    pub(super) fn of(own: Vec<Shown>, peers: &[Shown]) -> Self {
        let own: Vec<_> = own.into_iter().map(|shown| shown.signed).collect();
        let end = own.iter().map(Signed::statement).find(|receipt| receipt.event.ends_a_run());
        let verdict = |theirs: &Signed<Receipt>| match end.map(|ours| ours.difference(theirs.statement())) {
            None => Verdict::OneSided,
            Some(None) => Verdict::Alike,
            Some(Some(what)) => Verdict::Differs(what),
        };
        let peers = peers.iter().map(|peer| (peer.signed.clone(), verdict(&peer.signed))).collect();
        Self { own, peers }
    }

    pub(super) fn shown(&self, pinned: &Pinned) -> Result<ShownTogether, Failure> {
        let peer = |(signed, verdict): &(Signed<Receipt>, Verdict)| {
            Ok(ShownPeer { receipt: ShownReceipt::of(signed, pinned)?, verdict: *verdict })
        };
        Ok(ShownTogether {
            receipts: self.own.iter().map(|signed| ShownReceipt::of(signed, pinned)).collect::<Result<_, _>>()?,
            peers: self.peers.iter().map(peer).collect::<Result<_, Failure>>()?,
        })
    }
}

/// From where to where a chain goes.
#[derive(Serialize)]
pub(super) struct ShownChain {
    /// The last receipt that was removed after its years.
    removed: Option<ShownRemoved>,
    last: u64,
}

#[derive(Serialize)]
struct ShownRemoved {
    number: u64,
    digest: Digest,
    at: Moment,
}

impl ShownChain {
    pub(super) fn of(chain: &Chain) -> Self {
        let removed = chain.removed.as_ref();
        let removed = removed.map(|gone| ShownRemoved { number: gone.number, digest: gone.digest, at: gone.at });
        Self { removed, last: chain.last }
    }
}

/// What an audit found; the chain as the node says it, if one was asked.
#[derive(Serialize)]
pub(super) struct Verified<'a> {
    #[serde(flatten)]
    pub(super) found: &'a Found,
    pub(super) chain: Option<ShownChain>,
}

/// What was saved.
#[derive(Serialize)]
pub(super) struct ShownSaved {
    file: String,
    receipts: u64,
    peer_receipts: u64,
}

impl ShownSaved {
    pub(super) fn of(path: &Path, receipts: u64, peer_receipts: u64) -> Self {
        Self { file: path.display().to_string(), receipts, peer_receipts }
    }
}

/// What use was made.
#[derive(Serialize)]
pub(super) struct ShownMeter {
    from: String,
    to: String,
    lines: Vec<ShownUse>,
    chain: ShownChain,
}

#[derive(Serialize)]
struct ShownUse {
    month: String,
    agreement: String,
    peer: String,
    admitted: u64,
    succeeded: u64,
    own_records: u64,
    peer_records: u64,
}

impl ShownMeter {
    pub(super) fn of((from, to): (Month, Month), lines: &[UseLine], chain: ShownChain) -> Self {
        let line = |line: &UseLine| ShownUse {
            month: printable(&line.month, 7),
            agreement: printable(&line.agreement, 64),
            peer: printable(&line.peer, 63),
            admitted: line.admitted,
            succeeded: line.succeeded,
            own_records: line.own_records,
            peer_records: line.peer_records,
        };
        Self { from: from.to_string(), to: to.to_string(), lines: lines.iter().map(line).collect(), chain }
    }
}
