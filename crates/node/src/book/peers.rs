//! What a peer showed of a job: its signed use, each number of which is spent once, and the input that it is held to.

use agreement::{
    Agreement, Digest, IdentityPublicKey, ParticipantId, Signed,
    admission::{Refusal, admit_peer},
    receipt::Use,
};
use database::{Row, query};

use super::{Book, BookError, number, papers::text, signed, stored};

impl Book {
    /// Admits the use that a peer signed for this job, and remembers its number: it is spent.
    ///
    /// # Errors
    /// [`BookError`]; inside, why the peer's use is not admitted.
    pub async fn admit_use(
        &self,
        theirs: &Signed<Use>,
        (job, digest, agreement): (&str, &Digest, &Agreement),
        peer: &ParticipantId,
    ) -> Result<Result<(), Refusal>, BookError> {
        self.database.in_time(self.spend(theirs, (job, digest, agreement), peer)).await
    }

    async fn spend(
        &self,
        theirs: &Signed<Use>,
        (job, digest, agreement): (&str, &Digest, &Agreement),
        peer: &ParticipantId,
    ) -> Result<Result<(), Refusal>, BookError> {
        let said = theirs.statement();
        let about = [
            (theirs.signer() == peer, "the participant"),
            (self.pinned().is_participant((theirs.signer(), theirs.identity())), "the identity key"),
            (said.job == job, "the job"),
            (said.agreement == *digest, "the agreement"),
        ];
        if let Some((_, what)) = about.into_iter().find(|(alike, _)| !alike) {
            return Ok(Err(Refusal::Use { peer: peer.clone(), what }));
        }
        // Before it is written down, and each time that it is shown.
        if let Err(refusal) = admit_peer(agreement, (peer, said.number), job, (None, 0)) {
            return Ok(Err(refusal));
        }
        let row = query("SELECT number, statement FROM peer_uses WHERE job = $1 AND peer = $2")
            .bind(job.to_owned())
            .bind(peer.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        let body = text(theirs.to_bytes()?)?;
        if let Some(row) = row {
            // The job goes on: it is the same use, or none.
            let same = row.try_get::<String, _>("statement")? == body;
            return Ok(if same { Ok(()) } else { Err(Refusal::Use { peer: peer.clone(), what: "the use" }) });
        }
        // The first to write a number has it.
        query(
            "INSERT INTO peer_uses (agreement, peer, number, job, statement) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(digest.to_string())
        .bind(peer.to_string())
        .bind(stored(said.number))
        .bind(job.to_owned())
        .bind(body)
        .execute(self.database.pool())
        .await?;
        let spent = query("SELECT job FROM peer_uses WHERE agreement = $1 AND peer = $2 AND number = $3")
            .bind(digest.to_string())
            .bind(peer.to_string())
            .bind(stored(said.number))
            .fetch_one(self.database.pool())
            .await?;
        let highest = query("SELECT MAX(number) FROM peer_uses WHERE agreement = $1 AND peer = $2")
            .bind(digest.to_string())
            .bind(peer.to_string())
            .fetch_one(self.database.pool())
            .await?;
        let (spent, highest) = (spent.try_get::<String, _>(0)?, number(highest.try_get(0)?)?);
        Ok(admit_peer(agreement, (peer, said.number), job, (Some(&spent), highest)))
    }

    /// Holds a peer to what it entered into a job when it first said so: the commitment to its set, and its size. Whether it
    /// enters the same.
    pub(crate) async fn hold_input(
        &self,
        (job, peer): (&str, &ParticipantId),
        (commitment, padded_size): (&[u8; 32], u64),
    ) -> Result<bool, BookError> {
        let commitment = Digest::from_bytes(*commitment).to_string();
        // The first to write it is it.
        query(
            "INSERT INTO peer_inputs (job, peer, commitment, padded_size) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(job.to_owned())
        .bind(peer.to_string())
        .bind(commitment.clone())
        .bind(stored(padded_size))
        .execute(self.database.pool())
        .await?;
        let row = query("SELECT commitment, padded_size FROM peer_inputs WHERE job = $1 AND peer = $2")
            .bind(job.to_owned())
            .bind(peer.to_string())
            .fetch_one(self.database.pool())
            .await?;
        let size: i64 = row.try_get("padded_size")?;
        Ok(row.try_get::<String, _>("commitment")? == commitment && size == stored(padded_size))
    }

    /// The key with which a peer signed its use of a job, if it showed one.
    pub(super) async fn identity_in(
        &self,
        job: &str,
        peer: &ParticipantId,
    ) -> Result<Option<IdentityPublicKey>, BookError> {
        let row = query("SELECT statement FROM peer_uses WHERE job = $1 AND peer = $2")
            .bind(job.to_owned())
            .bind(peer.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let shown: Signed<Use> = signed(&row, "statement")?;
        Ok(Some(*shown.identity()))
    }

    /// The number of the use that a peer showed of a job; 0 if it showed none.
    pub(crate) async fn peer_use(&self, job: &str, peer: &ParticipantId) -> Result<u64, BookError> {
        let row = query("SELECT number FROM peer_uses WHERE job = $1 AND peer = $2")
            .bind(job.to_owned())
            .bind(peer.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        row.map_or(Ok(0), |row| number(row.try_get("number")?))
    }
}
