//! Taking up a run that an earlier process, or an earlier connection, began.

use zeroize::Zeroizing;

use crate::{
    bins::Tally,
    checkpoint::{Begun, Checkpoint, Saved},
    error::RunError,
    findings::Findings,
    handshake::{Agreed, Known},
    plan::Plan,
    prepare::random,
    run::Run,
    stop::Stop,
};

/// What is known of a run before it is met.
pub(crate) struct Resumption {
    /// The run as it was left; nothing for a first one.
    pub(crate) saved: Option<Saved>,
    /// The secret of this side's commitment: the same as before, or a fresh one.
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

/// A run whose bins can be matched, with what is known of it so far.
pub(crate) struct Ready {
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) findings: Findings,
    pub(crate) tally: Tally,
}

/// Takes up what an earlier process found.
///
/// # Errors
/// [`RunError::Own`] if it cannot be read, or there is no room for it.
pub(crate) fn take_up(saved: &Saved, findings: &mut Findings, tally: &mut Tally) -> Result<(), RunError> {
    saved.each(|bin, transcript, found| {
        findings.add(&found)?;
        if let Some(transcript) = transcript {
            tally.finished(bin, transcript);
        }
        Ok(())
    })
}

impl Resumption {
    /// Looks for a run that was begun.
    ///
    /// # Errors
    /// [`RunError::Own`] if what is kept cannot be read.
    pub(crate) async fn look(run: &Run, stop: &Stop) -> Result<Self, RunError> {
        let saved = match run.checkpoints.clone() {
            None => None,
            Some(checkpoints) => {
                let job_id = run.job_id.clone();
                stop.blocking(move || checkpoints.load(&job_id)).await?
            }
        };
        let kept = saved.as_ref().and_then(|saved| saved.begun.secret.as_slice().try_into().ok()).map(Zeroizing::new);
        let secret = kept.or_else(|| run.stage.secret().cloned()).map_or_else(random, Ok)?;
        Ok(Self { saved, secret })
    }

    /// Whether both sides had agreed on the run before.
    pub(crate) fn was_agreed(&self) -> bool {
        self.saved.as_ref().is_some_and(Saved::was_agreed)
    }

    /// What the handshake says of it.
    ///
    /// # Errors
    /// [`RunError::SourceChanged`] if this side would enter other records than before.
    pub(crate) fn known(&self, plan: &Plan, commitment: &[u8; 32], source: &[u8]) -> Result<Option<Known>, RunError> {
        let Some(saved) = &self.saved else { return Ok(None) };
        // The commitment is to the keys alone. What was found are rows, and what was sent were labels.
        if saved.begun.commitment != commitment || saved.begun.source != source {
            return Err(RunError::SourceChanged("its records are not those that the job was begun with"));
        }
        if saved.begun.terms != plan.terms.digest() {
            return Err(RunError::Refused("the job is not as it was begun".to_owned()));
        }
        let key = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok();
        Ok(key(&saved.begun.job_key).zip(key(&saved.begun.peer_commitment)).map(|(job_key, peer_commitment)| Known {
            job_key,
            peer_commitment,
            finished: saved.marks(),
            peer_size: saved.begun.peer_size,
        }))
    }

    /// Keeps what this side is about to say that it enters, if it is for the first time: another input would be a second
    /// question under one job, and the peer refuses it.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be kept.
    pub(crate) async fn promise(
        &self,
        run: &Run,
        plan: &Plan,
        (commitment, source): (&[u8; 32], &[u8]),
        stop: &Stop,
    ) -> Result<(), RunError> {
        let (None, Some(checkpoints)) = (&self.saved, run.checkpoints.clone()) else { return Ok(()) };
        let about = Begun {
            terms: plan.terms.digest().to_vec(),
            secret: self.secret.to_vec(),
            commitment: commitment.to_vec(),
            source: source.to_vec(),
            ..Begun::default()
        };
        let job_id = run.job_id.clone();
        stop.blocking(move || checkpoints.ready(&job_id, &about)).await
    }

    /// Keeps what was agreed, and takes up the bins that need not be matched again.
    ///
    /// # Errors
    /// [`RunError::Own`] if it cannot be kept.
    pub(crate) async fn begin(
        self,
        run: &Run,
        plan: &Plan,
        agreed: &Agreed,
        (commitment, source): ([u8; 32], Vec<u8>),
        (mut findings, bins): (Findings, u32),
        stop: &Stop,
    ) -> Result<Ready, RunError> {
        let mut tally = Tally::new(bins);
        let Some(checkpoints) = run.checkpoints.clone() else {
            return Ok(Ready { checkpoint: None, findings, tally });
        };
        let begun = Begun {
            terms: plan.terms.digest().to_vec(),
            job_key: agreed.job_key.to_vec(),
            secret: self.secret.to_vec(),
            commitment: commitment.to_vec(),
            peer_commitment: agreed.peer_commitment.to_vec(),
            bins,
            peer_size: agreed.peer_size,
            source,
        };
        // Bins of another number, or under another key, are other bins.
        let saved = self.saved.filter(|saved| saved.begun.bins == bins && saved.begun.job_key == begun.job_key);
        let (job_id, marks) = (run.job_id.clone(), agreed.finished.clone());
        stop.blocking(move || {
            let saved = saved.map(|mut saved| {
                saved.keep(&marks);
                saved
            });
            if let Some(saved) = &saved {
                take_up(saved, &mut findings, &mut tally)?;
            }
            let checkpoint = Some(checkpoints.begin(&job_id, &begun, saved.as_ref())?);
            Ok(Ready { checkpoint, findings, tally })
        })
        .await
    }
}
