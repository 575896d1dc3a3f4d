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
use super::{own_items, receiver, sender, tag_bits};
use crate::oprf::{Derived, OprfReceiver, OprfSender, Places};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::sorted::{Ascending, Lookup};
use crate::{Item, Outcome, Parameters, PsiError, Seed};

/// Rows that one thread seals at a time.
const ROWS_PER_TASK: usize = 256;

/// Rows to give at a time.
const ROWS_PER_STEP: usize = 4096;

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
    tag_bits(parameters, oprf.failure())?;
    let session_id = parameters.session_id;
    let reading = ReadRows {
        own: Lookup::new(Vec::new()),
        secrets: Vec::new(),
        places: Places::InOrder,
        real: items.real(),
        rows: Rows { session_id },
        order: Ascending::new(),
        label_size: checked_size(label_size)?,
        count: parameters.sizes.sender,
        labelled: Vec::new(),
    };
    receiver::start(oprf, items, TagAndKey::new(&session_id), reading)
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
    tag_bits(parameters, oprf.failure())?;
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

    fn headers(&self) -> Vec<Header> {
        let width = row_width(self.labels.size());
        vec![Header { kind: MessageKind::LabelledTags, width, count: self.count }]
    }

    fn step(&self, _: MessageKind) -> usize {
        ROWS_PER_STEP
    }

    fn arrange(&mut self, derived: Derived<RowSecret>) -> Result<(), PsiError> {
        let Derived { values, places } = derived;
        let placed = |(index, secret)| Some((secret, places.of(index)?));
        self.sorted = values.into_iter().enumerate().filter_map(placed).collect();
        self.sorted.par_sort_unstable_by(|(a, _), (b, _)| a.tag.cmp(&b.tag));
        Ok(())
    }

    fn rows(&self, _: MessageKind, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        let rows = self.sorted.get(range).unwrap_or_default();
        let seal = |rows: &[(RowSecret, u32)]| {
            let mut out = Vec::with_capacity(rows.len() * row_width(self.labels.size()) as usize);
            rows.iter()
                .try_for_each(|(secret, index)| self.rows.seal(secret, &self.labels, *index as usize, &mut out))?;
            Ok(out)
        };
        Ok(rows.par_chunks(ROWS_PER_TASK).map(seal).collect::<Result<Vec<_>, PsiError>>()?.concat())
    }

    fn next(self) -> Result<Next<Outcome>, PsiError> {
        Ok(Next::Done(Outcome::Nothing))
    }
}

/// The receiver's walk along the rows.
struct ReadRows {
    /// By tag, the index of each secret.
    own: Lookup<[u8; TAG_BYTES], u32>,
    secrets: Vec<RowSecret>,
    /// The items of the secrets.
    places: Places,
    /// Items that are not padding.
    real: usize,
    rows: Rows,
    order: Ascending<[u8; TAG_BYTES]>,
    label_size: u32,
    count: u64,
    labelled: Vec<(u32, Option<Vec<u8>>)>,
}

impl Reading for ReadRows {
    type Derived = RowSecret;

    fn expected(&self) -> Vec<Expected> {
        let (kind, width) = (MessageKind::LabelledTags, row_width(self.label_size));
        vec![Expected { kind, width, count: Count::Exactly(self.count) }]
    }

    fn reads_early(&self, _: MessageKind) -> bool {
        false
    }

    fn arrange(&mut self, derived: Derived<RowSecret>) -> Result<(), PsiError> {
        (self.secrets, self.places) = (derived.values, derived.places);
        let is_real = |index| self.places.of(index).is_some_and(|place| (place as usize) < self.real);
        let secrets = (0u32..).zip(&self.secrets).filter(|(index, _)| is_real(*index as usize));
        self.own = Lookup::new(secrets.map(|(index, secret)| (secret.tag, index)).collect());
        Ok(())
    }

    fn read(&mut self, _: MessageKind, elements: &[u8]) -> Result<(), PsiError> {
        let mut hits = Vec::new();
        for row in elements.chunks_exact(row_width(self.label_size) as usize) {
            let Some((tag, sealed)) = row.split_first_chunk::<TAG_BYTES>() else { continue };
            self.order.admit(*tag)?;
            hits.extend(self.own.under(*tag).iter().map(|(_, index)| (*index as usize, sealed)));
        }
        let open = |(index, sealed): &(usize, &[u8])| {
            let (secret, place) = (self.secrets.get(*index), self.places.of(*index));
            let (secret, place) = secret.zip(place).ok_or(PsiError::Usage("an index without an item"))?;
            Ok((place, self.rows.open(secret, sealed)))
        };
        let opened: Vec<_> = hits.par_iter().with_min_len(ROWS_PER_TASK).map(open).collect::<Result<_, PsiError>>()?;
        self.labelled.extend(opened);
        Ok(())
    }

    fn next(mut self) -> Result<Next<Outcome>, PsiError> {
        self.labelled.sort_unstable();
        Ok(Next::Done(Outcome::Labelled(self.labelled)))
    }
}
