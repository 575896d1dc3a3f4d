//! Approvals by persons of this participant, and statements that wait for peers.

use agreement::{Digest, Moment, ParticipantId};
use database::{Row, Transaction, query};

use super::{Book, BookError, papers::text};
use crate::clock::now_ms;

/// The most statements that wait for one peer.
const MOST_WAITING: i64 = 10_000;
/// When a statement is brought again that a peer could not take yet, and for how long it is, in milliseconds.
const AGAIN_MS: i64 = 30_000;
const LONGEST_MS: i64 = 30 * 86_400_000;

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
        post(&mut transaction, peer, statement, Post::IfRoom).await?;
        Ok(transaction.commit().await?)
    }

    /// Statements that wait for a peer, oldest first, with what they are acknowledged by: at most `most`.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn waiting(&self, peer: &ParticipantId, most: u32) -> Result<Vec<(String, Vec<u8>)>, BookError> {
        let rows =
            query("SELECT digest, body FROM outbox WHERE peer = $1 AND due_ms <= $3 ORDER BY made_ms, digest LIMIT $2")
                .bind(peer.to_string())
                .bind(i64::from(most))
                .bind(now_ms())
                .fetch_all(self.database.pool())
                .await?;
        rows.iter().map(|row| Ok((row.try_get("digest")?, row.try_get::<String, _>("body")?.into_bytes()))).collect()
    }

    /// Brings a statement again later that a peer cannot take yet; one that it could not for a month is forgotten.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn not_yet(&self, peer: &ParticipantId, digest: &str) -> Result<(), BookError> {
        let now = now_ms();
        query("DELETE FROM outbox WHERE peer = $1 AND digest = $2 AND made_ms < $3")
            .bind(peer.to_string())
            .bind(digest.to_owned())
            .bind(now.saturating_sub(LONGEST_MS))
            .execute(self.database.pool())
            .await?;
        query("UPDATE outbox SET due_ms = $3 WHERE peer = $1 AND digest = $2")
            .bind(peer.to_string())
            .bind(digest.to_owned())
            .bind(now.saturating_add(AGAIN_MS))
            .execute(self.database.pool())
            .await?;
        Ok(())
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

    /// Agreements under which a job was admitted and has not ended here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn agreements_in_use(&self) -> Result<Vec<Digest>, BookError> {
        let rows =
            query("SELECT DISTINCT agreement FROM uses WHERE outcome = ''").fetch_all(self.database.pool()).await?;
        let read = |row: &database::AnyRow| {
            let digest: String = row.try_get("agreement")?;
            digest.parse().map_err(|_| BookError::Broken(digest.clone()))
        };
        rows.iter().map(read).collect()
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

/// Whether a statement is put in where too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    /// It is not.
    IfRoom,
    /// It is: somebody holds an agreement.
    Always,
}

/// Puts a statement into the post for a peer, as part of a transaction. For a peer that was away for very long nothing more is
/// put in, and what the statement is about goes on.
pub(super) async fn post(
    transaction: &mut Transaction,
    peer: &ParticipantId,
    statement: &[u8],
    way: Post,
) -> Result<(), BookError> {
    let waiting = query("SELECT COUNT(*) FROM outbox WHERE peer = $1")
        .bind(peer.to_string())
        .fetch_one(&mut **transaction)
        .await?;
    if way == Post::IfRoom && waiting.try_get::<i64, _>(0)? >= MOST_WAITING {
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
