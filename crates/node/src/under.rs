//! The agreement that a run stands under, as its own side holds it.

use std::sync::Arc;

use agreement::{
    Act, Agreement, Digest, IdentityPublicKey, JobSpec, Mode, Moment, ParticipantId, Pinned, Protocol, Receipt, Signed,
    Signer,
    acts::{Consent, Request},
    admission::{Refusal, admit_clock, admit_result, admit_rows},
    contract::{DatasetVersion, Delivery, FORM, Limits, Party, Reasons, Rows, Validity},
    moment::MomentError,
    printable,
    receipt::{Event, InputFacts, RunFacts, Use},
    run::RunInput,
};
use database::Location;

use crate::{
    book::{Admission, Answer, Asking, Book, BookError, Ended, JobRequest, Made, Question, Ruling},
    clock::now,
    deliver::Delivered,
    error::RunError,
};

/// What a made-up agreement allows where it sets no bound.
const PLENTY: u64 = 1 << 32;
/// Seconds for which a made-up agreement is valid, before and after it was made.
const BEFORE: i64 = 3600;
const AFTER: u64 = 30 * 86_400;

/// An agreement under which this side was admitted to a run.
#[derive(Clone, Debug)]
pub struct Under {
    book: Book,
    digest: Digest,
    admission: Arc<Admission>,
}

impl Under {
    /// Of a job that this side's book admitted.
    ///
    /// # Errors
    /// [`RunError::Own`] if the agreement cannot be named.
    pub fn new(book: Book, admission: Admission) -> Result<Self, RunError> {
        let digest = admission.agreement.digest().map_err(|error| RunError::Own(error.to_string()))?;
        Ok(Self { book, digest, admission: Arc::new(admission) })
    }

    /// Of a job between two who made up an agreement for it alone, as both ends of a `match` do. `consents` are those of
    /// both; `key` is this side's.
    ///
    /// # Errors
    /// [`RunError::Refused`] if the job is not admitted; [`RunError::Own`].
    pub async fn made_up(
        me: &ParticipantId,
        key: Arc<dyn Signer>,
        agreement: Agreement,
        consents: Vec<Signed<Consent>>,
        (job_id, spec): (&str, &JobSpec),
        now: Moment,
    ) -> Result<Self, RunError> {
        let own = |error: BookError| RunError::Own(error.to_string());
        let pinned = agreement.parties.iter().map(|party| (party.participant.clone(), party.identity)).collect();
        let pinned = Pinned { participants: pinned, ..Pinned::default() };
        let book = Book::open(&Location::Memory, me.clone(), Arc::clone(&key), pinned).await.map_err(own)?;
        let request = Request { agreement, at: now };
        let request = Signed::sign(request, me, &*key).map_err(|error| RunError::Own(error.to_string()))?;
        book.keep(&Act::Request(Box::new(request)), 0).await.map_err(own)?;
        for consent in consents {
            book.keep(&Act::Consent(consent), 0).await.map_err(|error| RunError::Refused(error.to_string()))?;
        }
        let request = JobRequest { id: job_id, spec, now, published: &|_| Some(1), heartbeat: None };
        match book.admit(request).await.map_err(own)? {
            Ruling::Admitted(admission) => Self::new(book, *admission),
            Ruling::Refused(refusal) => Err(refusal.into()),
            Ruling::AwaitsApproval | Ruling::Ended(_) => {
                Err(RunError::Own("a fault in this program: admission".to_owned()))
            }
        }
    }

    /// The terms.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        &self.admission.agreement
    }

    /// The identity that this side signs with.
    #[must_use]
    pub fn identity(&self) -> IdentityPublicKey {
        self.book.identity()
    }

    /// The name of the agreement.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What this side signed: which use of the agreement the run is.
    #[must_use]
    pub fn signed_use(&self) -> &Signed<Use> {
        &self.admission.signed_use
    }

    /// Admits the size of this side's own set. How large it is stays here: others know what it is padded to.
    pub(crate) fn admit_own(&self, items: u64) -> Result<(), RunError> {
        let me = self.book.participant();
        let Some(own) = self.agreement().party_of(me) else { return Ok(()) };
        admit_rows(own, items, true).map_err(|refusal| {
            tracing::warn!(job_id = self.signed_use().statement().job, %refusal, "the set is not as agreed");
            RunError::Refused(format!("the set of {me} is smaller or larger than the agreement allows"))
        })
    }

    /// Admits what the peer enters: its use of the agreement, and the size of its set.
    pub(crate) async fn admit_peer(
        &self,
        peer: &ParticipantId,
        input: &RunInput,
        signed_use: &[u8],
    ) -> Result<(), RunError> {
        let misbehaved = |what: String| RunError::Peer { peer: peer.clone(), what };
        let theirs: Signed<Use> =
            Signed::from_bytes(signed_use).map_err(|error| misbehaved(format!("its use of the agreement: {error}")))?;
        if theirs.statement().number != input.use_counter {
            return Err(misbehaved("it signed another use of the agreement than it states".to_owned()));
        }
        let job = &self.signed_use().statement().job;
        let about = (job.as_str(), &self.digest, self.agreement());
        let ruled = self.book.admit_use(&theirs, about, peer).await;
        ruled.map_err(|error| RunError::Own(error.to_string()))?.map_err(RunError::from)?;
        let held = self.book.hold_input((job, peer), (&input.commitment, input.padded_size)).await;
        if !held.map_err(|error| RunError::Own(error.to_string()))? {
            return Err(misbehaved("it enters other records than it did when the job was begun".to_owned()));
        }
        let party = self.agreement().party_of(peer);
        party.map_or(Ok(()), |party| admit_rows(party, input.padded_size, false).map_err(RunError::from))
    }

    /// Admits the peer's clock, as it shows it in the handshake.
    pub(crate) fn admit_clock(&self, peer: &ParticipantId, seconds: i64) -> Result<(), RunError> {
        let theirs = Moment::from_seconds(seconds).map_err(|error| {
            let what = format!("its clock: {error}");
            RunError::Peer { peer: peer.clone(), what }
        })?;
        Ok(admit_clock(self.book.participant(), now()?, peer, theirs)?)
    }

    /// The number of the use that the peer showed of this job.
    pub(crate) async fn number_of(&self, peer: &ParticipantId) -> Result<u64, RunError> {
        let job = &self.signed_use().statement().job;
        self.book.peer_use(job, peer).await.map_err(|error| RunError::Own(error.to_string()))
    }

    /// Asks this node's approvers whether an input is entered that is too close to an earlier one.
    pub(crate) async fn ask_about_input(&self, name: &str, mark: &str, note: &str) -> Result<Answer, RunError> {
        let asking = Asking {
            job: &self.signed_use().statement().job,
            question: Question::Input,
            mark,
            agreement: &self.digest,
            name,
            note,
            now: now()?,
        };
        self.book.ask(&asking).await.map_err(|error| match error {
            BookError::NotTaken(why) | BookError::NotNow(why) => RunError::Refused(why),
            other => RunError::Own(other.to_string()),
        })
    }

    /// Admits a job by the size of the result that it would have.
    pub(crate) fn admit_size(&self, matched: u64) -> Result<(), RunError> {
        Ok(admit_result(self.agreement(), matched)?)
    }

    /// Whether a result of this size may be delivered.
    pub(crate) fn may_deliver(&self, matched: u64) -> bool {
        admit_result(self.agreement(), matched).is_ok()
    }

    /// Notes that the run is done on both sides, and what became of the result here, with a receipt of each. `delivered` is
    /// nothing at a side that learns nothing.
    pub(crate) async fn succeeded(&self, facts: RunFacts, delivered: Option<Delivered>) -> Result<(), RunError> {
        let at = now()?;
        let mut receipts = vec![Receipt { run: Some(facts), ..self.receipt(Event::Succeeded, at) }];
        if let Some(Delivered { withheld, .. }) = delivered {
            let event = if withheld { Event::Withheld } else { Event::Delivered };
            receipts.push(self.receipt(event, at));
        }
        let sealed = delivered.and_then(|delivered| delivered.sealed_bytes.zip(delivered.rows_written));
        let due = self.agreement().delivery.due(at);
        let made = sealed.map(|(bytes, rows)| Made { rows, bytes, at, due });
        self.ended("Succeeded", receipts, made).await
    }

    /// Notes that this side asked for the size of the result, in a run of these facts, and refuses the one that would deliver.
    pub(crate) async fn withheld(&self, facts: RunFacts, refusal: &RunError) -> Result<(), RunError> {
        let cause = Some(printable(&refusal.public_cause(self.book.participant()), 512));
        let receipt = Receipt { run: Some(facts), cause, ..self.receipt(Event::Withheld, now()?) };
        self.ended(&refusal.job_state().to_string(), vec![receipt], None).await
    }

    async fn ended(&self, outcome: &str, receipts: Vec<Receipt>, made: Option<Made>) -> Result<(), RunError> {
        let job = &self.signed_use().statement().job;
        let own = |error: BookError| RunError::Own(error.to_string());
        let me = self.book.participant();
        let others = self.agreement().parties.iter().map(|party| &party.participant).filter(|party| *party != me);
        let others: Vec<&ParticipantId> = others.collect();
        match self.book.ended(job, outcome, (receipts, &others), made.as_ref()).await.map_err(own)? {
            Ended::Now => {}
            Ended::Before => return Err(RunError::Cancelled("the job has ended here before".to_owned())),
            Ended::Held(reason) => return Err(RunError::Cancelled(reason)),
        }
        // Those of peers that came before ours was there.
        self.book.compare_all(job, now()?).await.map(drop).map_err(own)
    }

    /// A receipt of this run.
    fn receipt(&self, event: Event, now: Moment) -> Receipt {
        let said = self.signed_use().statement();
        Receipt {
            agreement: Some(self.digest),
            job: Some(said.job.clone()),
            use_number: Some(said.number),
            ..Receipt::of(event, now)
        }
    }
}

/// What both sides' receipts say alike of a run that is done; `inputs` stand in the order of the terms.
pub(crate) fn run_facts(terms: [u8; 32], inputs: &[RunInput], transcript: [u8; 32]) -> RunFacts {
    let input = |input: &RunInput| InputFacts {
        participant: input.participant.clone(),
        commitment: Digest::from_bytes(input.commitment),
        padded_size: input.padded_size,
        use_number: input.use_counter,
    };
    RunFacts {
        terms: Digest::from_bytes(terms),
        inputs: inputs.iter().map(input).collect(),
        transcript: Digest::from_bytes(transcript),
    }
}

impl From<MomentError> for RunError {
    fn from(error: MomentError) -> Self {
        Self::Own(format!("this machine's clock is wrong: {error}"))
    }
}

impl From<Refusal> for RunError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

/// The agreement of one job between two who made it up: all that the job says, and no bound beyond.
///
/// # Errors
/// [`RunError::Job`] for a job that cannot be.
pub fn made_up_agreement(
    spec: &JobSpec,
    identities: &[(ParticipantId, IdentityPublicKey)],
    nonce: [u8; 16],
    made: Moment,
) -> Result<Agreement, RunError> {
    let party = |party: &agreement::JobParty| {
        let identity = identities.iter().find(|(name, _)| *name == party.participant).map(|(_, identity)| *identity);
        let nobody = || RunError::Configuration(format!("no identity is pinned for {}", party.participant));
        Ok(Party {
            participant: party.participant.clone(),
            identity: identity.ok_or_else(nobody)?,
            role: party.role,
            department: "made up".to_owned(),
            dataset: DatasetVersion { name: party.dataset.clone(), version: 1 },
            key_columns: party.key_columns.clone(),
            label_columns: party.label_columns.clone(),
            padded_size: party.padded_size,
            rows: Rows { least: 0, most: PLENTY },
        })
    };
    let protocols = match spec.mode {
        Mode::Cardinality => vec![Protocol::Ecdh],
        _ => vec![Protocol::Ecdh, Protocol::Vole],
    };
    let from = Moment::from_seconds(made.seconds().saturating_sub(BEFORE)).unwrap_or(made);
    Ok(Agreement {
        form: FORM,
        name: "made up for one job".to_owned(),
        nonce: hex::encode(nonce),
        parties: spec.parties.iter().map(party).collect::<Result<_, RunError>>()?,
        key_types: spec.key_types.clone(),
        mode: spec.mode,
        protocols,
        data_standard: records::standard::DATA_STANDARD.to_owned(),
        lambda: spec.error_budget.lambda,
        listener: spec.listener.clone(),
        reasons: Reasons {
            purpose: "to try it".to_owned(),
            legal_basis: "both sides have one owner".to_owned(),
            documents: Vec::new(),
            impact_assessment: None,
        },
        validity: Validity { from, until: made.plus(AFTER) },
        limits: Limits {
            runs: PLENTY,
            runs_per_day: PLENTY,
            shortest_interval: None,
            smallest_result: None,
            lookups_per_second: None,
            lookups_per_day: None,
        },
        delivery: Delivery { gated: false, approval: Vec::new(), retention_days: 1 },
    })
}
