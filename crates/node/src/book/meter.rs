//! What use was made of agreements: calls (次) and records (条), counted apart, by agreement, peer and month in China.
//!
//! Counted from the receipts that are kept. Records are those of the padded sets: how many of them are persons, and how many were
//! found, stays with their nodes.

use std::collections::BTreeMap;

use agreement::{Digest, Event, Month, ParticipantId, Receipt, Signed};
use database::{Row, query};
use tokio::task::spawn_blocking;

use super::{Book, BookError, number, parsed, stored};

/// Months of one count, and lines of it.
const MONTHS: u32 = 120;
const LINES: usize = 4096;
/// Receipts that are read at a time.
const AT_A_TIME: usize = if cfg!(test) { 2 } else { 500 };

/// What is counted for one agreement with one peer in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeteredUse {
    /// Runs that this node admitted.
    pub admitted: u64,
    /// Runs that were done on both sides.
    pub succeeded: u64,
    /// Records that this node entered in those, padding counted.
    pub own_records: u64,
    /// Records that the peer entered in those, padding counted.
    pub peer_records: u64,
}

/// Use by month, agreement and peer.
pub type Meter = BTreeMap<(Month, Digest, ParticipantId), MeteredUse>;

impl Book {
    /// The use of the months `from` to `to`, both counted. A run between more than two stands there for each peer.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] for more than 120 months, or more than 4096 lines; otherwise [`BookError`].
    pub async fn meter(&self, from: Month, to: Month) -> Result<Meter, BookError> {
        let months = from.until(to);
        if months == 0 || months > MONTHS {
            return Err(BookError::NotTaken(format!("use is counted for 1 to {MONTHS} months at a time")));
        }
        let (mut meter, mut month) = (Meter::new(), from);
        for _ in 0..months {
            self.database.in_time(self.count_admitted(month, &mut meter)).await?;
            self.count_succeeded(month, &mut meter).await?;
            if meter.len() > LINES {
                return Err(BookError::NotTaken("there is too much to tell at once: ask for fewer months".to_owned()));
            }
            month = month.next();
        }
        Ok(meter)
    }

    async fn count_admitted(&self, month: Month, meter: &mut Meter) -> Result<(), BookError> {
        let (begin, end) = bounds(month)?;
        let rows = query(
            "SELECT agreement, COUNT(*) AS runs FROM receipts WHERE event = 'admitted' AND at_s >= $1 AND at_s < $2 \
             GROUP BY agreement",
        )
        .bind(begin)
        .bind(end)
        .fetch_all(self.database.pool())
        .await?;
        for row in rows {
            let name: String = row.try_get("agreement")?;
            let digest: Digest = name.parse().map_err(|_| BookError::Broken(name.clone()))?;
            let agreement = self.agreement(&digest).await?.ok_or_else(|| BookError::Broken(name))?;
            for party in agreement.parties.into_iter().filter(|party| party.participant != self.me) {
                let counted = meter.entry((month, digest, party.participant)).or_default();
                counted.admitted = number(row.try_get("runs")?)?;
            }
        }
        Ok(())
    }

    /// A page at a time, each verified and read beside the workers.
    async fn count_succeeded(&self, month: Month, meter: &mut Meter) -> Result<(), BookError> {
        let (mut since, end) = bounds(month)?;
        let mut last = 0;
        loop {
            let bodies = self.database.in_time(self.succeeded(since, end, last)).await?;
            let read = spawn_blocking(move || bodies.iter().map(|body| parsed(body)).collect::<Result<Vec<_>, _>>());
            let receipts = read.await.map_err(|error| BookError::Broken(error.to_string()))??;
            for receipt in &receipts {
                add(meter, month, receipt.statement(), &self.me);
            }
            match receipts.last().map(Signed::statement).filter(|_| receipts.len() == AT_A_TIME) {
                Some(receipt) => (since, last) = (receipt.at.seconds(), receipt.number),
                None => return Ok(()),
            }
        }
    }

    /// Receipts of runs that were done in [`since`, `end`), after the one of this second and number.
    async fn succeeded(&self, since: i64, end: i64, last: u64) -> Result<Vec<String>, BookError> {
        let rows = query(
            "SELECT body FROM receipts WHERE event = 'succeeded' AND at_s >= $1 AND at_s < $2 AND (at_s > $1 OR number > $3) \
             ORDER BY at_s, number LIMIT $4",
        )
        .bind(since)
        .bind(end)
        .bind(stored(last))
        .bind(stored(AT_A_TIME as u64))
        .fetch_all(self.database.pool())
        .await?;
        rows.iter().map(|row| Ok(row.try_get("body")?)).collect()
    }
}

/// The seconds of a month: from the first, to the one after the last.
fn bounds(month: Month) -> Result<(i64, i64), BookError> {
    let begin = |month: Month| month.begin().map_err(|error| BookError::NotTaken(error.to_string()));
    Ok((begin(month)?.seconds(), begin(month.next())?.seconds()))
}

/// Counts a run that was done for each of its peers.
fn add(meter: &mut Meter, month: Month, receipt: &Receipt, me: &ParticipantId) {
    let (Event::Succeeded, Some(run), Some(agreement)) = (receipt.event, &receipt.run, receipt.agreement) else {
        return;
    };
    let own = run.inputs.iter().find(|input| input.participant == *me).map_or(0, |input| input.padded_size);
    for peer in run.inputs.iter().filter(|input| input.participant != *me) {
        let counted = meter.entry((month, agreement, peer.participant.clone())).or_default();
        counted.succeeded = counted.succeeded.saturating_add(1);
        counted.own_records = counted.own_records.saturating_add(own);
        counted.peer_records = counted.peer_records.saturating_add(peer.padded_size);
    }
}
