//! Admission: the rule, the counter, the use and its receipt in one transaction.

use agreement::{
    Act, Agreement, Digest, Event, JobSpec, Moment, Pinned, Receipt, Signed,
    acts::Heartbeat,
    admission::{Decision, Facts, Refusal, SKEW, Used, admit},
    receipt::Use,
};
use database::{Row, Transaction, query};

use super::{
    Book, BookError,
    approvals::{Answer, Asking, Question, answer, ask},
    number, papers,
    papers::text,
    signed, stored,
};

/// A job that asks to be admitted.
#[derive(Clone, Copy)]
pub struct JobRequest<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it is.
    pub spec: &'a JobSpec,
    /// This node's clock.
    pub now: Moment,
    /// The version in which this node's dataset of a name is published; nothing if it is not.
    pub published: &'a (dyn Fn(&str) -> Option<u32> + Sync),
    /// Seconds within which a supervisor's heartbeat has to have been heard, where this node wants that.
    pub heartbeat: Option<u64>,
}

/// A job that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Under what.
    pub agreement: Agreement,
    /// As what it was signed: goes to the peer.
    pub signed_use: Signed<Use>,
}

/// What the rule says of a job, written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It runs.
    Admitted(Box<Admission>),
    /// It waits for this participant's approvers.
    AwaitsApproval,
    /// It does not; there is a receipt of it.
    Refused(Refusal),
    /// It has ended here before, so.
    Ended(String),
}

impl Book {
    /// Rules on a job. One that is admitted is counted; one that was admitted before and has not ended is the same use again,
    /// as long as the agreement still stands.
    ///
    /// # Errors
    /// [`BookError`]; then nothing is counted.
    pub async fn admit(&self, request: JobRequest<'_>) -> Result<Ruling, BookError> {
        self.database.in_time(self.rule(request)).await
    }

    async fn rule(&self, request: JobRequest<'_>) -> Result<Ruling, BookError> {
        let named = request.spec.agreement_digest.map(Digest::from_bytes);
        let agreement = match &named {
            Some(digest) => self.agreement(digest).await?,
            None => None,
        };
        let ruled = match (named, agreement) {
            (Some(digest), Some(agreement)) => self.admit_under(&digest, agreement, request).await?,
            _ => {
                let pinned = self.pinned();
                let facts = self.facts(&request, &pinned, None, (&[], Used::default()));
                Ruling::Refused(admit(&facts).err().unwrap_or(Refusal::Unknown))
            }
        };
        if let Ruling::Refused(refusal) = &ruled {
            let receipt = Receipt {
                agreement: named,
                job: Some(request.id.to_owned()),
                cause: Some(agreement::printable(&refusal.to_string(), 512)),
                ..Receipt::of(Event::Refused, request.now)
            };
            self.refused(receipt).await?;
        }
        Ok(ruled)
    }

    async fn admit_under(
        &self,
        digest: &Digest,
        agreement: Agreement,
        request: JobRequest<'_>,
    ) -> Result<Ruling, BookError> {
        let name = digest.to_string();
        let mut transaction = self.database.begin().await?;
        // This row puts all admissions of the agreement in order.
        let counter = query(super::COUNTER).bind(name.clone()).fetch_one(&mut *transaction).await?;
        let earlier = query("SELECT agreement, statement, outcome FROM uses WHERE job = $1")
            .bind(request.id.to_owned())
            .fetch_optional(&mut *transaction)
            .await?;
        let earlier = earlier.map(|row| Earlier::read(&row)).transpose()?;
        if let Some(earlier) = &earlier {
            if !earlier.outcome.is_empty() {
                return Ok(Ruling::Ended(earlier.outcome.clone()));
            }
            if earlier.signed_use.statement().agreement != *digest {
                return Ok(Ruling::Refused(Refusal::Job("the agreement that it was admitted under".to_owned())));
            }
        }
        let rows = query(papers::ACTS).bind(name).fetch_all(&mut *transaction).await?;
        let acts = rows.iter().map(papers::read_act).collect::<Result<Vec<Act>, _>>()?;
        let today = request.now.china_day().to_string();
        let mut counted = Counted::read(&counter, &today)?;
        if counted.is_another_day {
            counted.today = self.uses_of_day(&mut transaction, digest, request.now).await?;
        }
        // What was counted before is not counted again.
        let used = if earlier.is_some() { Used::default() } else { counted.used()? };
        let pinned = self.pinned();
        let heartbeat = match request.heartbeat {
            Some(within) => Some((within, last_heartbeat(&mut transaction, &pinned).await?)),
            None => None,
        };
        let asking = Asking {
            job: request.id,
            question: Question::Job,
            mark: "",
            agreement: digest,
            name: &request.spec.name,
            note: "",
            now: request.now,
        };
        let approved = match answer(&mut transaction, &asking).await? {
            Some(Answer::Rejected(reason)) => return Ok(Ruling::Refused(Refusal::NotApproved(reason))),
            answered => answered == Some(Answer::Approved),
        };
        let facts =
            Facts { heartbeat, approved, ..self.facts(&request, &pinned, Some((digest, &agreement)), (&acts, used)) };
        let decision = match (admit(&facts), earlier) {
            (Err(refusal), _) => return Ok(Ruling::Refused(refusal)),
            (Ok(_), Some(earlier)) => {
                let signed_use = earlier.signed_use;
                return Ok(Ruling::Admitted(Box::new(Admission { agreement, signed_use })));
            }
            (Ok(decision), None) => decision,
        };
        let Decision::Admitted { number } = decision else {
            ask(&mut transaction, &asking).await?;
            transaction.commit().await?;
            return Ok(Ruling::AwaitsApproval);
        };
        let signed_use = self.count(&mut transaction, digest, number, (counted.today, &today), &request).await?;
        transaction.commit().await?;
        Ok(Ruling::Admitted(Box::new(Admission { agreement, signed_use })))
    }

    fn facts<'a>(
        &'a self,
        request: &JobRequest<'a>,
        pinned: &'a Pinned,
        agreement: Option<(&'a Digest, &'a Agreement)>,
        (acts, used): (&'a [Act], Used),
    ) -> Facts<'a> {
        let own = agreement.and_then(|(_, agreement)| agreement.party_of(&self.me));
        Facts {
            me: &self.me,
            pinned,
            agreement,
            acts,
            job: request.spec,
            now: request.now,
            used,
            published: own.and_then(|own| (request.published)(&own.dataset.name)),
            heartbeat: None,
            approved: false,
        }
    }

    /// Writes down a use: the counter, the use, its receipt.
    async fn count(
        &self,
        transaction: &mut Transaction,
        digest: &Digest,
        number: u64,
        (before_today, today): (u64, &str),
        request: &JobRequest<'_>,
    ) -> Result<Signed<Use>, BookError> {
        let statement = Use { agreement: *digest, at: request.now, job: request.id.to_owned(), number };
        let signed_use = Signed::sign(statement, &self.me, &*self.signer)?;
        query("UPDATE counters SET runs = $2, day = $3, today = $4, last_s = $5 WHERE agreement = $1")
            .bind(digest.to_string())
            .bind(stored(number))
            .bind(today.to_owned())
            .bind(stored(before_today.saturating_add(1)))
            .bind(request.now.seconds())
            .execute(&mut **transaction)
            .await?;
        query("INSERT INTO uses (job, agreement, number, at_s, statement, outcome) VALUES ($1, $2, $3, $4, $5, '')")
            .bind(request.id.to_owned())
            .bind(digest.to_string())
            .bind(stored(number))
            .bind(request.now.seconds())
            .bind(text(signed_use.to_bytes()?)?)
            .execute(&mut **transaction)
            .await?;
        let receipt = Receipt {
            agreement: Some(*digest),
            job: Some(request.id.to_owned()),
            use_number: Some(number),
            ..Receipt::of(Event::Admitted, request.now)
        };
        self.append(transaction, receipt).await?;
        Ok(signed_use)
    }

    /// Keeps a supervisor's heartbeat, if it is later than the one before.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if its signer is no supervisor that is pinned here, or it is from the future: it would be the
    /// last one until then.
    pub async fn heard(&self, heartbeat: &Signed<Heartbeat>, now: Moment) -> Result<(), BookError> {
        let at = heartbeat.statement().at;
        if at > now.plus(SKEW) {
            return Err(BookError::NotTaken(format!("the heartbeat is of {at}, and it is {now} here")));
        }
        if !self.pinned().is_supervisor((heartbeat.signer(), heartbeat.identity())) {
            return Err(BookError::NotTaken(format!("{} is no supervisor that is pinned here", heartbeat.signer())));
        }
        query(
            "INSERT INTO heartbeats (supervisor, at_s, body) VALUES ($1, $2, $3) \
             ON CONFLICT (supervisor) DO UPDATE SET at_s = excluded.at_s, body = excluded.body \
             WHERE excluded.at_s > heartbeats.at_s",
        )
        .bind(heartbeat.signer().to_string())
        .bind(heartbeat.statement().at.seconds())
        .bind(text(heartbeat.to_bytes()?)?)
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// The uses of the day of `now` in China, by their times. The counter has them for the day of the last use alone, and clocks
    /// are set, forward and back.
    async fn uses_of_day(&self, transaction: &mut Transaction, digest: &Digest, now: Moment) -> Result<u64, BookError> {
        let (begin, end) = now.bounds_of_china_day();
        let row = query("SELECT COUNT(*) FROM uses WHERE agreement = $1 AND at_s >= $2 AND at_s < $3")
            .bind(digest.to_string())
            .bind(begin)
            .bind(end)
            .fetch_one(&mut **transaction)
            .await?;
        number(row.try_get(0)?)
    }
}

/// A job's earlier admission.
struct Earlier {
    signed_use: Signed<Use>,
    outcome: String,
}

impl Earlier {
    fn read(row: &database::AnyRow) -> Result<Self, BookError> {
        Ok(Self { signed_use: signed(row, "statement")?, outcome: row.try_get("outcome")? })
    }
}

/// The last heartbeat of a supervisor who is pinned now.
async fn last_heartbeat(transaction: &mut Transaction, pinned: &Pinned) -> Result<Option<Moment>, BookError> {
    let rows = query("SELECT body FROM heartbeats ORDER BY at_s DESC").fetch_all(&mut **transaction).await?;
    for row in rows {
        let heartbeat: Signed<Heartbeat> = signed(&row, "body")?;
        if pinned.is_supervisor((heartbeat.signer(), heartbeat.identity())) {
            return Ok(Some(heartbeat.statement().at));
        }
    }
    Ok(None)
}

/// The counters of an agreement.
struct Counted {
    runs: u64,
    today: u64,
    /// Whether the last use was on another day than this one.
    is_another_day: bool,
    last_s: i64,
}

impl Counted {
    fn read(row: &database::AnyRow, today: &str) -> Result<Self, BookError> {
        Ok(Self {
            runs: number(row.try_get("runs")?)?,
            today: number(row.try_get("today")?)?,
            is_another_day: row.try_get::<String, _>("day")? != today,
            last_s: row.try_get("last_s")?,
        })
    }

    fn used(&self) -> Result<Used, BookError> {
        let last = if self.last_s < 0 { None } else { Some(Moment::from_seconds(self.last_s)?) };
        Ok(Used { runs: self.runs, today: self.today, last })
    }
}
