//! Runs whose key-value store is so tight that seeds fail: the next one is taken, and told.

use std::collections::HashMap;
use std::sync::Arc;

use super::plan::{MOST_ATTEMPTS, row_seed};
use super::{FieldChoice, Plan, Receiver, Sender};
use crate::item::PaddedItems;
use crate::lpn_code::noise;
use crate::okvs::{DistinctItems, EncodeError, Expansion, Layout, Rows, Shape};
use crate::oprf::{Derive, Derived, OprfReceiver, OprfRounds, OprfSender, Outputs, Places};
use crate::party::{MessageKind, Next};
use crate::randomness::Randomness;
use crate::{ErrorBudget, Item, Parameters, PsiError, Seed, Sizes};

/// Keeps the values as they are.
struct Keep;

impl Derive for Keep {
    type Derived = u128;

    fn derive(&self, outputs: Outputs<'_>) -> Vec<u128> {
        match outputs {
            Outputs::Hashed(_) => panic!("values of this function are no hashes"),
            Outputs::Unhashed { values, .. } => values.to_vec(),
        }
    }
}

/// A party with what it has sent of the message that is under way, and all that are whole.
struct Side {
    round: Option<OprfRounds<u128>>,
    out: Vec<u8>,
    whole: Vec<(MessageKind, Vec<u8>)>,
    taken: usize,
    done: Option<Derived<u128>>,
}

impl Side {
    fn new(round: OprfRounds<u128>) -> Self {
        Self { round: Some(round), out: Vec::new(), whole: Vec::new(), taken: 0, done: None }
    }

    /// Sends what is due, takes what has come from `peer`, and goes on to the next round, as far as it can.
    fn act(&mut self, peer: &[(MessageKind, Vec<u8>)]) -> Result<(), PsiError> {
        while let Some(mut round) = self.round.take() {
            if let Some(header) = round.sends() {
                let due = usize::try_from(header.count * u64::from(header.width)).unwrap();
                // Nothing, if this call comes back to a round whose message is out.
                while self.out.len() < due {
                    let elements = round.produce(usize::MAX)?;
                    if elements.is_empty() {
                        assert!(round.work()?, "elements that never come");
                    }
                    self.out.extend(elements);
                }
                if self.whole.last().is_none_or(|(kind, _)| *kind != header.kind) {
                    self.whole.push((header.kind, self.out.clone()));
                }
            }
            if let Some(expected) = round.receives() {
                let Some((kind, elements)) = peer.get(self.taken) else {
                    self.round = Some(round);
                    return Ok(());
                };
                assert_eq!(*kind, expected.kind);
                round.absorb(elements)?;
                self.taken += 1;
            }
            self.out.clear();
            match round.finish()? {
                Next::Round(next) => self.round = Some(next),
                Next::Done(rest) => self.done = Some(rest.finish()?),
            }
        }
        Ok(())
    }
}

fn items(numbers: std::ops::Range<u128>) -> Arc<[Item]> {
    numbers.map(|number| Item::from(number.to_le_bytes())).collect()
}

fn padded(items: &Arc<[Item]>) -> PaddedItems {
    let padding = Randomness::new(&Seed::new([0; 32]), &[0; 32], "no padding");
    PaddedItems::new(Arc::clone(items), items.len(), padding).unwrap()
}

/// Bands as narrow as can be, and hardly more columns than keys.
fn tight(field: FieldChoice, keys: usize) -> Plan {
    let layout = Layout::new(keys, Shape::new(Expansion::Percent3, 64).unwrap()).unwrap();
    Plan { field, layout, noise: noise::Shape::for_outputs(layout.columns()).unwrap(), failure: 0 }
}

fn parties(plan: Plan, session_id: [u8; 32], ours: &Arc<[Item]>, theirs: &Arc<[Item]>) -> (Side, Side) {
    let sizes = Sizes { receiver: ours.len() as u64, sender: theirs.len() as u64 };
    let parameters = Parameters { session_id, sizes, budget: ErrorBudget::new(40).unwrap() };
    let mut receiver = Receiver::new(&parameters, &Seed::new([1; 32])).unwrap();
    let mut sender = Sender::new(&parameters, &Seed::new([2; 32])).unwrap();
    (receiver.plan, sender.plan) = (plan, plan);
    (Side::new(receiver.start(padded(ours), Keep).unwrap()), Side::new(sender.start(padded(theirs), Keep).unwrap()))
}

fn run(receiver: &mut Side, sender: &mut Side) -> Result<(), PsiError> {
    while receiver.done.is_none() || sender.done.is_none() {
        receiver.act(&sender.whole)?;
        sender.act(&receiver.whole)?;
    }
    Ok(())
}

/// The values of a party by the item.
fn by_item(side: &Side, items: &[Item]) -> HashMap<Item, u128> {
    let Derived { values, places } = side.done.as_ref().unwrap();
    assert!(matches!(places, Places::Permuted(_)));
    let item = |index| items[places.of(index).unwrap() as usize];
    values.iter().enumerate().map(|(index, value)| (item(index), *value)).collect()
}

/// How many seeds of the session fail before one is good.
fn failures(session_id: &[u8; 32], plan: &Plan, items: &[Item]) -> u32 {
    let fails = |attempt: &u32| {
        let distinct = DistinctItems::new(items).unwrap();
        let rows = Rows::new(plan.layout, &row_seed(session_id, *attempt), distinct).unwrap();
        matches!(rows.encode(&rows.values::<u64>()), Err(EncodeError::Unsolvable))
    };
    (0..MOST_ATTEMPTS).take_while(fails).map(|_| 1).sum()
}

#[test]
fn the_sender_takes_the_seed_that_it_is_told() {
    let (ours, theirs) = (items(0..16_384), items(16_000..18_000));
    for field in [FieldChoice::Gf64, FieldChoice::Gf128] {
        let plan = tight(field, ours.len());
        for wanted in [0, 1, 2] {
            let mut sessions = (0..=u8::MAX).map(|byte| [byte; 32]);
            let session = sessions.find(|session| failures(session, &plan, &ours) == wanted).unwrap();
            let (mut receiver, mut sender) = parties(plan, session, &ours, &theirs);
            run(&mut receiver, &mut sender).unwrap();
            let told = receiver.whole.iter().find(|(kind, _)| *kind == MessageKind::RowSeed).unwrap();
            assert_eq!(told.1, wanted.to_le_bytes(), "{field:?}");
            let (here, there) = (by_item(&receiver, &ours), by_item(&sender, &theirs));
            assert_eq!((here.len(), there.len()), (ours.len(), theirs.len()));
            let common = theirs.iter().filter(|item| here.contains_key(item)).count();
            assert_eq!(common, 384);
            assert!(theirs.iter().all(|item| here.get(item).is_none_or(|value| *value == there[item])), "{field:?}");
            // Whatever is not common has values of its own.
            let values: std::collections::HashSet<u128> = here.values().chain(there.values()).copied().collect();
            assert_eq!(values.len(), ours.len() + theirs.len() - common, "{field:?}");
        }
    }
}

#[test]
fn a_set_that_no_seed_encodes_ends_the_receivers_run_and_blames_nobody() {
    // Eight rows in the mean have no column.
    let (ours, theirs) = (items(0..1 << 17), items(0..10));
    let plan = tight(FieldChoice::Gf64, ours.len());
    let session = [3; 32];
    assert_eq!(failures(&session, &plan, &ours), MOST_ATTEMPTS);
    let (mut receiver, mut sender) = parties(plan, session, &ours, &theirs);
    assert_eq!(run(&mut receiver, &mut sender), Err(PsiError::Usage("the set could not be encoded")));
    assert!(receiver.whole.iter().all(|(kind, _)| *kind != MessageKind::RowSeed));
}
