//! What a peer may not send: each ends with an error that names the peer, and none with a panic.

use std::rc::Rc;

use psi::party::MessageKind;
use psi::{Outcome, PsiError};

use crate::drive::Message;
use crate::victim::{Bench, Victim, assert_names_peer, every_message};
use crate::world::{Engine, Mode};

/// Every message whose elements are those of the group.
fn group_messages() -> impl Iterator<Item = (Rc<Bench>, usize)> {
    use MessageKind::{BaseChoices, BaseKey, Blinded, Evaluated, Masked};
    every_message()
        .filter(|(bench, index)| [Blinded, Evaluated, Masked, BaseKey, BaseChoices].contains(&bench.kind(*index)))
}

/// Every message whose elements ascend; sets of tags do so in their own way.
fn sorted_messages() -> impl Iterator<Item = (Rc<Bench>, usize)> {
    use MessageKind::{Claims, DoublyMasked, LabelledTags, Masked};
    every_message().filter(|(bench, index)| [Claims, DoublyMasked, LabelledTags, Masked].contains(&bench.kind(*index)))
}

#[test]
fn honest_messages_pass_whole_and_in_pieces() {
    for (bench, index) in every_message() {
        assert_eq!(bench.after(index, |_| ()), Ok(bench.expected()));
        assert_eq!(bench.after_piecewise(index, |_| ()), Ok(bench.expected()));
    }
}

#[test]
fn the_identity_is_refused() {
    for (bench, index) in group_messages() {
        // First of all, so that a sorted list stays sorted; and in the middle.
        assert_names_peer(&bench.after(index, |message| message.elements[..32].fill(0)), &bench, index);
        let middle = bench.script[index].elements.len() / 64 * 32;
        let fill = |message: &mut Message| message.elements[middle..middle + 32].fill(0);
        assert_names_peer(&bench.after(index, fill), &bench, index);
        assert_names_peer(&bench.after_piecewise(index, fill), &bench, index);
    }
}

#[test]
fn encodings_that_are_not_canonical_are_refused() {
    // RFC 9496, Appendix A.2: one of each kind that its decoding rejects.
    let bad = [
        // A field element that is not reduced.
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // A negative one.
        "0100000000000000000000000000000000000000000000000000000000000000",
        // A non-square.
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        // s = -1, which makes y zero.
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for (bench, index) in group_messages() {
        for bad in bad {
            let bad = hex::decode(bad).expect("hex");
            assert_names_peer(
                &bench.after(index, |message| message.elements[..32].copy_from_slice(&bad)),
                &bench,
                index,
            );
        }
    }
}

#[test]
fn sorted_lists_out_of_order_are_refused() {
    for (bench, index) in sorted_messages() {
        let width = bench.script[index].header.width as usize;
        let swap = |message: &mut Message| message.elements[..2 * width].rotate_left(width);
        assert_names_peer(&bench.after(index, swap), &bench, index);
        let repeat = |message: &mut Message| message.elements.copy_within(..width, width);
        assert_names_peer(&bench.after(index, repeat), &bench, index);
    }
}

#[test]
fn sets_of_tags_that_are_none_are_refused() {
    for (bench, index) in every_message() {
        let kind = bench.script[index].header.kind;
        if kind == MessageKind::TagHighs {
            for bit in 0..8 * bench.script[index].elements.len() {
                // A one more, or one less; what makes up for it elsewhere is a set again.
                let flip = |message: &mut Message| message.elements[bit / 8] ^= 1 << (bit % 8);
                assert_names_peer(&bench.after(index, flip), &bench, index);
            }
        }
        if kind == MessageKind::TagLows {
            // 63 tags are due. The last byte is of one that is not.
            let behind = |message: &mut Message| *message.elements.last_mut().expect("a byte") ^= 0x80;
            assert_names_peer(&bench.after(index, behind), &bench, index);
            assert_names_peer(&bench.after(index, |message| message.elements.fill(0)), &bench, index);
            assert_names_peer(&bench.after(index, |message| message.elements.fill(0xff)), &bench, index);
        }
    }
}

#[test]
fn parts_of_elements_are_refused() {
    for (bench, index) in every_message() {
        let truncated = bench.after(index, |message| message.elements.truncate(message.elements.len() - 1));
        assert_names_peer(&truncated, &bench, index);
        assert_names_peer(&bench.after(index, |message| message.elements.push(1)), &bench, index);
    }
}

#[test]
fn too_few_elements_are_refused() {
    // Claims may be fewer: who sends them decides.
    let fixed = |(bench, index): &(Rc<Bench>, usize)| bench.kind(*index) != MessageKind::Claims;
    for (bench, index) in every_message().filter(fixed) {
        let width = bench.script[index].header.width as usize;
        let short = |message: &mut Message| message.elements.truncate(message.elements.len() - width);
        assert_names_peer(&bench.after(index, short), &bench, index);
        assert_names_peer(&bench.after(index, |message| message.elements.clear()), &bench, index);
    }
}

#[test]
fn too_many_elements_are_refused() {
    for (bench, index) in every_message() {
        let width = bench.script[index].header.width as usize;
        let one_more = |message: &mut Message| message.elements.extend_from_within(..width);
        assert_names_peer(&bench.after(index, one_more), &bench, index);
        assert_names_peer(&bench.after_piecewise(index, one_more), &bench, index);
        let much = |message: &mut Message| message.elements = message.elements.repeat(4);
        assert_names_peer(&bench.after(index, much), &bench, index);
    }
}

#[test]
fn an_evaluated_element_that_nothing_was_blinded_for_is_refused() {
    let bench = Bench::new(Engine::DiffieHellman, Mode::Membership, Victim::Receiver);
    let mut first = bench.first();
    assert!(matches!(first.absorb(&bench.script[0].elements[..32]), Err(PsiError::Peer(_))));
}

#[test]
fn a_claim_to_an_item_that_is_not_held_is_refused() {
    for engine in [Engine::DiffieHellman, Engine::Vole] {
        let bench = Bench::new(engine, Mode::Both, Victim::Sender);
        let claims = bench.index_of(MessageKind::Claims);
        assert_names_peer(&bench.after(claims, |message| message.elements[8] ^= 1), &bench, claims);
    }
}

#[test]
fn a_label_that_was_altered_is_marked_and_does_not_end_the_run() {
    // An end would tell the sender that the item of an altered row matched. All rows are altered here,
    // those of common items among them.
    for engine in [Engine::DiffieHellman, Engine::Vole] {
        let bench = Bench::new(engine, Mode::Labelled, Victim::Receiver);
        let list = bench.index_of(MessageKind::LabelledTags);
        let width = bench.script[list].header.width as usize;
        let alter = |message: &mut Message| message.elements.chunks_mut(width).for_each(|row| row[width - 1] ^= 1);
        let Outcome::Labelled(expected) = bench.expected() else { panic!("labels") };
        let unreadable = expected.into_iter().map(|(index, _)| (index, None)).collect();
        assert_eq!(bench.after(list, alter), Ok(Outcome::Labelled(unreadable)));
    }
}
