//! What this participant's people approve: agreements, and jobs that wait for them: the question, who approved so far, the answer.

use std::{fmt, str::FromStr};

use agreement::{Digest, Event, Moment, Receipt, printable};
use database::{AnyRow, Row, Transaction, query};

use super::{Book, BookError, News};

/// Questions that may be open at once under one agreement: whoever dispatches jobs can have any number asked.
const MOST_OPEN: i64 = 100;
/// Seconds for which a question and its answer are kept.
const KEPT: i64 = 60 * 86_400;
/// Bytes of a reason, as a receipt has them.
const REASON: usize = 512;

/// What approvers are asked about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether it runs: its agreement has each job approved here.
    Job,
    /// Whether this very input is entered, although it differs from an earlier one by too few records.
    Input,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Job => "job",
            Self::Input => "input",
        })
    }
}

impl FromStr for Question {
    type Err = BookError;

    fn from_str(text: &str) -> Result<Self, BookError> {
        match text {
            "job" => Ok(Self::Job),
            "input" => Ok(Self::Input),
            _ => Err(BookError::Broken(format!("the question {}", printable(text, 32)))),
        }
    }
}

/// A question about a job.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The job.
    pub job: &'a str,
    /// What is asked.
    pub question: Question,
    /// Which input; empty where the question is about the job.
    pub mark: &'a str,
    /// The agreement that the job names.
    pub agreement: &'a Digest,
    /// The job's name.
    pub name: &'a str,
    /// For this participant's approvers alone.
    pub note: &'a str,
    /// When it is asked.
    pub now: Moment,
}

/// Which question is meant: the job, what is asked, and of which input.
pub type Asked<'a> = (&'a str, Question, &'a str);

/// What approvers answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Open,
    /// Yes, as many as it takes.
    Approved,
    /// No, because.
    Rejected(String),
}

/// A job that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub job: String,
    /// What is asked of it.
    pub question: Question,
    /// Which input; empty where the question is about the job.
    pub mark: String,
    /// The agreement that it names.
    pub agreement: Digest,
    /// Its name.
    pub name: String,
    /// For this participant's approvers alone.
    pub note: String,
    /// When it was asked.
    pub asked: Moment,
    /// Who approved so far.
    pub approved_by: Vec<String>,
}

impl Book {
    /// Asks this participant's approvers, unless they were asked before; gives what they answered.
    ///
    /// # Errors
    /// [`BookError::NotNow`] if as many questions are open under the agreement as may be.
    pub async fn ask(&self, asking: &Asking<'_>) -> Result<Answer, BookError> {
        let asked = async {
            let mut transaction = self.database.begin().await?;
            let answer = ask(&mut transaction, asking).await?;
            transaction.commit().await?;
            Ok(answer)
        };
        self.database.in_time(asked).await
    }

    /// Notes with a receipt that a person approved an agreement, once; gives all who did so far.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if this participant has signed or rejected it.
    pub async fn approve_agreement(
        &self,
        digest: &Digest,
        person: &str,
        now: Moment,
    ) -> Result<Vec<String>, BookError> {
        let noted = async {
            let subject = format!("agreement:{digest}");
            let mut transaction = self.database.begin().await?;
            if let Err(refusal) = self.may_approve(&mut transaction, digest).await? {
                transaction.commit().await?;
                return Err(refusal);
            }
            if note_approval(&mut transaction, &subject, person, now).await? == News::New {
                let (agreement, person) = (Some(*digest), Some(person.to_owned()));
                let receipt = Receipt { agreement, person, ..Receipt::of(Event::Approved, now) };
                self.append(&mut transaction, receipt).await?;
            }
            transaction.commit().await?;
            self.approvers_of(subject).await
        };
        self.database.in_time(noted).await
    }

    async fn approvers_of(&self, subject: String) -> Result<Vec<String>, BookError> {
        let rows = query("SELECT person FROM approvals WHERE subject = $1 ORDER BY person")
            .bind(subject)
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(row.try_get("person")?)).collect()
    }

    /// The open questions, oldest first.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn questions(&self) -> Result<Vec<Waiting>, BookError> {
        let rows = query("SELECT * FROM waiting WHERE answer = '' ORDER BY asked_s, job LIMIT 1000")
            .fetch_all(self.database.pool())
            .await?;
        let mut all = rows.iter().map(Waiting::read).collect::<Result<Vec<_>, _>>()?;
        for waiting in &mut all {
            waiting.approved_by = self.approvers_of(waiting.subject()).await?;
        }
        Ok(all)
    }

    /// Takes a person's yes to one question about a job; it is approved once `needed` different people have said so. Whether it is
    /// answered.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if that is not asked about the job.
    pub async fn approve_job(
        &self,
        asked: Asked<'_>,
        (person, needed): (&str, usize),
        now: Moment,
    ) -> Result<bool, BookError> {
        self.database.in_time(self.decide(asked, (person, Ok(needed)), now)).await
    }

    /// Takes a person's no to one question about a job, with its reason: as long as not enough others have said yes.
    ///
    /// # Errors
    /// As [`Self::approve_job`], and if there is no reason.
    pub async fn reject_job(
        &self,
        asked: Asked<'_>,
        (person, reason): (&str, &str),
        now: Moment,
    ) -> Result<(), BookError> {
        let reason = printable(reason, REASON);
        if reason.trim().is_empty() {
            return Err(BookError::NotTaken("a reason is missing".to_owned()));
        }
        self.database.in_time(self.decide(asked, (person, Err(reason)), now)).await.map(drop)
    }

    async fn decide(
        &self,
        (job, question, mark): Asked<'_>,
        (person, choice): (&str, Result<usize, String>),
        now: Moment,
    ) -> Result<bool, BookError> {
        let mut transaction = self.database.begin().await?;
        // Written first, so that two people who decide at once are one after the other.
        let row = query(
            "UPDATE waiting SET reason = '' WHERE job = $1 AND question = $2 AND mark = $3 AND answer = '' RETURNING *",
        )
        .bind(job.to_owned())
        .bind(question.to_string())
        .bind(mark.to_owned())
        .fetch_optional(&mut *transaction)
        .await?;
        let not_asked = || BookError::NotTaken("that is not asked about such a job here".to_owned());
        let row = row.ok_or_else(not_asked)?;
        let waiting = Waiting::read(&row)?;
        let (answer, news) = match &choice {
            Ok(needed) => {
                let news = note_approval(&mut transaction, &waiting.subject(), person, now).await?;
                let count = count_approvals(&mut transaction, &waiting.subject()).await?;
                (if count >= *needed { "approved" } else { "" }, news)
            }
            Err(_) => ("rejected", News::New),
        };
        let (event, cause) = match choice {
            Ok(_) => (Event::Approved, None),
            Err(reason) => (Event::Rejected, Some(reason)),
        };
        query("UPDATE waiting SET answer = $4, reason = $5 WHERE job = $1 AND question = $2 AND mark = $3")
            .bind(job.to_owned())
            .bind(question.to_string())
            .bind(mark.to_owned())
            .bind(answer)
            .bind(cause.clone().unwrap_or_default())
            .execute(&mut *transaction)
            .await?;
        if news == News::New {
            let (job, person, agreement) = (Some(job.to_owned()), Some(person.to_owned()), Some(waiting.agreement));
            self.append(&mut transaction, Receipt { agreement, job, person, cause, ..Receipt::of(event, now) }).await?;
        }
        transaction.commit().await?;
        Ok(!answer.is_empty())
    }
}

/// Asks as part of a transaction.
pub(super) async fn ask(transaction: &mut Transaction, asking: &Asking<'_>) -> Result<Answer, BookError> {
    if let Some(answer) = answer(transaction, asking).await? {
        return Ok(answer);
    }
    let old = query("DELETE FROM waiting WHERE asked_s < $1 RETURNING *")
        .bind(asking.now.seconds().saturating_sub(KEPT))
        .fetch_all(&mut **transaction)
        .await?;
    forget_approvals(transaction, &old).await?;
    let open = query("SELECT COUNT(*) FROM waiting WHERE answer = '' AND agreement = $1")
        .bind(asking.agreement.to_string())
        .fetch_one(&mut **transaction)
        .await?;
    if open.try_get::<i64, _>(0)? >= MOST_OPEN {
        return Err(BookError::NotNow("as many jobs under this agreement wait for approvers as may".to_owned()));
    }
    query(
        "INSERT INTO waiting (job, question, mark, agreement, name, note, asked_s, answer, reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, '', '')",
    )
    .bind(asking.job.to_owned())
    .bind(asking.question.to_string())
    .bind(asking.mark.to_owned())
    .bind(asking.agreement.to_string())
    .bind(asking.name.to_owned())
    .bind(asking.note.to_owned())
    .bind(asking.now.seconds())
    .execute(&mut **transaction)
    .await?;
    Ok(Answer::Open)
}

/// What was answered, if it was asked. A job's approval is for the agreement that it was asked under.
pub(super) async fn answer(transaction: &mut Transaction, asking: &Asking<'_>) -> Result<Option<Answer>, BookError> {
    let row = query("SELECT agreement, answer, reason FROM waiting WHERE job = $1 AND question = $2 AND mark = $3")
        .bind(asking.job.to_owned())
        .bind(asking.question.to_string())
        .bind(asking.mark.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<String, _>("agreement")? != asking.agreement.to_string() {
        return Ok(Some(Answer::Rejected("it was asked under another agreement".to_owned())));
    }
    Ok(Some(match row.try_get::<String, _>("answer")?.as_str() {
        "approved" => Answer::Approved,
        "rejected" => Answer::Rejected(row.try_get("reason")?),
        _ => Answer::Open,
    }))
}

/// Forgets what was asked about a job that has ended.
pub(super) async fn forget(transaction: &mut Transaction, job: &str) -> Result<(), BookError> {
    let asked = query("DELETE FROM waiting WHERE job = $1 RETURNING *")
        .bind(job.to_owned())
        .fetch_all(&mut **transaction)
        .await?;
    forget_approvals(transaction, &asked).await
}

/// Forgets what is asked about a job that does not go on here and was never admitted. A no stays: it is the answer if the job comes
/// again.
pub(super) async fn forget_open(transaction: &mut Transaction, job: &str) -> Result<(), BookError> {
    let asked = query("DELETE FROM waiting WHERE job = $1 AND answer <> 'rejected' RETURNING *")
        .bind(job.to_owned())
        .fetch_all(&mut **transaction)
        .await?;
    forget_approvals(transaction, &asked).await
}

/// Forgets who approved what is not asked any more. It stands in the receipts.
async fn forget_approvals(transaction: &mut Transaction, asked: &[AnyRow]) -> Result<(), BookError> {
    for row in asked {
        query("DELETE FROM approvals WHERE subject = $1")
            .bind(Waiting::read(row)?.subject())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Notes that a person approves, unless it did before.
async fn note_approval(
    transaction: &mut Transaction,
    subject: &str,
    person: &str,
    now: Moment,
) -> Result<News, BookError> {
    let noted = query("INSERT INTO approvals (subject, person, at_s) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(subject.to_owned())
        .bind(person.to_owned())
        .bind(now.seconds())
        .execute(&mut **transaction)
        .await?;
    Ok(if noted.rows_affected() > 0 { News::New } else { News::Known })
}

/// How many different people approved.
async fn count_approvals(transaction: &mut Transaction, subject: &str) -> Result<usize, BookError> {
    let row = query("SELECT COUNT(*) FROM approvals WHERE subject = $1")
        .bind(subject.to_owned())
        .fetch_one(&mut **transaction)
        .await?;
    Ok(usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
}

impl Waiting {
    fn read(row: &AnyRow) -> Result<Self, BookError> {
        let (question, agreement) = (row.try_get::<String, _>("question")?, row.try_get::<String, _>("agreement")?);
        Ok(Self {
            job: row.try_get("job")?,
            question: question.parse()?,
            mark: row.try_get("mark")?,
            agreement: agreement.parse().map_err(|_| BookError::Broken(agreement.clone()))?,
            name: row.try_get("name")?,
            note: row.try_get("note")?,
            asked: Moment::from_seconds(row.try_get("asked_s")?)?,
            approved_by: Vec::new(),
        })
    }

    /// What its approvals stand under.
    fn subject(&self) -> String {
        format!("{}:{}:{}:{}", self.question, self.job, self.agreement, self.mark)
    }
}
