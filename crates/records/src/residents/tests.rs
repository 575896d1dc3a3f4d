//! Tests of [`super`]: well-formed, distinct, overlapping exactly, and always the same.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::{KeySpec, KeyType, Record};

fn plan(students: u64, hardship: u64, shared: u64) -> PopulationPlan {
    PopulationPlan { students, hardship, shared, study: Province::Shanghai, home: Province::Anhui }
}

fn populations(number: u64, plan: PopulationPlan) -> Populations {
    Populations::new(seed_from_number(number), plan).unwrap()
}

/// Whether `id` is a well-formed made-up number of the Delta, with a birth date that exists.
fn is_well_formed(id: &str) -> bool {
    let (Some(digits), 18) = (id.as_bytes().first_chunk::<17>(), id.len()) else { return false };
    let number = |from: usize, to: usize| id[from..to].parse::<i64>().unwrap();
    let first = Day::first_of(number(6, 10), number(10, 12));
    let birth = Day(first.0 + number(12, 14) - 1);
    id.ends_with(check_character(digits))
        && Province::ALL.iter().any(|province| id.starts_with(&province.code().to_string()))
        && &id[4..6] == "99"
        && birth.compact() == id[6..14]
        && number(14, 17) > 0
}

#[test]
fn lists_overlap_exactly_and_ids_are_distinct_and_well_formed() {
    let both = populations(1, plan(100_000, 30_000, 4_321));
    let students: HashMap<String, String> = both.students().map(|[_, id, name, ..]| (id, name)).collect();
    let hardship: HashMap<String, String> = both.hardship_list().map(|[id, name, ..]| (id, name)).collect();
    assert_eq!((students.len(), hardship.len()), (100_000, 30_000));
    let shared: Vec<_> = hardship.iter().filter(|(id, _)| students.contains_key(*id)).collect();
    assert_eq!(shared.len(), 4_321);
    assert!(shared.iter().all(|(id, name)| students[*id] == **name), "a shared resident has one name");
    assert!(hardship.keys().all(|id| id.starts_with("34")));
    for id in students.keys().chain(hardship.keys()) {
        assert!(is_well_formed(id), "{id}");
    }
}

#[test]
fn lists_overlap_exactly_where_students_have_ids_of_the_same_province() {
    for (students, hardship, shared) in [(0, 0, 0), (1, 1, 1), (1, 1, 0), (500, 500, 500), (700, 90, 0), (90, 700, 33)]
    {
        let plan = PopulationPlan { study: Province::Anhui, ..plan(students, hardship, shared) };
        let both = populations(2, plan);
        let ids: HashSet<String> = both.students().map(|[_, id, ..]| id).collect();
        let others: HashSet<String> = both.hardship_list().map(|[id, ..]| id).collect();
        assert_eq!((ids.len() as u64, others.len() as u64), (students, hardship));
        assert_eq!(ids.intersection(&others).count() as u64, shared);
    }
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_does_not() {
    let rows = |number| {
        let both = populations(number, plan(50, 40, 10));
        (both.students().collect::<Vec<_>>(), both.hardship_list().collect::<Vec<_>>())
    };
    assert_eq!(rows(7), rows(7));
    assert_ne!(rows(7).0, rows(8).0);
    assert_ne!(rows(7).1, rows(8).1);
}

/// Rows that were once published stay the same: figures and documents name them.
#[test]
fn rows_are_pinned() {
    let both = populations(1, plan(3, 2, 1));
    let students: Vec<String> = both.students().map(|row| row.join(",")).collect();
    let hardship: Vec<String> = both.hardship_list().map(|row| row.join(",")).collect();
    assert_eq!(
        students,
        [
            "G310599201211181116,310599201211181116,赵子,3101990343,7",
            "G340399201003317861,340399201003317861,张梅,3101990210,10",
            "G310499201607191489,310499201607191489,韩刚军,3101990309,4"
        ]
    );
    assert_eq!(
        hardship,
        [
            "340399201003317861,张梅,低保,347558686432,20251215,20261214",
            "340699197109087125,王子安,低保,349106176895,20250512,20260511"
        ]
    );
}

#[test]
fn rows_look_like_what_they_stand_for() {
    let both = populations(3, plan(3_000, 3_000, 500));
    let mut grades = HashSet::new();
    let mut own = 0;
    for [student_no, id, name, school, grade] in both.students() {
        assert_eq!(student_no, format!("G{id}"));
        assert!((2..=4).contains(&name.chars().count()));
        assert!(school.starts_with("310199") && school.len() == 10);
        own += u32::from(id.starts_with("31"));
        grades.insert(grade.parse::<u32>().unwrap());
    }
    assert_eq!(grades, (1..=12).collect());
    assert!((1_500..2_200).contains(&own), "{own} of 3000 students have an ID of their province");

    let mut categories = HashSet::new();
    let mut adults = 0;
    for [id, _, category, cert_no, valid_from, valid_to] in both.hardship_list() {
        assert!(CATEGORIES.contains(&category.as_str()));
        assert!(cert_no.starts_with("34") && cert_no.len() == 12);
        assert!(valid_from.starts_with("2025") && valid_to > valid_from && valid_to.len() == 8);
        adults += u32::from(&id[6..10] < "2006");
        categories.insert(category);
    }
    assert_eq!(categories.len(), CATEGORIES.len());
    assert!((1_500..2_500).contains(&adults), "{adults} of 3000 are adults");
}

/// Rows of one list do not give away which are on the other by where they stand.
#[test]
fn shared_residents_are_spread_over_both_lists() {
    let both = populations(4, plan(1_000, 1_000, 500));
    let students: Vec<String> = both.students().map(|[_, id, ..]| id).collect();
    let hardship: Vec<String> = both.hardship_list().map(|[id, ..]| id).collect();
    for (list, other) in [(&students, &hardship), (&hardship, &students)] {
        let other: HashSet<&String> = other.iter().collect();
        let in_first_half = list[..500].iter().filter(|id| other.contains(id)).count();
        assert!((150..350).contains(&in_first_half), "{in_first_half} of 500");
    }
}

#[test]
fn plans_that_cannot_be_carried_out_are_refused() {
    let new = |plan| Populations::new([0; 32], plan).err();
    let too_many = |asked| PopulationError::TooMany { asked, most: MAX_RESIDENTS };
    assert_eq!(new(plan(5, 3, 4)), Some(PopulationError::Overlap { shared: 4, students: 5, hardship: 3 }));
    assert_eq!(new(plan(MAX_RESIDENTS, 1, 0)), Some(too_many(MAX_RESIDENTS + 1)));
    assert_eq!(new(plan(u64::MAX, u64::MAX, 0)), Some(too_many(u64::MAX)));
    assert_eq!(new(plan(MAX_RESIDENTS - 1, 1, 1)), None);
    const { assert!(MAX_RESIDENTS > 80_000_000) };
}

/// Of the same residents in the same order, some are written differently and some are past mending.
#[test]
fn dirt_changes_as_many_rows_as_asked_and_no_key_of_a_varied_one() {
    let share = |points| Share::of_basis_points(points).unwrap();
    let clean = populations(5, plan(2_000, 1_000, 300));
    let dirty = clean.clone().with_dirt(Dirt { variants: share(3_000), damaged: share(500) });
    let key = |types: &[KeyType], values: &[&str]| {
        let mut record = Record::default();
        values.iter().for_each(|value| record.push_field(value.as_bytes()));
        let columns: Vec<usize> = (0..values.len()).collect();
        KeySpec::new(types).unwrap().key(&record, &columns).map(|keyed| keyed.key)
    };
    let types = [KeyType::ResidentId, KeyType::Name, KeyType::Date, KeyType::Date];
    let (mut varied, mut damaged) = (0, 0);
    for ([id, name, .., from, to], [other_id, other_name, .., other_from, other_to]) in
        clean.hardship_list().zip(dirty.hardship_list())
    {
        let other = key(&types, &[&other_id, &other_name, &other_from, &other_to]);
        damaged += u32::from(other.is_err());
        varied += u32::from(other.is_ok() && other_id != id);
        assert!(other.is_err() || other == key(&types, &[&id, &name, &from, &to]));
    }
    assert_eq!((varied, damaged), (300, 50));
    let differing = clean.students().zip(dirty.students()).filter(|(one, other)| one != other).count();
    assert_eq!(differing, 600 + 100);
    assert!(dirty.students().eq(dirty.clone().students()));
}
