//! Statements that wait for peers.

use agreement::{Act, Agreement, Digest, ParticipantId, acts::Change};
use database::{Row, Transaction, query};

use super::{Book, BookError, papers::text};
use crate::clock::now_ms;

/// The most statements that wait for one peer.
const MOST_WAITING: i64 = 10_000;
/// When a statement is brought again that a peer could not take yet, and for how long it is, in milliseconds.
const AGAIN_MS: i64 = 30_000;
const LONGEST_MS: i64 = 30 * 86_400_000;

impl Book {
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

    /// Statements that wait for a peer, oldest first, beyond the place of one: when it was made, and its digest. With their places.
    ///
    /// # Errors
    /// [`BookError`].
    pub(crate) async fn waiting_beyond(
        &self,
        peer: &ParticipantId,
        (made_ms, digest): &(i64, String),
        most: u32,
    ) -> Result<Vec<((i64, String), Vec<u8>)>, BookError> {
        let rows = query(
            "SELECT made_ms, digest, body FROM outbox WHERE peer = $1 AND (made_ms > $2 OR (made_ms = $2 AND digest > $3)) \
             ORDER BY made_ms, digest LIMIT $4",
        )
        .bind(peer.to_string())
        .bind(*made_ms)
        .bind(digest.clone())
        .bind(i64::from(most))
        .fetch_all(self.database.pool())
        .await?;
        let read = |row: &database::AnyRow| {
            let place = (row.try_get("made_ms")?, row.try_get("digest")?);
            Ok((place, row.try_get::<String, _>("body")?.into_bytes()))
        };
        rows.iter().map(read).collect()
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

    /// Puts a statement into the post for the other parties.
    pub(super) async fn post_to_others(
        &self,
        transaction: &mut Transaction,
        (statement, way): (Vec<u8>, Post),
        terms: &Agreement,
    ) -> Result<(), BookError> {
        for party in terms.parties.iter().filter(|party| party.participant != self.me) {
            post(transaction, &party.participant, &statement, way).await?;
        }
        Ok(())
    }
}

/// Whether a node that hears a statement tells the other parties of it: what a supervisor holds, who may not have reached them.
pub(super) fn is_handed_on(act: &Act, terms: &Agreement) -> bool {
    let (signer, identity) = act.signer();
    let is_party = terms.party_of(signer).is_some_and(|party| party.identity == *identity);
    let Act::Standing(standing) = act else { return false };
    !is_party && standing.statement().change != Change::Resumption
}

/// Whether a statement is put in where too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    /// It is not.
    IfRoom,
    /// It is: somebody holds an agreement.
    Always,
}

/// How a statement goes into the post: one that stops runs does not wait where many do. Of these there is one for each agreement and
/// signer.
pub(super) fn way_of(act: &Act) -> Post {
    if matches!(act, Act::Standing(_)) { Post::Always } else { Post::IfRoom }
}

/// Takes a statement out of the post, for all peers, in the place of which another one has come.
pub(super) async fn superseded(transaction: &mut Transaction, statement: Option<&str>) -> Result<(), BookError> {
    if let Some(statement) = statement {
        query("DELETE FROM outbox WHERE digest = $1")
            .bind(Digest::of(&[statement.as_bytes()]).to_string())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
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
