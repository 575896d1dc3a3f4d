//! What the guard says of sets, against what std says of them.

mod files;

use std::{
    collections::BTreeSet,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
};

use proptest::prelude::*;
use records::{
    CanonicalKey,
    commitment::{PARTS, part_of},
};
use tempfile::TempDir;

use super::*;
use crate::{
    buckets::Buckets,
    prepare::{Set, push_row},
    spill::Spill,
};

const DAY: u64 = 86_400;

/// Keys by number, spread over the parts as digests are.
fn key(number: u64) -> CanonicalKey {
    let spread = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    CanonicalKey(spread.to_be_bytes())
}

/// A set of keys as it is given.
#[derive(Clone)]
struct Keys(Vec<Vec<CanonicalKey>>);

impl Keys {
    fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut parts = vec![Vec::new(); PARTS];
        numbers.into_iter().map(key).for_each(|key| parts[part_of(&key)].push(key));
        Self(parts)
    }

    fn count(&self) -> u64 {
        self.0.iter().flatten().collect::<BTreeSet<_>>().len() as u64
    }
}

impl KeyParts for Keys {
    fn largest(&self) -> u64 {
        16 * self.0.iter().map(Vec::len).max().unwrap_or(0) as u64
    }

    fn read(&self, part: usize, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError> {
        keys.extend(&self.0[part]);
        Ok(())
    }
}

/// A guard in a folder of its own.
struct World {
    folder: TempDir,
    guard: Option<Guard>,
    keeping: Keeping,
    scope: Scope,
}

fn scope(peer: &str) -> Scope {
    Scope { peer: peer.parse().unwrap(), dataset: "students".to_owned(), key: "resident_id".to_owned() }
}

fn at(seconds: u64) -> Moment {
    Moment::from_seconds(1_800_000_000).unwrap().plus(seconds)
}

impl World {
    fn new(keeping: Keeping) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guard = Some(Guard::open(folder.path(), keeping).unwrap());
        Self { folder, guard, keeping, scope: scope("anhui") }
    }

    /// As another process would.
    fn reopened(&mut self) -> Result<(), GuardError> {
        self.guard = None;
        self.guard = Some(Guard::open(self.folder.path(), self.keeping)?);
        Ok(())
    }

    fn guard(&self) -> &Guard {
        self.guard.as_ref().unwrap()
    }

    fn entering<'a>(&'a self, job_id: &'a str, keys: &Keys, smallest: u64) -> Entering<'a> {
        Entering { scope: &self.scope, job_id, at: at(0), count: keys.count(), smallest, approved: None }
    }

    fn admit(&self, entering: &Entering<'_>, keys: &Keys) -> Result<Verdict, GuardError> {
        self.guard().admit(entering, keys, &Space::default(), &|| Ok(()))
    }

    fn enter(&self, job_id: &str, numbers: impl IntoIterator<Item = u64>, smallest: u64) -> Verdict {
        let keys = Keys::of(numbers);
        self.admit(&self.entering(job_id, &keys, smallest), &keys).unwrap()
    }

    /// The files with this extension.
    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let paths = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
        paths.sort();
        paths
    }
}

fn too_close(verdict: Verdict) -> Closeness {
    match verdict {
        Verdict::TooClose(closeness) => closeness,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_record_more_is_too_close_and_ten_are_not() {
    let world = World::new(Keeping::default());
    assert_eq!(world.enter("a", 0..1000, 10), Verdict::Unlike);
    assert_eq!(world.enter("b", 0..1000, 10), Verdict::Same);
    for (numbers, differing) in [(0..1001, 1), (1..1000, 1), (5..1004, 9), (0..1009, 9)] {
        let closeness = too_close(world.enter("c", numbers, 10));
        assert_eq!((closeness.job_id.as_str(), closeness.differing), ("b", differing));
    }
    assert_eq!(world.enter("d", 5..1005, 10), Verdict::Unlike);
    assert_eq!(world.enter("e", 5..1015, 10), Verdict::Unlike);
    assert_eq!(world.guard().kept(&world.scope), 3);
    // Of several, the closest.
    let closeness = too_close(world.enter("f", 5..1007, 10));
    assert_eq!((closeness.job_id.as_str(), closeness.differing), ("d", 2));
    // The bound is the agreement's: a new one may be higher.
    assert_eq!(too_close(world.enter("g", 2..1014, 10_000)).differing, 4);
    assert_eq!(world.enter("h", 0..1001, 1), Verdict::Unlike);
}

#[test]
fn inputs_with_another_peer_dataset_or_key_are_not_compared() {
    let mut world = World::new(Keeping::default());
    world.enter("a", 0..1000, 10);
    let other = |change: fn(&mut Scope)| {
        let mut scope = scope("anhui");
        change(&mut scope);
        scope
    };
    let scopes = [
        scope("shanghai"),
        other(|scope| scope.dataset = "pensioners".to_owned()),
        other(|scope| scope.key = "credit_code".to_owned()),
    ];
    for scope in scopes {
        world.scope = scope;
        assert_eq!(world.enter("b", 0..1001, 10), Verdict::Unlike);
        too_close(world.enter("c", 0..1002, 10));
    }
}

#[test]
fn what_was_entered_is_known_to_the_next_process() {
    let mut world = World::new(Keeping::default());
    world.enter("a", 0..100_000, 10);
    world.reopened().unwrap();
    assert_eq!(too_close(world.enter("b", 1..100_001, 10)).differing, 2);
    assert_eq!(world.enter("b", 0..100_000, 10), Verdict::Same);
}

/// A set whose keys are all of one part.
fn of_one_part(numbers: impl IntoIterator<Item = u64>) -> Keys {
    let mut parts = vec![Vec::new(); PARTS];
    parts[7] = numbers.into_iter().map(|number| CanonicalKey((7 << 120 | u128::from(number)).to_be_bytes())).collect();
    Keys(parts)
}

#[test]
fn a_part_may_have_many_blocks() {
    let world = World::new(Keeping::default());
    let enter = |keys: &Keys, smallest| world.admit(&world.entering("a", keys, smallest), keys).unwrap();
    let many = of_one_part(0..100_000);
    assert_eq!((enter(&many, 10), enter(&many, 10)), (Verdict::Unlike, Verdict::Same));
    let spread = of_one_part((0..100_000).map(|number| if number % 20_000 == 0 { 200_000 + number } else { number }));
    assert_eq!(too_close(enter(&spread, 11)).differing, 10);
    assert_eq!(too_close(enter(&of_one_part(3..100_000), 11)).differing, 3);
    assert_eq!(too_close(enter(&of_one_part(0..100_003), 11)).differing, 3);
    assert_eq!(too_close(enter(&of_one_part(200_000..300_000), 200_001)).differing, 200_000);
    assert_eq!(enter(&of_one_part(200_000..300_000), 200_000), Verdict::Unlike);
    assert_eq!(enter(&spread, 10), Verdict::Unlike);
}

#[test]
fn an_approver_lets_in_one_exact_input() {
    let world = World::new(Keeping::default());
    world.enter("a", 0..1000, 10);
    let keys = Keys::of(0..1001);
    let asked = too_close(world.admit(&world.entering("b", &keys, 10), &keys).unwrap());
    assert_eq!(asked.to_string(), "the input differs by 1 key from that of job a at 2027-01-15T08:00:00Z");
    let mark = asked.mark.to_string().parse().unwrap();
    // Not another one that differs as much.
    let changed = Keys::of((0..1000).chain([2000]));
    let entering = Entering { approved: Some(mark), ..world.entering("b", &changed, 10) };
    too_close(world.admit(&entering, &changed).unwrap());
    let entering = Entering { approved: Some(mark), ..world.entering("b", &keys, 10) };
    assert_eq!(world.admit(&entering, &keys).unwrap(), Verdict::Approved(asked));
    // From now on it is one that was entered, and others are held to it as well.
    assert_eq!(world.enter("b", 0..1001, 10), Verdict::Same);
    assert_eq!(too_close(world.enter("c", 0..1010, 10)).differing, 9);
}

#[test]
fn what_is_refused_leaves_nothing() {
    let world = World::new(Keeping::default());
    world.enter("a", 0..1000, 10);
    let before = world.files("tags");
    too_close(world.enter("b", 0..1001, 10));
    assert_eq!(world.enter("c", 0..1000, 10), Verdict::Same);
    let keys = Keys::of(0..5000);
    let entering = world.entering("d", &keys, 10);
    let asked = AtomicU64::new(0);
    let stop = || match asked.fetch_add(1, Ordering::Relaxed) {
        100 => Err(RunError::Cancelled("stopped".to_owned())),
        _ => Ok(()),
    };
    let stopped = world.guard().admit(&entering, &keys, &Space::default(), &stop).unwrap_err();
    assert!(matches!(RunError::from(stopped), RunError::Cancelled(_)));
    // A set that is not what it says, and one with a key in a wrong part.
    let wrong = Entering { count: 4999, ..entering };
    assert!(matches!(world.admit(&wrong, &keys), Err(GuardError::Fault(_))));
    let mut moved = keys.clone();
    moved.0.swap(1, 2);
    assert!(matches!(world.admit(&entering, &moved), Err(GuardError::Fault(_))));
    assert_eq!((world.files("tags"), world.files("part")), (before, vec![]));
}

#[test]
fn the_inputs_entered_longest_ago_are_forgotten() {
    let world = World::new(Keeping { inputs: 3, age: Duration::from_secs(30 * DAY) });
    let enter = |job: &str, first: u64, day: u64| {
        let keys = Keys::of(first..first + 100);
        let entering = Entering { at: at(day * DAY), ..world.entering(job, &keys, 10) };
        world.admit(&entering, &keys).unwrap()
    };
    for (day, first) in [(0, 0), (1, 1000), (2, 2000)] {
        assert_eq!(enter("a", first, day), Verdict::Unlike);
    }
    // Entered again, the first is the youngest.
    assert_eq!(enter("b", 0, 3), Verdict::Same);
    assert_eq!(enter("c", 3000, 4), Verdict::Unlike);
    assert_eq!((world.guard().kept(&world.scope), world.files("tags").len()), (3, 3));
    too_close(enter("d", 1, 4));
    assert_eq!(enter("e", 1001, 5), Verdict::Unlike, "forgotten for the number");
    // Thirty days after it was entered last it counts, and a second later it does not.
    too_close(enter("f", 1, 33));
    let keys = Keys::of(1..101);
    let late = Entering { at: at(33 * DAY + 1), ..world.entering("g", &keys, 10) };
    assert_eq!(world.admit(&late, &keys).unwrap(), Verdict::Unlike);
    assert_eq!(world.guard().forget(at(35 * DAY)).unwrap(), 1, "what was entered on the fourth day");
    assert_eq!(world.guard().forget(at(90 * DAY)).unwrap(), 2);
    assert_eq!((world.guard().kept(&world.scope), world.files("tags").len()), (0, 0));
}

/// Keys whose reading begins when that of another set does, the first time.
struct Together<'a> {
    keys: Keys,
    begun: AtomicU64,
    all: &'a Barrier,
}

impl KeyParts for Together<'_> {
    fn largest(&self) -> u64 {
        self.keys.largest()
    }

    fn read(&self, part: usize, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError> {
        if self.begun.fetch_add(1, Ordering::Relaxed) == 0 {
            self.all.wait();
        }
        self.keys.read(part, keys)
    }
}

#[test]
fn inputs_that_come_at_once_are_compared_with_each_other() {
    let (world, all) = (World::new(Keeping::default()), Barrier::new(4));
    let verdicts: Vec<Verdict> = std::thread::scope(|threads| {
        let enter = |more: u64| {
            let (world, all) = (&world, &all);
            threads.spawn(move || {
                let keys = Together { keys: Keys::of(0..1000 + more), begun: AtomicU64::new(0), all };
                let entering = world.entering("a", &keys.keys, 10);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                pool.install(|| world.guard().admit(&entering, &keys, &Space::default(), &|| Ok(()))).unwrap()
            })
        };
        let all: Vec<_> = (0..4).map(enter).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(verdicts.iter().filter(|verdict| verdict.admits()).count(), 1, "{verdicts:?}");
    assert_eq!((world.files("tags").len(), world.files("part").len()), (1, 0));
}

/// A prepared set as it is in buckets, with rows that repeat keys, and memory for so many bytes of it.
fn buckets(numbers: &BTreeSet<u64>, memory: usize) -> Set {
    let mut buckets = Buckets::new(PARTS, memory, Spill::new(&std::env::temp_dir()));
    for (row, number) in numbers.iter().chain(numbers.iter().take(7)).enumerate() {
        let mut bytes = Vec::new();
        push_row(&mut bytes, &key(*number), row as u64);
        buckets.put(part_of(&key(*number)), &bytes).unwrap();
    }
    Set::Entries(Box::new(buckets), crate::prepare::Beside::Row)
}

#[test]
fn prepared_sets_are_read_in_memory_and_on_disk() {
    let world = World::new(Keeping::default());
    let numbers: BTreeSet<u64> = (0..3000).collect();
    let mut items: Vec<_> = numbers.iter().map(|number| psi::Item::from(key(*number).0)).collect();
    items.sort_unstable_by_key(|item| *item.as_bytes());
    let sets = [Set::Items(items.into()), buckets(&numbers, 1 << 20), buckets(&numbers, 1000)];
    let space = Space { memory: 0, ..Space::default() };
    for (set, expected) in sets.iter().zip([Verdict::Unlike, Verdict::Same, Verdict::Same]) {
        let entering = Entering { count: 3000, ..world.entering("a", &Keys::of([]), 10) };
        assert_eq!(world.guard().admit(&entering, set, &space, &|| Ok(())).unwrap(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn differences_are_those_of_the_sets(
        one in prop::collection::btree_set(0u64..60, 0..50),
        other in prop::collection::btree_set(0u64..60, 0..50),
        common in 0u64..300,
    ) {
        let all = |some: &BTreeSet<u64>| some.iter().copied().chain(1000..1000 + common).collect::<BTreeSet<u64>>();
        let (one, other) = (all(&one), all(&other));
        let differing = one.symmetric_difference(&other).count() as u64;
        for bound in [differing.saturating_sub(1), differing, differing + 1, differing + 100] {
            let world = World::new(Keeping::default());
            prop_assert_eq!(world.enter("a", one.iter().copied(), bound), Verdict::Unlike);
            match world.enter("b", other.iter().copied(), bound) {
                Verdict::Same => prop_assert_eq!(differing, 0),
                Verdict::Unlike => prop_assert!(differing >= bound && differing > 0),
                Verdict::TooClose(closeness) => {
                    prop_assert_eq!(closeness.differing, differing);
                    prop_assert!(differing > 0 && differing < bound);
                }
                Verdict::Approved(_) => prop_assert!(false),
            }
        }
    }
}
