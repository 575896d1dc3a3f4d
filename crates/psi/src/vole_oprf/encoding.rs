//! The receiver's vector: its items encoded, and hidden under the mask.

use std::sync::Arc;

use super::VoleField;
use super::plan::{MOST_ATTEMPTS, row_seed};
use crate::PsiError;
use crate::gf::Element;
use crate::item::PaddedItems;
use crate::okvs::{DistinctItems, EncodeError, Layout, Rows};
use crate::party::{Header, MessageKind};
use crate::subfield_vole::Stretch;

/// Elements of the mask that one step computes ahead, for each thread.
const STEP_PER_THREAD: usize = 1 << 17;

/// P + A′ in the making.
pub(super) struct Encoding<B: VoleField> {
    session_id: [u8; 32],
    layout: Layout,
    items: PaddedItems,
    attempt: u32,
    rows: Option<Arc<Rows>>,
    /// P.
    vector: Option<Vec<B::Element>>,
    /// e and then A′.
    masks: Stretch<B, B::Element>,
    sent: usize,
}

impl<B: VoleField> Encoding<B> {
    pub(super) fn new(session_id: [u8; 32], layout: Layout, items: PaddedItems, masks: Stretch<B, B::Element>) -> Self {
        Self { session_id, layout, items, attempt: 0, rows: None, vector: None, masks, sent: 0 }
    }

    /// One step towards the vector; whether there was one to do.
    pub(super) fn step(&mut self) -> Result<bool, PsiError> {
        match (&self.rows, &self.vector) {
            (None, _) => {
                let items = self.items.all();
                let (layout, seed) = (self.layout, row_seed(&self.session_id, self.attempt));
                let (rows, mask) = rayon::join(
                    || Rows::new(layout, &seed, DistinctItems::of_padded(&items)),
                    || self.masks.accumulate(),
                );
                mask?;
                self.rows = Some(Arc::new(rows?));
                Ok(true)
            }
            (Some(rows), None) => match rows.encode(&rows.values::<B::Element>()) {
                Ok(vector) => {
                    self.vector = Some(vector);
                    Ok(true)
                }
                Err(EncodeError::Unsolvable) if self.attempt + 1 < MOST_ATTEMPTS => {
                    self.attempt += 1;
                    self.rows = None;
                    Ok(true)
                }
                Err(_) => Err(PsiError::Usage("the set could not be encoded")),
            },
            (Some(_), Some(_)) => self.ahead(),
        }
    }

    /// One step of the mask; whether there was one to do.
    pub(super) fn ahead(&mut self) -> Result<bool, PsiError> {
        self.mask(STEP_PER_THREAD * rayon::current_num_threads())
    }

    /// Half of the mask at the most; it takes about as long as the passes that it is based on. Whether there was
    /// any left to compute.
    pub(super) fn half_ahead(&mut self) -> Result<bool, PsiError> {
        self.mask(self.layout.columns() / 2)
    }

    fn mask(&mut self, most: usize) -> Result<bool, PsiError> {
        let missing = self.layout.columns().saturating_sub(self.masks.expanded());
        self.masks.next(missing.min(most))?;
        Ok(missing > 0)
    }

    /// The number of the seed under which the vector was found.
    pub(super) fn attempt(&self) -> Option<u32> {
        self.vector.as_ref().map(|_| self.attempt)
    }

    /// The rows, once the vector was found.
    pub(super) fn rows(&self) -> Option<Arc<Rows>> {
        self.rows.clone().filter(|_| self.vector.is_some())
    }

    pub(super) fn header(&self) -> Header {
        let width = u32::try_from(B::Element::BYTES).unwrap_or(u32::MAX);
        Header { kind: MessageKind::MaskedVector, width, count: self.layout.columns() as u64 }
    }

    /// The next elements of the masked vector, at most `most`.
    pub(super) fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        let end = self.layout.columns().min(self.sent.saturating_add(most));
        while self.masks.expanded() < end {
            self.masks.next(end - self.masks.expanded())?;
        }
        let due = self.vector.as_ref().and_then(|vector| vector.get(self.sent..end)).unwrap_or_default();
        let masks = self.masks.outputs(self.sent..end);
        let masked: Vec<_> = due.iter().zip(masks).map(|(element, mask)| *element ^ *mask).collect();
        self.sent += masked.len();
        let mut bytes = Vec::with_capacity(masked.len() * B::Element::BYTES);
        B::Element::write(&masked, &mut bytes);
        Ok(bytes)
    }

    pub(super) fn is_out(&self) -> bool {
        self.sent == self.layout.columns()
    }
}
