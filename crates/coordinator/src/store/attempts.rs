//! What of a job that was begun outlives the coordinator: under which number, and which parties have done their parts.

use std::collections::BTreeMap;

use agreement::ParticipantId;
use database::{Row, query};

use super::{Store, StoreError};

impl Store {
    /// The number under which a job was begun last; nothing if it never was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempt(&self, id: &str) -> Result<Option<u32>, StoreError> {
        let found = query("SELECT attempt FROM jobs WHERE id = $1").bind(id).fetch_optional(self.0.pool());
        let row = self.0.in_time(found).await?.ok_or_else(|| StoreError::NoJob(id.to_owned()))?;
        match row.try_get::<i64, _>(0)? {
            -1 => Ok(None),
            number => counted(number).map(Some),
        }
    }

    /// Takes the next number for a job, from 0. It is kept before anybody is told of it, so none is used twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_attempt(&self, id: &str) -> Result<u32, StoreError> {
        let taken = query("UPDATE jobs SET attempt = attempt + 1 WHERE id = $1 RETURNING attempt").bind(id);
        let row = self.0.in_time(taken.fetch_optional(self.0.pool())).await?;
        counted(row.ok_or_else(|| StoreError::NoJob(id.to_owned()))?.try_get(0)?)
    }

    /// Keeps the transcript of a party that has done its part of a job.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_transcript(&self, id: &str, by: &ParticipantId, transcript: &[u8]) -> Result<(), StoreError> {
        let kept = query(
            "INSERT INTO job_transcripts (job_id, participant, transcript) VALUES ($1, $2, $3) \
             ON CONFLICT (job_id, participant) DO UPDATE SET transcript = excluded.transcript",
        )
        .bind(id)
        .bind(by.as_str())
        .bind(hex::encode(transcript))
        .execute(self.0.pool());
        self.0.in_time(kept).await?;
        Ok(())
    }

    /// The transcripts of a job that are kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn transcripts(&self, id: &str) -> Result<BTreeMap<ParticipantId, Vec<u8>>, StoreError> {
        let found = query("SELECT participant, transcript FROM job_transcripts WHERE job_id = $1")
            .bind(id)
            .fetch_all(self.0.pool());
        let read = |row: &database::AnyRow| {
            let (by, transcript): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let transcript = hex::decode(transcript).map_err(|error| StoreError::Broken(error.to_string()))?;
            Ok((by.parse().map_err(|_| StoreError::Broken(by))?, transcript))
        };
        self.0.in_time(found).await?.iter().map(read).collect()
    }
}

fn counted(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Broken(format!("attempt {number}")))
}
