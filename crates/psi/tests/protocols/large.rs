//! Sets that take many steps: vectors in several parts, segments and batches that end at odd places.

use psi::ErrorBudget;

use crate::drive::run;
use crate::world::{Engine, SHARED_MODES, World};

/// Every mode of the fast engine gives what a plain join gives.
fn check(world: &World, order: u64) {
    for mode in SHARED_MODES {
        let receiver = world.receiver_on(Engine::Vole, mode).expect("a receiver");
        let sender = world.sender_on(Engine::Vole, mode).expect("a sender");
        let run = run(receiver, sender, order).expect("a run to the end");
        let (receiver, sender) = world.expected(mode);
        assert!(run.receiver == receiver && run.sender == sender, "{mode:?}: another join");
    }
}

#[test]
fn a_hundred_thousand_items_each() {
    check(&World::new(100_003, 100_003, 33_334, 0, 41), 41);
}

#[test]
fn ten_thousand_times_as_many_on_one_side() {
    for (seed, (receiver, sender)) in (50..).zip([(10, 100_000), (100_000, 10), (1, 10_000), (10_000, 1)]) {
        let smaller = receiver.min(sender);
        check(&World::new(receiver, sender, smaller, 0, seed), seed);
        check(&World::new(receiver, sender, smaller / 2, 0, seed), seed + 1);
    }
}

#[test]
fn thousands_over_the_larger_field() {
    let mut world = World::new(3000, 3000, 1234, 0, 60);
    world.parameters.budget = ErrorBudget::new(64).expect("a budget");
    check(&world, 60);
}

/// More than one part of the mask and of the products, with padding between the items and the end.
#[test]
fn padded_beyond_one_step() {
    check(&World::new(20_000, 90_000, 20_000, 130_000, 61), 61);
}
