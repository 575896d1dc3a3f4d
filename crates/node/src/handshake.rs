//! The handshake: both sides show that they mean the same run, commit to their inputs, and derive the
//! ids of the job and the session (docs/RUN-BINDING.md).
//!
//! Each side sends hello, reveal and confirm, in this order, and each waits for the other's before its
//! next: a nonce is opened only when both commitments are known, and no frame is sent before both have
//! confirmed.

use std::time::Duration;

use agreement::{
    Handshake, Mode, Role, RunInput, RunTerms,
    receipt::RunFacts,
    run::{job_key_check, nonce_commitment, session_check},
};
use wire::proto::{self, exchange_message::Body};

use crate::{
    bin_marks::BinMarks,
    clock::now,
    error::RunError,
    link::Link,
    plan::Plan,
    prepare::{MAX_LABEL, random},
    under::{Under, run_facts},
};

/// What this side states of its input.
#[derive(Clone, Debug)]
pub(crate) struct OwnInput {
    pub(crate) padded_size: u64,
    pub(crate) commitment: [u8; 32],
    pub(crate) label_size: u32,
    /// How many items a bin is to have for this side, about.
    pub(crate) bin_items: u64,
    /// Bins that it matches at a time.
    pub(crate) in_flight: u32,
    /// Which lane this is.
    pub(crate) lane: u32,
    /// The agreement that it stands under.
    pub(crate) under: Option<Under>,
    /// What the peer entered when it was asked for the size: it has to enter the same.
    pub(crate) held: Option<([u8; 32], u64)>,
    /// What it knows of the run already: because it was begun before, or on the lane before.
    pub(crate) known: Option<Known>,
}

/// A run that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) job_key: [u8; 32],
    /// What the peer entered.
    pub(crate) peer_commitment: [u8; 32],
    pub(crate) peer_size: u64,
    pub(crate) finished: BinMarks,
}

/// How long this side waits, and what it accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the peer's hello: it may still be preparing its input.
    pub(crate) hello: Duration,
    /// For everything after it.
    pub(crate) step: Duration,
    /// The most items that the peer may enter.
    pub(crate) max_items: u64,
}

/// What a handshake ends with.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    handshake: Handshake,
    /// It decides the bins.
    pub(crate) job_key: [u8; 32],
    pub(crate) own_size: u64,
    pub(crate) peer_size: u64,
    pub(crate) peer_commitment: [u8; 32],
    /// The size of padded labels, whichever side has them; 0 without labels.
    pub(crate) label_size: u32,
    /// How many items a bin is to have, about: the fewer of what both sides want.
    pub(crate) bin_items: u64,
    /// Bins that both sides match at a time.
    pub(crate) in_flight: u32,
    /// Bins that both sides have finished.
    pub(crate) finished: BinMarks,
}

impl Agreed {
    /// What both sides' receipts say alike of a run that ended with this transcript.
    pub(crate) fn facts(&self, transcript: [u8; 32]) -> RunFacts {
        run_facts(self.handshake.terms.digest(), &self.handshake.inputs, transcript)
    }

    /// The id of the session of a bin on this lane.
    pub(crate) fn session_id(&self, bin: u32) -> [u8; 32] {
        self.handshake.session_id(&self.job_key, bin)
    }
}

/// Shakes hands over `link`.
///
/// # Errors
/// [`RunError`], which names whoever is at fault. The peer has not been told yet.
pub(crate) async fn shake(
    link: &mut Link,
    plan: &Plan,
    own: &OwnInput,
    patience: Patience,
) -> Result<Agreed, RunError> {
    check_peer(link, plan)?;
    // Drawn after the commitment to the input was made.
    let nonce = *random()?;
    let known = own.known.as_ref();
    let input = RunInput {
        participant: plan.me.clone(),
        padded_size: own.padded_size,
        commitment: own.commitment,
        use_counter: own.under.as_ref().map_or(0, |under| under.signed_use().statement().number),
        label_size: own.label_size,
        nonce_commitment: nonce_commitment(&plan.me, &nonce),
        resumed_job_key_check: known.map(|known| job_key_check(&known.job_key)),
        bin_items: own.bin_items,
        in_flight: own.in_flight,
        lane: own.lane,
        finished_bins: known.map(|known| known.finished.to_bytes()).unwrap_or_default(),
    };
    let theirs = exchange_hello(link, plan, &input, own.under.as_ref(), patience).await?;
    check_known(&theirs, own, plan)?;
    let peer_nonce = exchange_reveal(link, plan, (&nonce, own.under.as_ref()), &theirs, patience.step).await?;

    let mut both = [(&input, nonce), (&theirs, peer_nonce)];
    // The order of the terms, so that both sides hash the same bytes.
    both.sort_by_key(|(input, _)| position(&plan.terms, input));
    let handshake = Handshake {
        terms: plan.terms.clone(),
        inputs: both.iter().map(|(input, _)| (*input).clone()).collect(),
        nonces: both.iter().map(|(_, nonce)| *nonce).collect(),
        channel_binding: link.peer().channel_binding,
    };
    // Where one side knows of no run that was begun, or of another one, this is a first run.
    let known = known.filter(|_| theirs.resumed_job_key_check == input.resumed_job_key_check);
    let agreed = Agreed {
        job_key: known.map_or_else(|| handshake.job_key(), |known| known.job_key),
        own_size: own.padded_size,
        peer_size: theirs.padded_size,
        peer_commitment: theirs.commitment,
        label_size: own.label_size.max(theirs.label_size),
        bin_items: own.bin_items.min(theirs.bin_items),
        in_flight: own.in_flight.min(theirs.in_flight),
        finished: known
            .map(|known| known.finished.both(&BinMarks::from_bytes(&theirs.finished_bins)))
            .unwrap_or_default(),
        handshake,
    };
    exchange_confirm(link, plan, &agreed.session_id(0), patience.step).await?;
    Ok(agreed)
}

/// Holds the peer to what it entered when the run was begun. Whoever could enter something else would have two
/// answers for one job.
fn check_known(theirs: &RunInput, own: &OwnInput, plan: &Plan) -> Result<(), RunError> {
    if theirs.lane != own.lane {
        return Err(misbehaved(plan, "its connections came in another order"));
    }
    if own.held.is_some_and(|held| held != (theirs.commitment, theirs.padded_size)) {
        return Err(misbehaved(plan, "it enters other records than it did when the size of the result was asked"));
    }
    let Some(known) = &own.known else {
        return if own.lane == 0 { Ok(()) } else { Err(misbehaved(plan, "a connection of no run")) };
    };
    let same_run = theirs.resumed_job_key_check == Some(job_key_check(&known.job_key));
    if own.lane > 0 && !same_run {
        return Err(misbehaved(plan, "a connection of another run"));
    }
    if (theirs.commitment, theirs.padded_size) != (known.peer_commitment, known.peer_size) {
        return Err(misbehaved(plan, "it enters other records than it did when the job was begun"));
    }
    if !same_run && known.finished.count() > 0 {
        return Err(misbehaved(plan, "it begins a job for the first time of which bins are finished here"));
    }
    // Its process may have ended before it had kept what was agreed. With the same records it may begin again.
    if !same_run {
        return Ok(());
    }
    // Each attempt leaves at most the bins that were in flight in doubt.
    let doubtful = known
        .finished
        .count()
        .saturating_sub(known.finished.both(&BinMarks::from_bytes(&theirs.finished_bins)).count());
    if doubtful > own.in_flight.saturating_mul(2) {
        return Err(misbehaved(plan, format!("it asks for {doubtful} bins again that are finished here")));
    }
    Ok(())
}

/// The other end must be the party that the job names, with the identity that is pinned for it.
fn check_peer(link: &Link, plan: &Plan) -> Result<(), RunError> {
    let peer = link.peer();
    if peer.participant == *plan.peer() && peer.identity == plan.peer_identity {
        return Ok(());
    }
    let what = format!("it is not {} with the identity that is pinned for it", plan.peer());
    Err(RunError::Peer { peer: peer.participant.clone(), what })
}

async fn exchange_hello(
    link: &mut Link,
    plan: &Plan,
    own: &RunInput,
    under: Option<&Under>,
    wait: Patience,
) -> Result<RunInput, RunError> {
    let (terms, input) = (Some(plan.terms.clone().into()), Some(own.clone().into()));
    let signed_use = under.map(|under| under.signed_use().to_bytes()).transpose();
    let signed_use = signed_use.map_err(|error| RunError::Own(error.to_string()))?.unwrap_or_default().into();
    let hello = proto::Hello { terms, input, attempt: plan.attempt, signed_use };
    link.send(&plan.me, Body::Hello(hello), wait.step).await?;
    let hello = match link.receive(&plan.me, "sent no hello", wait.hello).await? {
        Body::Hello(hello) => hello,
        other => return Err(link.out_of_turn(&other, "hello")),
    };
    let (Some(terms), Some(input)) = (hello.terms, hello.input) else {
        return Err(misbehaved(plan, "it sent a hello without terms or input"));
    };
    check_terms(terms, plan)?;
    let input = RunInput::try_from(input).map_err(|error| misbehaved(plan, format!("its hello: {error}")))?;
    check_input(&input, plan, wait.max_items)?;
    if let Some(under) = under {
        under.admit_peer(plan.peer(), &input, &hello.signed_use).await?;
    }
    Ok(input)
}

fn check_terms(terms: proto::RunTerms, plan: &Plan) -> Result<(), RunError> {
    let incompatible = |what: String| Err(RunError::Incompatible { peer: plan.peer().clone(), what });
    // Another version may fill the other fields in ways that this one does not know.
    if terms.contract_version != plan.terms.contract_version {
        return incompatible("the contract version differs".to_owned());
    }
    let terms = RunTerms::try_from(terms).map_err(|error| misbehaved(plan, format!("its hello: {error}")))?;
    match plan.terms.first_difference(&terms) {
        None => Ok(()),
        Some(field) => incompatible(format!("the {field} differ between the two sides")),
    }
}

fn check_input(input: &RunInput, plan: &Plan, max_items: u64) -> Result<(), RunError> {
    let peer = plan.peer();
    if input.participant != *peer {
        return Err(misbehaved(plan, format!("it says that it is {}", input.participant)));
    }
    if let Some(agreed) = plan.theirs.padded_size.filter(|agreed| *agreed != input.padded_size) {
        let what = format!("it enters {} items where the job pads its set to {agreed}", input.padded_size);
        return Err(misbehaved(plan, what));
    }
    if input.padded_size > max_items {
        let what = format!("{} items of {peer} are more than the {max_items} accepted here", input.padded_size);
        return Err(RunError::Refused(what));
    }
    check_label_size(input.label_size, plan)?;
    if plan.terms.agreement_digest.is_none() && input.use_counter != 0 {
        return Err(misbehaved(plan, "it counts uses where there is no agreement"));
    }
    if input.bin_items == 0 || input.in_flight == 0 {
        return Err(misbehaved(plan, "it takes no bins"));
    }
    Ok(())
}

fn check_label_size(size: u32, plan: &Plan) -> Result<(), RunError> {
    let has_labels = plan.terms.mode == Mode::Labelled && plan.theirs.role == Role::Sender;
    match (has_labels, size) {
        (false, 0) => Ok(()),
        (false, _) => Err(misbehaved(plan, "it announces labels where it has none to give")),
        // Two bytes say how long a label is.
        (true, 2..=MAX_LABEL) => Ok(()),
        (true, _) => Err(misbehaved(plan, format!("it announces labels of {size} bytes; they have 2 to {MAX_LABEL}"))),
    }
}

async fn exchange_reveal(
    link: &mut Link,
    plan: &Plan,
    (nonce, under): (&[u8; 32], Option<&Under>),
    theirs: &RunInput,
    wait: Duration,
) -> Result<[u8; 32], RunError> {
    let reveal = proto::Reveal { nonce: nonce.to_vec().into(), clock_seconds: now()?.seconds() };
    link.send(&plan.me, Body::Reveal(reveal), wait).await?;
    let reveal = match link.receive(&plan.me, "did not open its nonce", wait).await? {
        Body::Reveal(reveal) => reveal,
        other => return Err(link.out_of_turn(&other, "reveal")),
    };
    let revealed = <[u8; 32]>::try_from(reveal.nonce.as_ref())
        .map_err(|_| misbehaved(plan, "it opened a nonce that does not have 32 bytes"))?;
    if nonce_commitment(&theirs.participant, &revealed) != theirs.nonce_commitment {
        return Err(misbehaved(plan, "it opened another nonce than it had committed to"));
    }
    under.map_or(Ok(()), |under| under.admit_clock(plan.peer(), reveal.clock_seconds))?;
    Ok(revealed)
}

async fn exchange_confirm(link: &mut Link, plan: &Plan, session_id: &[u8; 32], wait: Duration) -> Result<(), RunError> {
    let check = session_check(session_id);
    link.send(&plan.me, Body::Confirm(proto::Confirm { session_check: check.to_vec().into() }), wait).await?;
    let confirm = match link.receive(&plan.me, "did not confirm the session", wait).await? {
        Body::Confirm(confirm) => confirm,
        other => return Err(link.out_of_turn(&other, "confirm")),
    };
    if confirm.session_check.as_ref() == check {
        Ok(())
    } else {
        let what = "the two sides derived different sessions: something changed the handshake on its way, \
                    or the versions differ";
        Err(RunError::Incompatible { peer: plan.peer().clone(), what: what.to_owned() })
    }
}

/// Where in the terms a participant stands.
fn position(terms: &RunTerms, input: &RunInput) -> Option<usize> {
    terms.participants.iter().position(|one| one.participant == input.participant)
}

fn misbehaved(plan: &Plan, what: impl Into<String>) -> RunError {
    RunError::Peer { peer: plan.peer().clone(), what: what.into() }
}
