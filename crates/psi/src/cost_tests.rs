//! The model against what was measured and published, and the choices that follow from it.

use proptest::prelude::*;

use super::*;

const BOTH: [Engine; 2] = [Engine::Ecdh, Engine::Vole];

/// Membership on one thread each, over loopback.
fn facts(receiver: u64, sender: u64) -> Facts {
    Facts {
        task: Task::Membership,
        sizes: Sizes { receiver, sender },
        bin_items: u64::MAX,
        budget: ErrorBudget::new(40).unwrap(),
        threads: 1,
        round_trip: Duration::from_micros(200),
        bits_per_second: None,
    }
}

fn far(facts: Facts, milliseconds: u64, mbit: u64) -> Facts {
    Facts { round_trip: Duration::from_millis(milliseconds), bits_per_second: Some(mbit * 1_000_000), ..facts }
}

fn chosen(facts: &Facts) -> Engine {
    choose(facts, &BOTH).0
}

#[test]
fn bytes_of_ecdh_are_those_of_the_table() {
    let bytes = |task, receiver, sender| {
        let estimate = estimate(Engine::Ecdh, &Facts { task, ..facts(receiver, sender) }).unwrap();
        (estimate.bytes_to_sender, estimate.bytes_to_receiver)
    };
    // The set of tags by its shape: 2^20 zeros and 886,000 ones, and as many times the low bits.
    assert_eq!(bytes(Task::Membership, 227_000, 886_000), (7_264_000, 13_929_440));
    assert_eq!(bytes(Task::Labelled(16), 1000, 10), (32_000, 32_000 + 64 * 10));
    // One word of high bits, one element of the others.
    assert_eq!(bytes(Task::Both, 1000, 10), (32_000 + 160, 32_000 + 8 + 8 * 50));
    assert_eq!(bytes(Task::Cardinality, 1000, 10), (32_000, 320 + 8 * 1000));
}

#[test]
fn seconds_of_ecdh_are_about_those_measured() {
    // Figures of docs/PERFORMANCE.md: each party one core to itself in effect.
    for (receiver, sender, measured) in [(65_536, 65_536, 2.71), (1 << 20, 1 << 20, 43.3), (227_000, 886_000, 24.4)] {
        let seconds = estimate(Engine::Ecdh, &facts(receiver, sender)).unwrap().seconds;
        assert!((seconds / measured - 1.0).abs() < 0.1, "{seconds} of {measured}");
    }
}

#[test]
fn bits_of_vole_are_those_of_the_brief() {
    for (size, bits) in [(1 << 16, 190.0), (1 << 20, 142.0), (1 << 22, 140.0), (1 << 24, 212.0)] {
        let estimate = estimate(Engine::Vole, &facts(size, size)).unwrap();
        let per_item = (estimate.bytes_to_receiver + estimate.bytes_to_sender) as f64 * 8.0 / size as f64;
        assert!(per_item <= bits && per_item > bits - 30.0, "{per_item} of {bits}");
    }
}

#[test]
fn small_sets_go_by_ecdh_and_large_ones_by_vole() {
    assert_eq!([1, 10, 100].map(|size| chosen(&facts(size, size))), [Engine::Ecdh; 3]);
    assert_eq!([1000, 1 << 16, 1 << 20, 1 << 24].map(|size| chosen(&facts(size, size))), [Engine::Vole; 4]);
    // It is the larger one that decides.
    assert_eq!([chosen(&facts(1, 100_000)), chosen(&facts(100_000, 1))], [Engine::Vole; 2]);
}

#[test]
fn distance_and_a_narrow_line_move_the_border() {
    let sets = facts(400, 400);
    assert_eq!([chosen(&sets), chosen(&far(sets, 20, 1000))], [Engine::Vole, Engine::Ecdh]);
    // The engine's fixed bytes, over a narrow line.
    assert_eq!([chosen(&far(sets, 1, 1000)), chosen(&far(sets, 1, 10))], [Engine::Vole, Engine::Ecdh]);
    assert_eq!(chosen(&far(facts(1 << 20, 1 << 20), 300, 10)), Engine::Vole);
}

#[test]
fn labels_cost_both_alike_and_threads_help_both() {
    let plain = facts(1 << 20, 1 << 20);
    let labelled = Facts { task: Task::Labelled(64), ..plain };
    for engine in BOTH {
        let seconds = |facts: &Facts| estimate(engine, facts).unwrap().seconds;
        assert!((seconds(&labelled) - seconds(&plain) - 1.048_576).abs() < 1e-6);
        let four = Facts { threads: 4, ..labelled };
        assert!(seconds(&four) < seconds(&labelled) / 3.0);
    }
    assert_eq!(chosen(&labelled), Engine::Vole);
    assert_eq!(chosen(&Facts { threads: 0, ..plain }), Engine::Vole, "no threads count as one");
}

#[test]
fn what_the_engine_cannot_do_is_left_to_ecdh() {
    let cardinality = Facts { task: Task::Cardinality, ..facts(1 << 20, 1 << 20) };
    assert_eq!(estimate(Engine::Vole, &cardinality), None);
    assert_eq!(choose(&cardinality, &BOTH), (Engine::Ecdh, Reason::OnlyForTask(Engine::Ecdh)));
    let most = vole_limit();
    assert_eq!(most, 1 << 24);
    let many = facts(most + 1, 1 << 20);
    assert_eq!(estimate(Engine::Vole, &many), None);
    assert_eq!(choose(&many, &BOTH), (Engine::Ecdh, Reason::TooMany { engine: Engine::Ecdh, limit: most }));
    assert_eq!(chosen(&facts(most, most * 4)), Engine::Vole);
    assert_eq!(choose(&facts(1 << 20, 1 << 20), &[Engine::Ecdh]), (Engine::Ecdh, Reason::OnlyOne));
    // No tag is wide enough.
    assert_eq!(choose(&facts(1, 1 << 46), &BOTH).0, Engine::Ecdh);
}

#[test]
fn a_reason_is_one_plain_sentence() {
    let said = |facts: &Facts| choose(facts, &BOTH).1.to_string();
    assert_eq!(
        said(&facts(1 << 20, 1 << 20)),
        "auto: vole, since 1,048,576 × 1,048,576 items would take about 0.2 s against 43 s with ecdh at a round trip \
         of 0.2 ms"
    );
    let small = said(&far(facts(399, 400), 20, 100));
    assert!(small.starts_with("auto: ecdh, since 399 × 400 items would take about 76 ms against "), "{small}");
    assert!(small.ends_with(" with vole at a round trip of 20 ms and 100 Mbit/s"), "{small}");
    assert_eq!(
        said(&facts(1 << 25, 1)),
        "auto: ecdh, since another takes at most 16,777,216 items of the receiver in a bin"
    );
    assert_eq!(
        said(&Facts { task: Task::Cardinality, ..facts(1, 1) }),
        "auto: ecdh, the only protocol that can answer this"
    );
    let times = [0.000_02, 0.0002, 0.0125, 0.178, 9.96, 43.3].map(|seconds| About(seconds).to_string());
    assert_eq!(times, ["0.02 ms", "0.2 ms", "12 ms", "0.2 s", "10.0 s", "43 s"]);
}

proptest! {
    #[test]
    fn any_facts_give_an_engine_and_more_items_never_take_less(
        (receiver, sender) in (any::<u64>(), any::<u64>()),
        (shift_receiver, shift_sender) in (0_u32..64, 0_u32..64),
        lambda in 1_u32..=100,
        threads in any::<usize>(),
        round_trip in any::<Duration>(),
        bits_per_second in any::<Option<u64>>(),
        task in prop_oneof![
            Just(Task::Membership), any::<u32>().prop_map(Task::Labelled), Just(Task::Both), Just(Task::Cardinality),
        ],
    ) {
        let sizes = Sizes { receiver: receiver >> shift_receiver, sender: sender >> shift_sender };
        let budget = ErrorBudget::new(lambda).unwrap();
        let facts = Facts { task, sizes, bin_items: u64::MAX, budget, threads, round_trip, bits_per_second };
        let (engine, reason) = choose(&facts, &BOTH);
        prop_assert!(!reason.to_string().is_empty());
        let fewer = Facts { sizes: Sizes { receiver: sizes.receiver / 2, sender: sizes.sender / 2 }, ..facts };
        if let Some(more) = estimate(engine, &facts) {
            let less = estimate(engine, &fewer).unwrap();
            prop_assert!(less.bytes_to_sender <= more.bytes_to_sender);
            // A set of tags is whole elements of 64 tags, of up to 1 KiB.
            prop_assert!(less.bytes_to_receiver <= more.bytes_to_receiver.saturating_add(1 << 10));
            prop_assert!(facts.bits_per_second.is_some() || less.seconds <= more.seconds);
        }
    }
}

#[test]
fn bins_take_as_much_as_all_of_them() {
    let whole = facts(3 << 20, 3 << 20);
    let cut = Facts { bin_items: 1 << 20, ..whole };
    for engine in BOTH {
        let (whole, cut) = (estimate(engine, &whole).unwrap(), estimate(engine, &cut).unwrap());
        assert!(cut.bytes_to_sender >= whole.bytes_to_sender && cut.bytes_to_sender < whole.bytes_to_sender * 11 / 10);
        assert!((0.95..1.1).contains(&(cut.seconds / whole.seconds)), "{engine}: {cut:?}");
    }
    // In bins a set may be as large as it likes.
    let large = Facts { bin_items: 1 << 20, ..facts(1 << 28, 1 << 28) };
    assert_eq!(choose(&large, &BOTH).0, Engine::Vole);
}
