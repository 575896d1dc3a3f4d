//! Runs take just the bytes that were foretold.

use std::time::Duration;

use psi::cost::{self, Facts, Task};
use psi::{ErrorBudget, vole_oprf};

use crate::drive::{Message, run};
use crate::world::{Engine, LABEL_SIZE, Mode, VARIANTS, World};

fn bytes(messages: &[Message]) -> u64 {
    messages.iter().map(|message| message.elements.len() as u64).sum()
}

/// Worlds with and without padding, of one field and the other. All items of the smaller set are common, so
/// that there are as many claims as an estimate assumes.
fn worlds() -> Vec<World> {
    let sizes = [(0, 0, 0), (1, 1, 0), (1000, 1, 0), (1, 1000, 0), (300, 200, 0), (64, 65, 700)];
    let mut worlds: Vec<_> = sizes.into_iter().map(|(x, y, padding)| World::new(x, y, x.min(y), padding, 30)).collect();
    let mut strict = World::new(500, 300, 300, 0, 31);
    strict.parameters.budget = ErrorBudget::new(64).expect("a budget");
    worlds.push(strict);
    worlds
}

#[test]
fn bytes_of_both_directions_are_those_of_the_estimate() {
    for world in worlds() {
        let sizes = world.parameters.sizes;
        for (engine, mode) in VARIANTS {
            let receiver = world.receiver_on(engine, mode).expect("a receiver");
            let sender = world.sender_on(engine, mode).expect("a sender");
            let run = run(receiver, sender, 1).expect("a run to the end");
            let task = match mode {
                Mode::Membership => Task::Membership,
                Mode::Labelled => Task::Labelled(LABEL_SIZE),
                Mode::Both => Task::Both,
                Mode::Cardinality => Task::Cardinality,
            };
            let budget = world.parameters.budget;
            let facts = Facts {
                task,
                sizes,
                bin_items: u64::MAX,
                budget,
                threads: 1,
                round_trip: Duration::ZERO,
                bits_per_second: None,
            };
            let engine = match engine {
                Engine::DiffieHellman => cost::Engine::Ecdh,
                Engine::Vole => cost::Engine::Vole,
            };
            let estimate = cost::estimate(engine, &facts).expect("an estimate");
            // Claims that padding alone would make are not sent.
            let padding = sizes.receiver.min(sizes.sender) - world.receiver.len().min(world.sender.len()) as u64;
            let unclaimed = if mode == Mode::Both { 16 * padding } else { 0 };
            let seen = (bytes(&run.from_receiver) + unclaimed, bytes(&run.from_sender));
            let foretold = (estimate.bytes_to_sender, estimate.bytes_to_receiver);
            assert_eq!(seen, foretold, "{engine:?}, {mode:?}, {sizes:?}");
        }
    }
}

#[test]
fn the_function_takes_what_its_plan_says() {
    for world in worlds() {
        let plan = vole_oprf::Plan::new(&world.parameters).expect("a plan");
        let receiver = world.receiver_on(Engine::Vole, Mode::Membership).expect("a receiver");
        let sender = world.sender_on(Engine::Vole, Mode::Membership).expect("a sender");
        let run = run(receiver, sender, 1).expect("a run to the end");
        assert_eq!(bytes(&run.from_receiver), plan.bytes_to_sender());
        // The set of tags comes after it.
        assert_eq!(bytes(&run.from_sender[..2]), plan.bytes_to_receiver());
    }
}
