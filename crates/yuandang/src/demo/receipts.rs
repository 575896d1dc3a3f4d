//! What both nodes signed of a run, as an auditor of each side gets it from its node; nothing is believed but signatures.

use std::time::Instant;

use agreement::{Digest, Event, Receipt, Signed};
use tonic::transport::Channel;
use wire::Duty;

use super::{
    agreeing::{LOOK, PATIENCE, connect},
    participants::{Participant, RECEIVER, SENDER},
    world::World,
};
use crate::{
    failure::Failure,
    receipts::{self, Together, Verdict, is_pinned},
};

/// What one side's node shows.
pub struct Shown {
    /// What it signed of the run, in order.
    pub events: Vec<Event>,
    /// Which use of the agreement the run was there.
    pub use_number: u64,
    /// Receipts of its whole chain, which holds.
    pub chain: u64,
}

/// What one side's node said was done, and what it holds of the other's.
struct Side {
    shown: Shown,
    own: Digest,
    peers: Digest,
}

/// Gets and checks the receipts of a run that is done: Shanghai's, then Anhui's.
///
/// # Errors
/// [`Failure`] if anything is not as it should be.
pub(super) async fn of_run(world: &World, job: &str) -> Result<[Shown; 2], Failure> {
    let (ours, theirs) = (side(world, RECEIVER, job).await?, side(world, SENDER, job).await?);
    // What a side holds of the other is what the other shows of itself, to the byte.
    if ours.own != theirs.peers || ours.peers != theirs.own {
        return Err(Failure::other("a node holds another receipt of its peer than the peer shows"));
    }
    Ok([ours.shown, theirs.shown])
}

async fn side(world: &World, name: &str, job: &str) -> Result<Side, Failure> {
    let (member, pinned) = (world.member(name)?, world.pins());
    let node = connect(member, Duty::Auditor).await?;
    let together = with_the_peers(&node, member, job).await?;
    let wrong = |what: &str| Failure::other(format_args!("{name}'s receipts of the run: {what}"));
    let peers = together.peers.iter().map(|(signed, _)| signed);
    if !together.own.iter().chain(peers).all(|signed| is_pinned(signed, &pinned)) {
        return Err(wrong("a key that is not pinned"));
    }
    if together.own.iter().any(|signed| *signed.signer() != member.id) {
        return Err(wrong("one is not its own"));
    }
    let done = together.own.iter().find(|signed| signed.statement().event == Event::Succeeded);
    let (Some(done), [(peers, Verdict::Alike)]) = (done, together.peers.as_slice()) else {
        return Err(wrong("the other side does not say the same"));
    };
    let found = receipts::audited(node, member.id.clone(), &pinned).await?;
    if (found.alike, found.disputed, found.without_peer) != (1, 0, 0) {
        return Err(wrong("an audit of all of them does not find one run that both sides tell alike"));
    }
    let digest = |signed: &Signed<Receipt>| signed.digest().map_err(Failure::other);
    let shown = Shown {
        events: together.own.iter().map(|signed| signed.statement().event).collect(),
        use_number: done.statement().use_number.unwrap_or(0),
        chain: found.receipts,
    };
    Ok(Side { shown, own: digest(done)?, peers: digest(peers)? })
}

/// What a node shows of a job, once the other side's receipt has come: it travels after the run.
async fn with_the_peers(node: &Channel, member: &Participant, job: &str) -> Result<Together, Failure> {
    let began = Instant::now();
    loop {
        let together = receipts::of_job(node.clone(), job).await?;
        if !together.peers.is_empty() {
            return Ok(together);
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::other(format_args!("{} did not get its peer's receipt in time", member.id)));
        }
        tokio::time::sleep(LOOK).await;
    }
}
