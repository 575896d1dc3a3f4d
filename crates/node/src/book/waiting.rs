//! Jobs that wait for this participant's approvers: the question, who approved so far, the answer.

use std::{fmt, str::FromStr};

use agreement::{Digest, Event, Moment, Receipt, printable};
use database::{AnyRow, Row, Transaction, query};

use super::{Book, BookError};

/// Questions that may be open at once: whoever dispatches jobs can have any number asked.
const MOST_OPEN: i64 = 1000;
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
    /// [`BookError::NotTaken`] if as many questions are open as may be.
    pub async fn ask(&self, asking: &Asking<'_>) -> Result<Answer, BookError> {
        let asked = async {
            let mut transaction = self.database.begin().await?;
            let answer = ask(&mut transaction, asking).await?;
            transaction.commit().await?;
            Ok(answer)
        };
        self.database.in_time(asked).await
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
            let subject = waiting.subject();
            let rows = query("SELECT person FROM approvals WHERE subject = $1 ORDER BY person")
                .bind(subject)
                .fetch_all(self.database.pool())
                .await?;
            waiting.approved_by = rows.iter().map(|row| row.try_get("person")).collect::<Result<_, _>>()?;
        }
        Ok(all)
    }

    /// The input that approvers let into a job although it is close to an earlier one, by its mark.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn approved_input(&self, job: &str) -> Result<Option<String>, BookError> {
        let row = query(
            "SELECT mark FROM waiting WHERE job = $1 AND question = 'input' AND answer = 'approved' \
             ORDER BY asked_s DESC LIMIT 1",
        )
        .bind(job.to_owned())
        .fetch_optional(self.database.pool())
        .await?;
        Ok(row.map(|row| row.try_get("mark")).transpose()?)
    }

    /// Takes a person's yes to what is asked about a job; it is approved once `needed` different people have said so. Whether
    /// nothing is open any more.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if nothing is asked about the job.
    pub async fn approve_job(
        &self,
        job: &str,
        (person, needed): (&str, usize),
        now: Moment,
    ) -> Result<bool, BookError> {
        self.database.in_time(self.decide(job, (person, Ok(needed)), now)).await
    }

    /// Takes a person's no to what is asked about a job, with its reason.
    ///
    /// # Errors
    /// As [`Self::approve_job`], and if there is no reason.
    pub async fn reject_job(&self, job: &str, (person, reason): (&str, &str), now: Moment) -> Result<(), BookError> {
        let reason = printable(reason, REASON);
        if reason.trim().is_empty() {
            return Err(BookError::NotTaken("a reason is missing".to_owned()));
        }
        self.database.in_time(self.decide(job, (person, Err(reason)), now)).await.map(drop)
    }

    async fn decide(
        &self,
        job: &str,
        (person, choice): (&str, Result<usize, String>),
        now: Moment,
    ) -> Result<bool, BookError> {
        let mut transaction = self.database.begin().await?;
        // Written first, so that two people who decide at once are one after the other.
        let rows = query("UPDATE waiting SET answer = '' WHERE job = $1 AND answer = '' RETURNING *")
            .bind(job.to_owned())
            .fetch_all(&mut *transaction)
            .await?;
        let mut is_open = false;
        let mut agreement = None;
        for row in &rows {
            let waiting = Waiting::read(row)?;
            agreement = Some(waiting.agreement);
            let (answer, reason) = match &choice {
                Ok(needed) if note_approval(&mut transaction, &waiting.subject(), person, now).await? >= *needed => {
                    ("approved", "")
                }
                Ok(_) => {
                    is_open = true;
                    continue;
                }
                Err(reason) => ("rejected", reason.as_str()),
            };
            query("UPDATE waiting SET answer = $4, reason = $5 WHERE job = $1 AND question = $2 AND mark = $3")
                .bind(job.to_owned())
                .bind(waiting.question.to_string())
                .bind(waiting.mark.clone())
                .bind(answer)
                .bind(reason.to_owned())
                .execute(&mut *transaction)
                .await?;
        }
        if agreement.is_none() {
            return Err(BookError::NotTaken("nothing is asked about such a job here".to_owned()));
        }
        let (event, cause) = match choice {
            Ok(_) => (Event::Approved, None),
            Err(reason) => (Event::Rejected, Some(reason)),
        };
        let (job, person) = (Some(job.to_owned()), Some(person.to_owned()));
        self.append(&mut transaction, Receipt { agreement, job, person, cause, ..Receipt::of(event, now) }).await?;
        transaction.commit().await?;
        Ok(!is_open)
    }
}

/// Asks as part of a transaction.
pub(super) async fn ask(transaction: &mut Transaction, asking: &Asking<'_>) -> Result<Answer, BookError> {
    if let Some(answer) = answer(transaction, asking).await? {
        return Ok(answer);
    }
    query("DELETE FROM waiting WHERE asked_s < $1")
        .bind(asking.now.seconds().saturating_sub(KEPT))
        .execute(&mut **transaction)
        .await?;
    let open = query("SELECT COUNT(*) FROM waiting WHERE answer = ''").fetch_one(&mut **transaction).await?;
    if open.try_get::<i64, _>(0)? >= MOST_OPEN {
        return Err(BookError::NotTaken("as many jobs wait for this node's approvers as may".to_owned()));
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
    for row in &asked {
        // Who approved stands in the receipts.
        query("DELETE FROM approvals WHERE subject = $1")
            .bind(Waiting::read(row)?.subject())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Notes that a person approves; gives how many did.
async fn note_approval(
    transaction: &mut Transaction,
    subject: &str,
    person: &str,
    now: Moment,
) -> Result<usize, BookError> {
    query("INSERT INTO approvals (subject, person, at_s) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(subject.to_owned())
        .bind(person.to_owned())
        .bind(now.seconds())
        .execute(&mut **transaction)
        .await?;
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
        format!("{}:{}:{}", self.question, self.job, self.mark)
    }
}
