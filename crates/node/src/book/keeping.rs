//! How long receipts are kept: those older than the configuration's years are removed from the chain's beginning, and the last of
//! them stays known by its number and digest, so that the rest is still proved.

use agreement::Moment;
use database::{Row, Transaction, query};

use super::{Book, BookError, number, stored};

/// The most receipts that one transaction removes: others wait for it.
const AT_ONCE: u64 = if cfg!(test) { 3 } else { 5_000 };

impl Book {
    /// Removes receipts of this node that were signed before `before`, from the beginning of the chain up to the first that
    /// was not, and peers' receipts of jobs of which none of this node's is left. Gives how many of this node's are gone.
    ///
    /// # Errors
    /// [`BookError`]; what earlier transactions removed is gone.
    pub async fn remove_receipts(&self, before: Moment) -> Result<u64, BookError> {
        let mut all = 0_u64;
        loop {
            let removed = self.database.in_time(self.remove_some(before)).await?;
            all = all.saturating_add(removed);
            if removed < AT_ONCE {
                return Ok(all);
            }
        }
    }

    async fn remove_some(&self, before: Moment) -> Result<u64, BookError> {
        let mut transaction = self.database.begin().await?;
        // This row puts those that remove in order.
        let row = query("UPDATE removed SET number = number WHERE place = 1 RETURNING number")
            .fetch_one(&mut *transaction)
            .await?;
        let gone = number(row.try_get("number")?)?;
        let last = last_to_remove(&mut transaction, before).await?.min(gone.saturating_add(AT_ONCE));
        if last > gone {
            query(
                "UPDATE removed SET number = $1, digest = (SELECT digest FROM receipts WHERE number = $1), \
                 at_s = (SELECT at_s FROM receipts WHERE number = $1) WHERE place = 1",
            )
            .bind(stored(last))
            .execute(&mut *transaction)
            .await?;
            query("DELETE FROM receipts WHERE number <= $1").bind(stored(last)).execute(&mut *transaction).await?;
        }
        // Those of peers go with this node's own, whatever their clocks said; and those that came when ours were gone.
        query(
            "DELETE FROM peer_receipts WHERE at_s < $1 AND NOT EXISTS \
             (SELECT 1 FROM receipts WHERE receipts.job = peer_receipts.job)",
        )
        .bind(before.seconds())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(last.saturating_sub(gone))
    }
}

/// The number of the last receipt before the first that was not signed before `before`; 0 if there is none. A clock that was set
/// back keeps some for longer, and leaves no gap.
async fn last_to_remove(transaction: &mut Transaction, before: Moment) -> Result<u64, BookError> {
    let stays = query("SELECT number FROM receipts WHERE at_s >= $1 ORDER BY number LIMIT 1")
        .bind(before.seconds())
        .fetch_optional(&mut **transaction)
        .await?;
    if let Some(row) = stays {
        return Ok(number(row.try_get("number")?)?.saturating_sub(1));
    }
    let last =
        query("SELECT number FROM receipts ORDER BY number DESC LIMIT 1").fetch_optional(&mut **transaction).await?;
    last.map_or(Ok(0), |row| number(row.try_get("number")?))
}
