//! What a message looks like depends on public sizes alone.

use psi::party::{Header, MessageKind};

use crate::drive::{Message, run};
use crate::world::{MODES, Mode, World};

fn messages(world: &World, mode: Mode) -> (Vec<Message>, Vec<Message>) {
    let receiver = world.receiver(mode).expect("a receiver");
    let sender = world.sender(mode).expect("a sender");
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
    for mode in MODES {
        let (from_receiver, from_sender) = messages(&full, mode);
        for other in [&half, &empty] {
            let (receiver, sender) = messages(other, mode);
            // The number of claims is the number of common items: what the mode discloses.
            let fixed = if mode == Mode::Both { 1 } else { receiver.len() };
            assert_eq!(shape(&receiver[..fixed]), shape(&from_receiver[..fixed]), "{mode:?}");
            assert_eq!(shape(&sender), shape(&from_sender), "{mode:?}");
        }
    }
}

#[test]
fn claims_are_as_many_as_common_items() {
    let (from_receiver, _) = messages(&World::new(70, 90, 35, 11, 1), Mode::Both);
    let [_, claims] = from_receiver.as_slice() else { panic!("two messages") };
    assert_eq!((claims.header.count, claims.elements.len()), (35, 35 * 16));
}

#[test]
fn lists_are_sorted_whatever_the_order_of_items() {
    let mut world = World::new(70, 90, 35, 11, 1);
    for mode in [Mode::Labelled, Mode::Cardinality] {
        let (_, in_order) = messages(&world, mode);
        let list = in_order.last().expect("a list");
        assert!(list.elements.chunks(list.header.width as usize).is_sorted(), "{mode:?}");
    }
    // Sets of tags can be written in one way alone.
    let lists = |world: &World| {
        let of = |mode: Mode, first: usize| messages(world, mode).1.split_off(first);
        [of(Mode::Membership, 1), of(Mode::Both, 1), of(Mode::Cardinality, 1)]
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
    for mode in MODES {
        let ((receiver, sender), (other_receiver, other_sender)) = (messages(&world, mode), messages(&other, mode));
        for (message, other) in receiver.iter().chain(&sender).zip(other_receiver.iter().chain(&other_sender)) {
            // Each word of high bits says which patterns there are: few, and all of them likely.
            if message.header.kind == MessageKind::TagHighs {
                continue;
            }
            let width = message.header.width as usize;
            let repeated = message.elements.chunks(width).any(|a| other.elements.chunks(width).any(|b| a == b));
            assert!(!repeated, "{mode:?}, {:?}", message.header.kind);
        }
    }
}

#[test]
fn cuts_and_order_of_actions_change_no_byte() {
    let world = World::new(150, 200, 70, 20, 5);
    for mode in MODES {
        let run_in = |order| {
            let receiver = world.receiver(mode).expect("a receiver");
            let run = run(receiver, world.sender(mode).expect("a sender"), order).expect("a run to the end");
            (run.from_receiver, run.from_sender)
        };
        assert!(run_in(1) == run_in(2), "{mode:?}");
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
