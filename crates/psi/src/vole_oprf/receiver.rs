//! The receiver: encodes its items, sends the code word under a mask, and evaluates F by what the mask's
//! products with the sender's secret are.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::VoleField;
use super::encoding::Encoding;
use super::evaluation::{Adjust, Evaluation};
use super::message::{Gathering, Outgoing, SHORT};
use super::plan::{FieldChoice, Plan};
use crate::gf::{Element, Gf64, Gf128};
use crate::item::PaddedItems;
use crate::okvs::Rows;
use crate::oprf::{Derive, Derived, OprfReceiver, OprfRounds, Outstanding};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::{POINT_BYTES, split_rows};
use crate::pprf::{self, Forest};
use crate::subfield_vole::{self, Noise, Stretch, noise_shares};
use crate::{Parameters, PsiError, Seed, base_ot, ot_extension};

/// Base transfers: for the bits of Δ, and for those of the extension's secret.
pub(super) const BASE_TRANSFERS: usize = noise_shares::DELTA_BITS + ot_extension::BASE_TRANSFERS;

/// Outputs of the code that one step computes, for each thread.
const STEP_PER_THREAD: usize = 1 << 17;

/// The receiver, before its rounds.
pub struct Receiver {
    parameters: Parameters,
    /// Tests put a worse one here.
    pub(super) plan: Plan,
    seed: Seed,
}

impl Receiver {
    /// A receiver whose noise and secrets follow from `seed` and the session id.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn new(parameters: &Parameters, seed: &Seed) -> Result<Self, PsiError> {
        Ok(Self { parameters: *parameters, plan: Plan::new(parameters)?, seed: seed.clone() })
    }

    fn rounds<B: VoleField, D: Derive>(
        self,
        items: PaddedItems,
        derive: D,
    ) -> Result<OprfRounds<D::Derived>, PsiError> {
        let Self { parameters: Parameters { session_id, .. }, plan, seed } = self;
        let noise = Noise::<B>::draw(&session_id, plan.noise, &seed)?;
        let (transfers, element) = base_ot::Sender::new(&session_id, &seed, BASE_TRANSFERS)?;
        let party = Party {
            forest: subfield_vole::forest(&session_id, plan.noise)?,
            encoding: Encoding::new(session_id, plan.layout, items, noise.masks()?),
            session_id,
            plan,
            noise,
            derive: Arc::new(derive),
        };
        Ok(Box::new(Opening {
            transfers,
            out: Outgoing::new(MessageKind::BaseKey, POINT_BYTES, element.to_vec()),
            choices: Gathering::new(MessageKind::BaseChoices, POINT_BYTES, BASE_TRANSFERS),
            party,
        }))
    }
}

impl OprfReceiver for Receiver {
    fn failure(&self) -> u128 {
        self.plan.failure
    }

    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError> {
        match self.plan.field {
            FieldChoice::Gf64 => self.rounds::<Gf64, D>(items, derive),
            FieldChoice::Gf128 => self.rounds::<Gf128, D>(items, derive),
        }
    }
}

/// What goes from round to round.
struct Party<B: VoleField, D> {
    session_id: [u8; 32],
    plan: Plan,
    noise: Noise<B>,
    forest: Forest,
    encoding: Encoding<B>,
    derive: Arc<D>,
}

type Rest<D> = Box<dyn Outstanding<<D as Derive>::Derived>>;

/// First round: the base transfers.
struct Opening<B: VoleField, D> {
    transfers: base_ot::Sender,
    out: Outgoing,
    choices: Gathering,
    party: Party<B, D>,
}

impl<B: VoleField, D: Derive> Round for Opening<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "base transfers"
    }

    fn sends(&self) -> Option<Header> {
        Some(self.out.header())
    }

    fn receives(&self) -> Option<Expected> {
        Some(self.choices.expected())
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        Ok(self.out.produce(most))
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.choices.absorb(elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.party.encoding.step()
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { transfers, choices, party, .. } = *self;
        let pairs = transfers.finish(&choices.finish()?)?;
        let (for_noise, for_trees) =
            pairs.split_at_checked(noise_shares::DELTA_BITS).ok_or(PsiError::Usage("too few base transfers"))?;
        let choices = party.noise.points().choices(&party.forest);
        let columns = ot_extension::column_bytes(choices.len());
        let (keys, extension) = ot_extension::receive(&party.session_id, for_trees, &choices)?;
        let (masked, shares) = noise_shares::offer::<B>(for_noise, party.noise.values())?;
        let trees = pprf::Receiver::new(party.forest.clone(), party.noise.points().clone(), keys)?;
        let row = party.plan.noise.blocks() * B::Element::BYTES;
        let messages = [
            (Outgoing::new(MessageKind::MaskedNoise, row, masked), "noise"),
            (Outgoing::new(MessageKind::Transfers, columns.max(1), extension), "transfers"),
        ];
        let held = Held { trees, shares: shares.into() };
        Ok(Telling { messages: messages.into(), held, party }.next())
    }
}

/// What the receiver holds of the vector's products until the sender's part of them comes.
struct Held {
    trees: pprf::Receiver,
    /// a: its shares of the noise times Δ.
    shares: Zeroizing<Vec<u128>>,
}

/// Rounds that only send: the last of `messages` first, and then which seed the rows are of.
struct Telling<B: VoleField, D> {
    messages: Vec<(Outgoing, &'static str)>,
    held: Held,
    party: Party<B, D>,
}

impl<B: VoleField, D: Derive> Telling<B, D> {
    fn next(self) -> Next<Rest<D>> {
        if self.messages.is_empty() {
            return Next::Round(Box::new(Choosing { held: self.held, party: self.party, sent: false }));
        }
        Next::Round(Box::new(self))
    }
}

impl<B: VoleField, D: Derive> Round for Telling<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        self.messages.last().map_or("", |(_, phase)| phase)
    }

    fn sends(&self) -> Option<Header> {
        self.messages.last().map(|(message, _)| message.header())
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        Ok(self.messages.last_mut().map(|(message, _)| message.produce(most)).unwrap_or_default())
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.party.encoding.step()
    }

    fn finish(mut self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        match self.messages.pop() {
            Some((message, _)) if message.is_out() => Ok(self.next()),
            _ => Err(PsiError::CUT_SHORT),
        }
    }
}

/// The round that says which seed the rows are of, once they have been solved for.
struct Choosing<B: VoleField, D> {
    held: Held,
    party: Party<B, D>,
    sent: bool,
}

/// Bytes of the number of an attempt.
pub(super) const ATTEMPT_BYTES: usize = 4;

impl<B: VoleField, D: Derive> Round for Choosing<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "encoding"
    }

    fn sends(&self) -> Option<Header> {
        Some(Header { kind: MessageKind::RowSeed, width: 4, count: 1 })
    }

    fn produce(&mut self, _: usize) -> Result<Vec<u8>, PsiError> {
        match self.party.encoding.attempt().filter(|_| !self.sent) {
            Some(attempt) => {
                self.sent = true;
                Ok(attempt.to_le_bytes().to_vec())
            }
            None => Ok(Vec::new()),
        }
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.party.encoding.step()
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { held, party, sent } = *self;
        if !sent {
            return Err(PsiError::CUT_SHORT);
        }
        let rows = party.encoding.rows().ok_or(PsiError::CUT_SHORT)?;
        let evaluation = Evaluation::new(party.plan.layout, rows, Arc::clone(&party.derive), AsItIs);
        let leaves = Zeroizing::new(vec![0; 2 * party.plan.noise.outputs()]);
        Ok(Next::Round(Box::new(Sending { held, party, leaves, trees: 0, products: None, evaluation })))
    }
}

/// The receiver's sums are its values.
struct AsItIs;

impl Adjust for AsItIs {
    fn adjust(&self, _: &Rows, _: usize, _: &mut [u128]) {}
}

/// The round in which the masked vector goes out and the trees come in.
struct Sending<B: VoleField, D: Derive> {
    held: Held,
    party: Party<B, D>,
    leaves: Zeroizing<Vec<u128>>,
    /// Trees that are there.
    trees: usize,
    /// v_A and then C, once all trees are there.
    products: Option<Stretch<B, u128>>,
    evaluation: Evaluation<D, AsItIs>,
}

impl<B: VoleField, D: Derive> Sending<B, D> {
    /// Where there are threads to share, does the products' passes, which take one of them, while the others compute
    /// masks. On one thread the masks go first: the sender waits for them.
    fn pass_beside_masks(&mut self) -> Result<(), PsiError> {
        let due = self.products.as_mut().filter(|products| products.awaits_passes());
        let Some(products) = due.filter(|_| rayon::current_num_threads() > 1) else { return Ok(()) };
        let encoding = &mut self.party.encoding;
        let (passes, masks) = rayon::join(|| products.accumulate(), || encoding.half_ahead());
        passes.and(masks.map(|_| ()))
    }
}

impl<B: VoleField, D: Derive> Round for Sending<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "masked vector"
    }

    fn sends(&self) -> Option<Header> {
        Some(self.party.encoding.header())
    }

    fn receives(&self) -> Option<Expected> {
        let forest = &self.party.forest;
        Some(Expected {
            kind: MessageKind::Corrections,
            width: u32::try_from(forest.element_bytes()).unwrap_or(u32::MAX),
            count: Count::Exactly(forest.trees() as u64),
        })
    }

    fn step(&self) -> usize {
        usize::MAX
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        self.pass_beside_masks()?;
        self.party.encoding.produce(most)
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let forest = &self.party.forest;
        let count = split_rows(elements, forest.element_bytes(), forest.trees() - self.trees)?.len();
        let places = self.trees * forest.leaves()..(self.trees + count) * forest.leaves();
        let leaves = self.leaves.get_mut(places).unwrap_or_default();
        self.held.trees.reconstruct(self.trees, elements, leaves)?;
        self.trees += count;
        if self.trees == forest.trees() {
            let leaves = std::mem::take(&mut *self.leaves);
            self.products = Some(self.party.noise.products(leaves, &self.held.shares)?);
        }
        Ok(())
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        if self.party.encoding.ahead()? {
            return Ok(true);
        }
        match &mut self.products {
            Some(products) => evaluate(products, &mut self.evaluation, self.party.plan.layout.columns()),
            None => Ok(false),
        }
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { party, products, evaluation, .. } = *self;
        let products = products.ok_or(SHORT)?;
        if !party.encoding.is_out() {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(Next::Done(Box::new(Left { products, evaluation, columns: party.plan.layout.columns() })))
    }
}

/// One step from products to derived values; whether there was one to do.
fn evaluate<B: VoleField, D: Derive>(
    products: &mut Stretch<B, u128>,
    evaluation: &mut Evaluation<D, AsItIs>,
    columns: usize,
) -> Result<bool, PsiError> {
    let missing = columns - evaluation.columns();
    if missing == 0 {
        return evaluation.step();
    }
    evaluation.push(products.next(missing.min(STEP_PER_THREAD * rayon::current_num_threads()))?)?;
    Ok(true)
}

/// What is left to compute when the messages are out.
struct Left<B: VoleField, D: Derive> {
    products: Stretch<B, u128>,
    evaluation: Evaluation<D, AsItIs>,
    columns: usize,
}

impl<B: VoleField, D: Derive> Outstanding<D::Derived> for Left<B, D> {
    fn step(&mut self) -> Result<bool, PsiError> {
        evaluate(&mut self.products, &mut self.evaluation, self.columns)
    }

    fn finish(mut self: Box<Self>) -> Result<Derived<D::Derived>, PsiError> {
        while self.step()? {}
        self.evaluation.finish()
    }
}
