//! Every mode gives what a plain join gives, on every engine that answers it.

use proptest::prelude::*;
use psi::ErrorBudget;

use crate::drive::run;
use crate::world::{VARIANTS, World};

fn check(world: &World, order: u64) {
    for (engine, mode) in VARIANTS {
        let receiver = world.receiver_on(engine, mode).expect("a receiver");
        let sender = world.sender_on(engine, mode).expect("a sender");
        let run = run(receiver, sender, order).expect("a run to the end");
        let (receiver, sender) = world.expected(mode);
        assert!(run.receiver == receiver, "{engine:?}, {mode:?}: {:?} in the place of {receiver:?}", run.receiver);
        assert!(run.sender == sender, "{engine:?}, {mode:?}: {:?} in the place of {sender:?}", run.sender);
    }
}

#[test]
fn at_the_sizes_where_batches_and_steps_end() {
    for (seed, size) in (0..).zip([0, 1, 2, 63, 64, 65, 127, 128, 129, 1000]) {
        for common in [0, size.min(1), size / 2, size] {
            check(&World::new(size, size, common, 0, seed), seed);
        }
    }
}

#[test]
fn of_unequal_sets() {
    for (seed, (receiver, sender)) in (100..).zip([(0, 1), (1, 0), (0, 65), (65, 0), (1, 1000), (1000, 1), (64, 300)]) {
        check(&World::new(receiver, sender, receiver.min(sender), 0, seed), seed);
        check(&World::new(receiver, sender, 0, 0, seed), seed);
    }
}

#[test]
fn with_more_items_than_one_step_of_work_takes() {
    check(&World::new(900, 9000, 450, 0, 7), 7);
}

#[test]
fn under_padding_that_exceeds_the_sets() {
    check(&World::new(0, 0, 0, 10, 8), 8);
    check(&World::new(3, 0, 0, 130, 9), 9);
    check(&World::new(100, 10, 5, 300, 10), 10);
}

/// With so small a budget the fast engine's vectors are over GF(2^128).
#[test]
fn under_a_budget_that_takes_the_larger_field() {
    let mut world = World::new(500, 700, 250, 10, 3);
    world.parameters.budget = ErrorBudget::new(64).expect("a budget");
    check(&world, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_the_sizes_and_cuts(
        (receiver, sender) in (0usize..200, 0usize..200),
        shared in 0.0..=1.0,
        padding in 0u64..100,
        seed: u64,
        order: u64,
    ) {
        let common = (receiver.min(sender) as f64 * shared) as usize;
        check(&World::new(receiver, sender, common, padding, seed), order);
    }
}
