//! Mode labelled: the receiver learns which of its items the sender holds, and the sender's label of
//! each.
//!
//! # Messages
//! The OPRF's, then
//! ```text
//! receiver                                                     sender
//!            ◀── LabelledTags ──    {(tag(F(y)), label of y under key(F(y)))}, sorted by tag
//! ```
//! The tag has 32 bytes and comes with the key from one hash of F, so that it commits to the key: no row
//! opens under two keys. Labels are padded to one size and sealed with ChaCha20-Poly1305; each key seals
//! one label, so the nonce is zero.
//!
//! # What it leaks
//! To the receiver: which of its items the sender holds, the label of each of these, the sender's padded
//! size and the padded size of labels. Of the labels of other rows: nothing, as long as it cannot guess
//! the item, for whoever enters an item gets its label. To the sender: the receiver's padded size and
//! nothing else.
//!
//! A dishonest sender can spoil the labels of some rows. If that ended the run, it would tell the sender
//! that one of them matched. So a label that cannot be read is given as none, the run goes on to its end,
//! and the receiver's own operator is told, nobody else.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::derivation::{RowSecret, TagAndKey};
use super::label::{Labels, Rows, TAG_BYTES, checked_size, row_width};
use super::receiver::Reading;
use super::sender::List;
use super::{own_items, receiver, sender};
use crate::oprf::{OprfReceiver, OprfSender};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::sorted::{Ascending, Lookup};
use crate::{Item, Outcome, Parameters, PsiError, Seed};

/// Rows that one thread seals at a time.
const ROWS_PER_TASK: usize = 256;

/// The receiver's rounds. They end in [`Outcome::Labelled`].
///
/// `label_size` is the agreed size of a padded label. `seed` makes the random items; the OPRF may
/// have the same.
///
/// # Errors
/// [`PsiError::Usage`] if the items are not distinct or more than the padded size, or labels cannot
/// have that size; [`PsiError::Budget`] if no width keeps the error budget.
pub fn labelled_receiver(
    oprf: impl OprfReceiver,
    parameters: &Parameters,
    items: Arc<[Item]>,
    label_size: u32,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let items = own_items(items, parameters.sizes.receiver_len()?, parameters, seed)?;
    parameters.budget.widths(parameters.sizes)?;
    let label_size = checked_size(label_size)?;
    let (session_id, count) = (parameters.session_id, parameters.sizes.sender);
    receiver::start(oprf, items, TagAndKey::new(&session_id), move |secrets: Vec<RowSecret>| {
        let own = secrets.iter().map(|secret| secret.tag).zip(0..).collect();
        ReadRows {
            own: Lookup::new(own),
            secrets,
            rows: Rows { session_id },
            order: Ascending::new(),
            label_size,
            count,
            labelled: Vec::new(),
        }
    })
}

/// The sender's rounds. They end in [`Outcome::Nothing`].
///
/// `labels` has one for each item, in the order of the items. `seed` makes the random items; the
/// OPRF may have the same.
///
/// # Errors
/// As [`labelled_receiver`], and [`PsiError::Usage`] if items and labels are not as many.
pub fn labelled_sender(
    oprf: impl OprfSender,
    parameters: &Parameters,
    items: Arc<[Item]>,
    labels: Labels,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    if labels.len() != items.len() {
        return Err(PsiError::Usage("there is not one label for each item"));
    }
    let items = own_items(items, parameters.sizes.sender_len()?, parameters, seed)?;
    parameters.budget.widths(parameters.sizes)?;
    let session_id = parameters.session_id;
    let list = LabelledTags { rows: Rows { session_id }, labels, sorted: Vec::new(), count: parameters.sizes.sender };
    sender::start(oprf, items, TagAndKey::new(&session_id), list)
}

/// The sender's tags and labels. Labels are sealed when their row is due.
struct LabelledTags {
    rows: Rows,
    labels: Labels,
    /// Secrets by tag, each with the index of its item.
    sorted: Vec<(RowSecret, u32)>,
    count: u64,
}

impl List for LabelledTags {
    type Derived = RowSecret;

    fn header(&self) -> Header {
        Header { kind: MessageKind::LabelledTags, width: row_width(self.labels.size()), count: self.count }
    }

    fn arrange(&mut self, derived: Vec<RowSecret>) -> Result<(), PsiError> {
        self.sorted = derived.into_iter().zip(0..).collect();
        self.sorted.par_sort_unstable_by(|(a, _), (b, _)| a.tag.cmp(&b.tag));
        Ok(())
    }

    fn rows(&self, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        let rows = self.sorted.get(range).unwrap_or_default();
        let seal = |rows: &[(RowSecret, u32)]| {
            let mut out = Vec::with_capacity(rows.len() * row_width(self.labels.size()) as usize);
            rows.iter()
                .try_for_each(|(secret, index)| self.rows.seal(secret, &self.labels, *index as usize, &mut out))?;
            Ok(out)
        };
        Ok(rows.par_chunks(ROWS_PER_TASK).map(seal).collect::<Result<Vec<_>, PsiError>>()?.concat())
    }

    fn next(self) -> Next<Outcome> {
        Next::Done(Outcome::Nothing)
    }
}

/// The receiver's walk along the rows.
struct ReadRows {
    own: Lookup<[u8; TAG_BYTES], u32>,
    /// In the order of the items.
    secrets: Vec<RowSecret>,
    rows: Rows,
    order: Ascending<[u8; TAG_BYTES]>,
    label_size: u32,
    count: u64,
    labelled: Vec<(u32, Option<Vec<u8>>)>,
}

impl Reading for ReadRows {
    fn expected(&self) -> Expected {
        Expected {
            kind: MessageKind::LabelledTags,
            width: row_width(self.label_size),
            count: Count::Exactly(self.count),
        }
    }

    fn read(&mut self, rows: &[u8]) -> Result<(), PsiError> {
        let mut hits = Vec::new();
        for row in rows.chunks_exact(row_width(self.label_size) as usize) {
            let Some((tag, sealed)) = row.split_first_chunk::<TAG_BYTES>() else { continue };
            self.order.admit(*tag)?;
            hits.extend(self.own.under(*tag).iter().map(|(_, index)| (*index, sealed)));
        }
        let open = |(index, sealed): &(u32, &[u8])| {
            let secret = self.secrets.get(*index as usize);
            let secret = secret.ok_or(PsiError::Usage("an index without an item"))?;
            Ok((*index, self.rows.open(secret, sealed)))
        };
        let opened: Vec<_> = hits.par_iter().with_min_len(ROWS_PER_TASK).map(open).collect::<Result<_, PsiError>>()?;
        self.labelled.extend(opened);
        Ok(())
    }

    fn next(mut self) -> Next<Outcome> {
        self.labelled.sort_unstable();
        Next::Done(Outcome::Labelled(self.labelled))
    }
}
