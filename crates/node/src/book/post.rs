//! Approvals by persons of this participant, and statements that wait for peers.

use agreement::{Digest, Moment, ParticipantId};
use database::{Row, Transaction, query};

use super::{Book, BookError, papers::text};
use crate::clock::now_ms;

/// The most statements that wait for one peer.
const MOST_WAITING: i64 = 10_000;

impl Book {
    /// Notes that a person approved an agreement or a job, and gives all who did so far.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn approve(&self, subject: &str, person: &str, now: Moment) -> Result<Vec<String>, BookError> {
        query("INSERT INTO approvals (subject, person, at_s) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(subject.to_owned())
            .bind(person.to_owned())
            .bind(now.seconds())
            .execute(self.database.pool())
            .await?;
        let rows = query("SELECT person FROM approvals WHERE subject = $1 ORDER BY person")
            .bind(subject.to_owned())
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(row.try_get("person")?)).collect()
    }

    /// Puts a statement into the post for a peer.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn post(&self, peer: &ParticipantId, statement: &[u8]) -> Result<(), BookError> {
        let mut transaction = self.database.begin().await?;
        post(&mut transaction, peer, statement).await?;
        Ok(transaction.commit().await?)
    }

    /// Statements that wait for a peer, oldest first, with what they are acknowledged by: at most `most`.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn waiting(&self, peer: &ParticipantId, most: u32) -> Result<Vec<(String, Vec<u8>)>, BookError> {
        let rows = query("SELECT digest, body FROM outbox WHERE peer = $1 ORDER BY made_ms, digest LIMIT $2")
            .bind(peer.to_string())
            .bind(i64::from(most))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok((row.try_get("digest")?, row.try_get::<String, _>("body")?.into_bytes()))).collect()
    }

    /// Forgets a statement that a peer has taken in, or will not take.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn taken(&self, peer: &ParticipantId, digest: &str) -> Result<(), BookError> {
        query("DELETE FROM outbox WHERE peer = $1 AND digest = $2")
            .bind(peer.to_string())
            .bind(digest.to_owned())
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Jobs under an agreement that were admitted and have not ended here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn open_jobs(&self, digest: &Digest) -> Result<Vec<String>, BookError> {
        let rows = query("SELECT job FROM uses WHERE agreement = $1 AND outcome = ''")
            .bind(digest.to_string())
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(row.try_get("job")?)).collect()
    }
}

/// Puts a statement into the post for a peer, as part of a transaction. For a peer that was away for very long nothing more is
/// put in, and what the statement is about goes on.
pub(super) async fn post(
    transaction: &mut Transaction,
    peer: &ParticipantId,
    statement: &[u8],
) -> Result<(), BookError> {
    let waiting = query("SELECT COUNT(*) FROM outbox WHERE peer = $1")
        .bind(peer.to_string())
        .fetch_one(&mut **transaction)
        .await?;
    if waiting.try_get::<i64, _>(0)? >= MOST_WAITING {
        tracing::error!(%peer, "too many statements wait for a peer; it is not told of this one");
        return Ok(());
    }
    query("INSERT INTO outbox (peer, digest, body, made_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
        .bind(peer.to_string())
        .bind(Digest::of(&[statement]).to_string())
        .bind(text(statement.to_vec())?)
        .bind(now_ms())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
