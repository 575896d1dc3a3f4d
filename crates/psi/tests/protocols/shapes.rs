//! What a message looks like depends on public sizes alone.

use psi::party::{Header, MessageKind};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::drive::{Message, run};
use crate::world::{Engine, Mode, VARIANTS, World};

type Variant = (Engine, Mode);

fn messages(world: &World, (engine, mode): Variant) -> (Vec<Message>, Vec<Message>) {
    let receiver = world.receiver_on(engine, mode).expect("a receiver");
    let sender = world.sender_on(engine, mode).expect("a sender");
    let run = run(receiver, sender, 1).expect("a run to the end");
    (run.from_receiver, run.from_sender)
}

fn shape(messages: &[Message]) -> Vec<(Header, usize)> {
    messages.iter().map(|message| (message.header, message.elements.len())).collect()
}

#[test]
fn messages_have_the_shape_that_padded_sizes_give() {
    // (receiver, sender, common, padding): all are 70 and 90 items to the peer.
    let full = World::new(70, 90, 35, 0, 1);
    let mut half = World::new(35, 45, 0, 0, 2);
    let mut empty = World::new(0, 0, 0, 0, 3);
    half.parameters.sizes = full.parameters.sizes;
    empty.parameters.sizes = full.parameters.sizes;
    for variant in VARIANTS {
        let (from_receiver, from_sender) = messages(&full, variant);
        for other in [&half, &empty] {
            let (receiver, sender) = messages(other, variant);
            // The number of claims is the number of common items: what the mode discloses.
            let fixed = receiver.len() - usize::from(variant.1 == Mode::Both);
            assert_eq!(receiver.len(), from_receiver.len(), "{variant:?}");
            assert_eq!(shape(&receiver[..fixed]), shape(&from_receiver[..fixed]), "{variant:?}");
            assert_eq!(shape(&sender), shape(&from_sender), "{variant:?}");
        }
    }
}

#[test]
fn claims_are_as_many_as_common_items() {
    for engine in [Engine::DiffieHellman, Engine::Vole] {
        let (from_receiver, _) = messages(&World::new(70, 90, 35, 11, 1), (engine, Mode::Both));
        let claims = from_receiver.last().expect("claims");
        assert_eq!((claims.header.kind, claims.header.count), (MessageKind::Claims, 35));
        assert_eq!(claims.elements.len(), 35 * 16);
    }
}

#[test]
fn lists_are_sorted_whatever_the_order_of_items() {
    let mut world = World::new(70, 90, 35, 11, 1);
    let lists = [
        (Engine::DiffieHellman, Mode::Labelled),
        (Engine::DiffieHellman, Mode::Cardinality),
        (Engine::Vole, Mode::Labelled),
    ];
    for variant in lists {
        let (_, in_order) = messages(&world, variant);
        let list = in_order.last().expect("a list");
        assert!(list.elements.chunks(list.header.width as usize).is_sorted(), "{variant:?}");
    }
    // Sets of tags can be written in one way alone.
    let lists = |world: &World| {
        let without_labels = VARIANTS.into_iter().filter(|(_, mode)| *mode != Mode::Labelled);
        without_labels.map(|variant| messages(world, variant).1).collect::<Vec<_>>()
    };
    let before = lists(&world);
    let mut reversed = world.sender.to_vec();
    reversed.reverse();
    world.sender = reversed.into();
    assert!(before == lists(&world));
}

#[test]
fn one_seed_gives_other_messages_in_another_session() {
    let world = World::new(10, 10, 5, 0, 4);
    let mut other = world.clone();
    other.parameters.session_id[0] ^= 1;
    for variant in VARIANTS {
        let (receiver, sender) = messages(&world, variant);
        let (other_receiver, other_sender) = messages(&other, variant);
        for (message, other) in receiver.iter().chain(&sender).zip(other_receiver.iter().chain(&other_sender)) {
            // Each word of high bits says which patterns there are: few, and all of them likely. And the first
            // seed for the rows is nearly always good.
            if [MessageKind::TagHighs, MessageKind::RowSeed].contains(&message.header.kind) {
                continue;
            }
            let width = message.header.width as usize;
            let repeated = message.elements.chunks(width).any(|a| other.elements.chunks(width).any(|b| a == b));
            assert!(!repeated, "{variant:?}, {:?}", message.header.kind);
        }
    }
}

#[test]
fn cuts_order_of_actions_and_threads_change_no_byte() {
    let world = World::new(150, 200, 70, 20, 5);
    let pools = [1, 3].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"));
    for (engine, mode) in VARIANTS {
        let run_in = |order, pool: &ThreadPool| {
            pool.install(|| {
                let receiver = world.receiver_on(engine, mode).expect("a receiver");
                let sender = world.sender_on(engine, mode).expect("a sender");
                let run = run(receiver, sender, order).expect("a run to the end");
                (run.from_receiver, run.from_sender, run.receiver, run.sender)
            })
        };
        let [one, three] = &pools;
        let first = run_in(1, one);
        for (order, pool) in [(2, one), (1, three), (2, three)] {
            assert!(first == run_in(order, pool), "{engine:?}, {mode:?}, {order}");
        }
    }
}

#[test]
fn a_sender_gives_nothing_before_its_list_is_whole() {
    // Tags must not leave in the order in which they are computed.
    let world = World::new(0, 50, 0, 0, 6);
    let first = world.sender(Mode::Membership).expect("a sender");
    let Ok(psi::party::Next::Round(mut list)) = first.finish() else { panic!("a second round") };
    assert!(list.produce(50).expect("nothing").is_empty());
    while list.work().expect("work") {}
    let header = list.sends().expect("a header");
    assert_eq!(header.kind, MessageKind::TagHighs);
    assert_eq!(list.produce(50).expect("high bits").len(), (header.count * 8) as usize);
}
