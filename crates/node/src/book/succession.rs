//! Identities that others took the place of, as this participant's operator accepted it.
//!
//! They go on from what the configuration pins: a key of it that was replaced stands for the last one that took its place. So
//! it does not matter whether the configuration was edited since.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use agreement::{Event, IdentityPublicKey, Moment, ParticipantId, Pinned, Receipt, Succession, printable};
use database::{Database, Row, query};

use super::{
    Book, BookError,
    papers::{read_agreement, text},
};

/// Bytes of a cause in a receipt.
const CAUSE: usize = 512;

impl Book {
    /// The identities that are pinned now.
    #[must_use]
    pub fn pinned(&self) -> Arc<Pinned> {
        // The value is replaced whole, so a panic elsewhere leaves it usable.
        Arc::clone(&self.pinned.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Accepts that a key takes the place of the one that is pinned here for a peer or a supervisor, writes it down with a
    /// receipt, and goes by it from now on. `lost` says that the operator accepts one without the old key's signature.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if it is not about the identity that is pinned here now, its new key is or was somebody's, or the
    /// old key has not signed and `lost` is not said; then nothing has changed.
    pub async fn succeed(
        &self,
        succession: &Succession,
        lost: bool,
        (person, now): (Option<&str>, Moment),
    ) -> Result<(), BookError> {
        let pinned = self.pinned();
        check(&self.me, &pinned, succession, lost).map_err(BookError::NotTaken)?;
        self.database.in_time(self.write_succession(succession, (person, now))).await?;
        let mut current = self.pinned.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Pinned::clone(&current);
        replace(&mut changed, succession);
        *current = Arc::new(changed);
        Ok(())
    }

    async fn write_succession(
        &self,
        succession: &Succession,
        (person, now): (Option<&str>, Moment),
    ) -> Result<(), BookError> {
        let (participant, old, new) = (succession.participant(), succession.old_key(), succession.new_key());
        let mut transaction = self.database.begin().await?;
        let kept = query(
            "INSERT INTO successions (participant, former, identity, body, person, at_s) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM successions WHERE former = $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind(participant.to_string())
        .bind(old.to_string())
        .bind(new.to_string())
        .bind(text(succession.to_bytes()?)?)
        .bind(person.unwrap_or_default().to_owned())
        .bind(now.seconds())
        .execute(&mut *transaction)
        .await?;
        if kept.rows_affected() == 0 {
            return Err(BookError::NotTaken(format!("{new} was an identity here before, or {old} is none any more")));
        }
        let by = if succession.is_signed_by_old() { "both keys signed" } else { "the old key is lost" };
        let cause = format!("{new} takes the place of {old} for {participant}, {by}: {}", succession.reason());
        let receipt = Receipt {
            cause: Some(printable(&cause, CAUSE)),
            person: person.map(str::to_owned),
            ..Receipt::of(Event::Succession, now)
        };
        self.append(&mut transaction, receipt).await?;
        Ok(transaction.commit().await?)
    }

    /// Jobs that have not ended here, under agreements in which `participant` has this identity.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn open_jobs_with(
        &self,
        participant: &ParticipantId,
        identity: &IdentityPublicKey,
    ) -> Result<Vec<String>, BookError> {
        let rows = query(
            "SELECT uses.job AS job, agreements.body AS body FROM uses \
             JOIN agreements ON agreements.digest = uses.agreement WHERE uses.outcome = ''",
        )
        .fetch_all(self.database.pool())
        .await?;
        let mut jobs = Vec::new();
        for row in rows {
            let agreement = read_agreement(&row.try_get::<String, _>("body")?)?;
            if agreement.party_of(participant).is_some_and(|party| party.identity == *identity) {
                jobs.push(row.try_get("job")?);
            }
        }
        Ok(jobs)
    }
}

/// Whether the succession is one that can be accepted here now.
fn check(me: &ParticipantId, pinned: &Pinned, succession: &Succession, lost: bool) -> Result<(), String> {
    let (participant, old, new) = (succession.participant(), succession.old_key(), succession.new_key());
    if participant == me {
        return Err("this participant's own identity stands in the node's configuration".to_owned());
    }
    let known = pinned.participants.get(participant).or_else(|| pinned.supervisors.get(participant));
    let current = *known.ok_or_else(|| format!("no identity is pinned here for {participant}"))?;
    if current == new {
        return Err(format!("{new} is pinned here for {participant} already"));
    }
    if current != old {
        return Err(format!("{participant} is pinned here with {current}, and the statement is about {old}"));
    }
    let mut others = pinned.participants.iter().chain(&pinned.supervisors);
    if let Some((other, _)) = others.find(|(_, identity)| **identity == new) {
        return Err(format!("{new} is the identity of {other}"));
    }
    if !succession.is_signed_by_old() && !lost {
        return Err(
            "the old key has not signed this: it is accepted only if it is said that the key is lost".to_owned()
        );
    }
    Ok(())
}

/// Puts the new key in the place of the old one.
fn replace(pinned: &mut Pinned, succession: &Succession) {
    let (participant, old, new) = (succession.participant(), succession.old_key(), succession.new_key());
    if let Some(identity) = pinned.participants.get_mut(participant) {
        *identity = new;
        pinned.former_participants.entry(participant.clone()).or_default().push(old);
    }
    if let Some(identity) = pinned.supervisors.get_mut(participant) {
        *identity = new;
        pinned.former_supervisors.entry(participant.clone()).or_default().push(old);
    }
}

/// Brings what the configuration pins to what was accepted since.
pub(super) async fn follow(database: &Database, pinned: &mut Pinned) -> Result<(), BookError> {
    let rows = query("SELECT body FROM successions").fetch_all(database.pool()).await?;
    let mut successors: BTreeMap<(ParticipantId, [u8; 32]), Succession> = BTreeMap::new();
    for row in rows {
        let body: String = row.try_get("body")?;
        let succession =
            Succession::from_bytes(body.as_bytes()).map_err(|error| BookError::Broken(error.to_string()))?;
        let key = (succession.participant().clone(), *succession.old_key().as_bytes());
        successors.insert(key, succession);
    }
    // A configuration that has the new key already still has to know whose the old ones were.
    for succession in successors.values() {
        let (participant, old) = (succession.participant(), succession.old_key());
        if pinned.participants.contains_key(participant) {
            pinned.former_participants.entry(participant.clone()).or_default().push(old);
        }
        if pinned.supervisors.contains_key(participant) {
            pinned.former_supervisors.entry(participant.clone()).or_default().push(old);
        }
    }
    for (participant, identity) in pinned.participants.iter_mut().chain(&mut pinned.supervisors) {
        // No key comes back, so this ends; whatever stands there, it takes no more steps than there are rows.
        for _ in 0..successors.len() {
            let Some(next) = successors.get(&(participant.clone(), *identity.as_bytes())) else { break };
            *identity = next.new_key();
        }
    }
    Ok(())
}
