//! Audits of a participant's chain of receipts, by whoever has its key pinned: nothing is believed but signatures.
//!
//! A node shows its receipts in order, and after each that ends a job those that the job's peers signed. An audit takes them one
//! after the other, in the memory of one job. It holds
//!
//! - each receipt against the key that is pinned for its signer, or one that it had before until the present one has signed,
//! - the chain against itself: no gap, no edit, nothing put in,
//! - both sides' facts of a run against each other.
//!
//! What it cannot show: whether the end of a chain was cut off. Whoever kept the number and the digest of a receipt of an earlier
//! audit has the chain hold that one ([`Audit::that_holds`]); a peer's receipts and its signed uses tell of the rest.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    acts::Pinned,
    canonical::Digest,
    chain::Link,
    moment::Moment,
    participant::ParticipantId,
    receipt::{Event, Receipt, RunFacts},
    statement::Signed,
};

/// Disputes that are told one by one; more are counted.
const TOLD: usize = 1000;

/// Why what is shown does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is not as it was signed.
    #[error("{0}")]
    Broken(String),
    /// Whose key it is nobody here can say.
    #[error("{what} is signed with a key that is not the one pinned here for {signer}")]
    NotPinned {
        /// Which receipt.
        what: String,
        /// Who it says signed it.
        signer: ParticipantId,
    },
}

/// A receipt of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its number.
    pub number: u64,
    /// When it was signed.
    pub at: Moment,
    /// Its digest.
    pub digest: Digest,
}

/// A run of which two sides say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dispute {
    /// Which job.
    pub job: Option<String>,
    /// The number of the receipt of the chain that the other one differs from, or that tells of it.
    pub number: u64,
    /// Whose receipt differs; nothing if the chain alone tells of it.
    pub peer: Option<ParticipantId>,
    /// In what.
    pub what: String,
    /// Whether the chain has a receipt of the dispute.
    pub noted: bool,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whose chain it is.
    pub participant: ParticipantId,
    /// Receipts of the chain.
    pub receipts: u64,
    /// The first one that was shown.
    pub first: Option<Place>,
    /// What the first one names as the one before it: nothing if it is number 1.
    pub before: Option<Digest>,
    /// The last one. Whether others followed it nothing here can show.
    pub last: Option<Place>,
    /// Runs that the chain says were done on both sides.
    pub runs: u64,
    /// Receipts of peers.
    pub peer_receipts: u64,
    /// Pairs of receipts of both sides of a run that say the same.
    pub alike: u64,
    /// Runs of which a peer's receipt is not there.
    pub without_peer: u64,
    /// Those of which both sides say different things: the first thousand.
    pub disputes: Vec<Dispute>,
    /// How many there are.
    pub disputed: u64,
    /// Whether the receipt of an earlier audit is in the chain; nothing if none was asked for, or it stood before the first.
    pub holds_earlier: Option<bool>,
}

/// An audit under way.
pub struct Audit<'a> {
    pinned: &'a Pinned,
    link: Link,
    earlier: Option<(u64, Digest)>,
    /// The last receipt of the chain, if it ends a job, and whose receipts of that job came after it.
    ended: Option<(Receipt, Vec<ParticipantId>)>,
    /// Those of whom a receipt by their present key has come: from then on a former one signs nothing.
    renewed: BTreeSet<ParticipantId>,
    found: Found,
}

impl<'a> Audit<'a> {
    /// Of the chain of `whose`. It begins right after `before`, a number and a digest: (0, nothing) for the first receipt; or
    /// wherever it begins.
    #[must_use]
    pub fn new(whose: ParticipantId, pinned: &'a Pinned, before: Option<(u64, Option<Digest>)>) -> Self {
        let found = Found {
            participant: whose,
            receipts: 0,
            first: None,
            before: before.and_then(|(_, digest)| digest),
            last: None,
            runs: 0,
            peer_receipts: 0,
            alike: 0,
            without_peer: 0,
            disputes: Vec::new(),
            disputed: 0,
            holds_earlier: None,
        };
        let link = before.map_or_else(Link::default, |(number, digest)| Link::after(number, digest));
        Self { pinned, link, earlier: None, ended: None, renewed: BTreeSet::new(), found }
    }

    /// One that also makes sure that the receipt of this number is the one of this digest, as it was in an earlier audit.
    #[must_use]
    pub fn that_holds(mut self, earlier: Option<(u64, Digest)>) -> Self {
        self.earlier = earlier;
        self
    }

    /// The number of the last receipt of the chain so far; before the first one that of the one before, if it is known.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.link.number
    }

    /// Takes what stands next: a receipt of the chain, or a peer's.
    ///
    /// # Errors
    /// [`Flaw`], with the number of the receipt.
    pub fn take(&mut self, receipt: &Signed<Receipt>) -> Result<(), Flaw> {
        if *receipt.signer() == self.found.participant { self.own(receipt) } else { self.peers(receipt) }
    }

    fn own(&mut self, receipt: &Signed<Receipt>) -> Result<(), Flaw> {
        let said = receipt.statement();
        self.is_pinned(receipt, || format!("receipt {}", said.number))?;
        let before = self.link.clone();
        self.link.follow(receipt).map_err(Flaw::Broken)?;
        let digest = self.link.digest.ok_or_else(|| Flaw::Broken(format!("receipt {} has no digest", said.number)))?;
        if self.found.first.is_none() {
            self.found.before = said.previous;
            self.is_earlier(said.number.saturating_sub(1), before.digest.or(said.previous))?;
        }
        self.is_earlier(said.number, Some(digest))?;
        self.close();
        let place = Place { number: said.number, at: said.at, digest };
        self.found.first.get_or_insert(place);
        self.found.last = Some(place);
        self.found.receipts += 1;
        match said.event {
            event if event.ends_a_run() => {
                self.found.runs += u64::from(said.event == Event::Succeeded);
                self.ended = Some((said.clone(), Vec::new()));
            }
            Event::Disputed => self.noted(said),
            _ => {}
        }
        Ok(())
    }

    fn peers(&mut self, receipt: &Signed<Receipt>) -> Result<(), Flaw> {
        let (said, signer) = (receipt.statement(), receipt.signer());
        if self.found.last.is_none() {
            let said = format!("the chain is not of {}: it begins with a receipt of {signer}", self.found.participant);
            return Err(Flaw::Broken(said));
        }
        let after = self.link.number.unwrap_or(0);
        let what = format!("the receipt of {signer} after receipt {after}");
        self.is_pinned(receipt, || what.clone())?;
        let broken = |problem: &str| Flaw::Broken(format!("{what} {problem}"));
        let Some((ours, signers)) = &mut self.ended else { return Err(broken("is of no job that ends there")) };
        if said.job.is_none() || said.job != ours.job {
            return Err(broken("is of another job than that one"));
        }
        if !said.event.ends_a_run() {
            return Err(broken("does not say how a run ended"));
        }
        let took_part = |run: &RunFacts| run.inputs.iter().any(|input| input.participant == *signer);
        if !ours.run.as_ref().is_none_or(took_part) {
            return Err(broken("is of somebody who took no part in the run"));
        }
        if signers.contains(signer) {
            return Err(broken("stands there twice"));
        }
        signers.push(signer.clone());
        self.found.peer_receipts += 1;
        match ours.difference(said) {
            None => self.found.alike += 1,
            Some(what) => {
                let (job, number, what) = (ours.job.clone(), ours.number, what.to_owned());
                self.dispute(Dispute { job, number, peer: Some(signer.clone()), what, noted: false });
            }
        }
        Ok(())
    }

    /// What was found, once all is taken.
    ///
    /// # Errors
    /// [`Flaw`] if the chain ends before a receipt of the earlier audit.
    pub fn finish(mut self) -> Result<Found, Flaw> {
        self.close();
        if let (Some((number, _)), Some(last)) = (self.earlier, self.link.number)
            && last < number
        {
            let said = format!("the chain ends with receipt {last}, and receipt {number} was there before");
            return Err(Flaw::Broken(said));
        }
        Ok(self.found)
    }

    /// The job that the last receipt ended has had all that is there of its peers.
    fn close(&mut self) {
        let Some((ours, signers)) = self.ended.take() else { return };
        let others = ours.run.map_or(0, |run| run.inputs.len().saturating_sub(1));
        self.found.without_peer += u64::from(signers.len() < others);
    }

    /// A receipt of the chain that tells of a dispute.
    fn noted(&mut self, said: &Receipt) {
        let known = self.found.disputes.iter_mut().find(|dispute| dispute.job.is_some() && dispute.job == said.job);
        if let Some(known) = known {
            known.noted = true;
            return;
        }
        let what = said.cause.clone().unwrap_or_default();
        self.dispute(Dispute { job: said.job.clone(), number: said.number, peer: None, what, noted: true });
    }

    fn dispute(&mut self, dispute: Dispute) {
        self.found.disputed += 1;
        if self.found.disputes.len() < TOLD {
            self.found.disputes.push(dispute);
        }
    }

    fn is_pinned(&mut self, receipt: &Signed<Receipt>, what: impl FnOnce() -> String) -> Result<(), Flaw> {
        let signer = (receipt.signer(), receipt.identity());
        if self.pinned.is_participant(signer) {
            self.renewed.insert(signer.0.clone());
            return Ok(());
        }
        if self.pinned.was_participant(signer) && !self.renewed.contains(signer.0) {
            return Ok(());
        }
        Err(Flaw::NotPinned { what: what(), signer: receipt.signer().clone() })
    }

    /// Holds the digest of a receipt against that of the earlier audit, if that is its number.
    fn is_earlier(&mut self, number: u64, digest: Option<Digest>) -> Result<(), Flaw> {
        let Some((_, earlier)) = self.earlier.filter(|(wanted, _)| *wanted == number) else { return Ok(()) };
        if digest != Some(earlier) {
            return Err(Flaw::Broken(format!("receipt {number} is another one than was there before")));
        }
        self.found.holds_earlier = Some(true);
        Ok(())
    }
}
