//! Entries as they are kept: versions, withdrawals, and what a search finds. Each body is run against SQLite and
//! against PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod entries;
#[macro_use]
mod home;

use agreement::{
    IdentityKey, KeyType, ParticipantId, Signed,
    catalogue::{Domain, Entry, SharingType},
};
use coordinator::catalogue::shelf::{Query, Shelf, ShelfError, Words};
use entries::{entry, signed, withdrawal};
use home::Home;

on_both! {
    an_entry_is_kept_as_it_was_signed_and_survives_a_reopen
    versions_only_grow_and_the_newest_is_published
    a_withdrawal_ends_a_version_and_all_before_it
    a_search_finds_by_each_of_its_fields
    signs_that_mean_more_in_patterns_mean_themselves
    pages_hold_each_entry_once
    of_two_that_publish_one_version_at_once_one_wins
}

fn key(seed: u8) -> IdentityKey {
    IdentityKey::from_seed(&[seed; 32].into())
}

fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

fn anhui(entry: Entry) -> Signed<Entry> {
    signed(entry, "anhui", &key(1))
}

async fn found(shelf: &Shelf, query: &Query) -> Vec<String> {
    let found = shelf.search(&Query { most: 100, ..query.clone() }).await.unwrap();
    assert_eq!(found.total, u64::try_from(found.entries.len()).unwrap());
    found.entries.into_iter().map(|one| format!("{}/{}:{}", one.participant, one.dataset, one.version)).collect()
}

async fn an_entry_is_kept_as_it_was_signed_and_survives_a_reopen(home: Home) {
    let store = home.open().await;
    let entry = anhui(entry("hardship", 1));
    assert!(!store.shelf().publish(&entry).await.unwrap());
    store.close().await;
    let shelf = home.open().await.shelf();
    for version in [None, Some(1)] {
        let kept = shelf.get(&id("anhui"), "hardship", version).await.unwrap();
        assert_eq!(Signed::<Entry>::from_bytes(&kept.envelope), Ok(entry.clone()));
        assert_eq!((kept.withdrawal, kept.published, kept.newest), (None, true, 1));
        assert!(kept.taken_ms > 1_700_000_000_000);
    }
    for (who, dataset, version) in [
        ("shanghai", "hardship", None),
        ("anhui", "Hardship", None),
        ("anhui", "hardship", Some(2)),
        ("anhui", "\0", None),
    ] {
        let missing = shelf.get(&id(who), dataset, version).await;
        assert!(matches!(missing, Err(ShelfError::Unknown)), "{who} {dataset:?} {version:?}");
    }
}

async fn versions_only_grow_and_the_newest_is_published(home: Home) {
    let shelf = home.open().await.shelf();
    let second = anhui(entry("hardship", 2));
    assert!(!shelf.publish(&second).await.unwrap());
    // The same words again change nothing.
    assert!(shelf.publish(&second).await.unwrap());
    let mut other = entry("hardship", 2);
    other.summary = "something else".to_owned();
    let refused = shelf.publish(&anhui(other)).await.unwrap_err();
    assert!(matches!(refused, ShelfError::Differs { version: 2, .. }), "{refused}");
    let refused = shelf.publish(&anhui(entry("hardship", 1))).await.unwrap_err();
    assert!(matches!(refused, ShelfError::Older { newest: 2, .. }), "{refused}");
    assert!(!shelf.publish(&anhui(entry("hardship", 5))).await.unwrap());
    assert_eq!(found(&shelf, &Query::default()).await, ["anhui/hardship:5"]);
    // The same dataset of somebody else is another one.
    shelf.publish(&signed(entry("hardship", 1), "shanghai", &key(2))).await.unwrap();
    assert_eq!(found(&shelf, &Query::default()).await, ["shanghai/hardship:1", "anhui/hardship:5"]);
    let kept = shelf.get(&id("anhui"), "hardship", Some(2)).await.unwrap();
    assert_eq!((kept.published, kept.newest), (false, 5));
    // An older one that is published again would take the place of the newer one.
    assert!(matches!(shelf.publish(&second).await, Err(ShelfError::Older { newest: 5, .. })));
}

async fn a_withdrawal_ends_a_version_and_all_before_it(home: Home) {
    let shelf = home.open().await.shelf();
    let gone = |version| withdrawal("hardship", version, "anhui", &key(1));
    assert!(matches!(shelf.withdraw(&gone(1)).await, Err(ShelfError::Unknown)));
    for version in [1, 2] {
        shelf.publish(&anhui(entry("hardship", version))).await.unwrap();
    }
    for version in [1, 3] {
        assert!(matches!(shelf.withdraw(&gone(version)).await, Err(ShelfError::NotNewest { newest: 2, .. })));
    }
    for _ in 0..2 {
        shelf.withdraw(&gone(2)).await.unwrap();
        assert!(found(&shelf, &Query::default()).await.is_empty());
    }
    for version in [1, 2] {
        let kept = shelf.get(&id("anhui"), "hardship", Some(version)).await.unwrap();
        assert_eq!((kept.published, kept.withdrawal), (false, Some(gone(2).to_bytes().unwrap())));
    }
    // Whoever repeats the old entry does not bring it back.
    let refused = shelf.publish(&anhui(entry("hardship", 2))).await.unwrap_err();
    assert!(matches!(refused, ShelfError::Withdrawn { version: 2, .. }), "{refused}");
    shelf.publish(&anhui(entry("hardship", 3))).await.unwrap();
    assert_eq!(found(&shelf, &Query::default()).await, ["anhui/hardship:3"]);
    assert_eq!(shelf.get(&id("anhui"), "hardship", None).await.unwrap().withdrawal, None);
}

async fn a_search_finds_by_each_of_its_fields(home: Home) {
    let shelf = home.open().await.shelf();
    shelf.publish(&anhui(entry("hardship", 1))).await.unwrap();
    let mut firms = entry("firms", 1);
    firms.domain = Domain::LegalPersons;
    firms.name = "Registered FIRMS ÄÖ".to_owned();
    firms.summary = "法人 of the province".to_owned();
    firms.sharing.sharing_type = SharingType::Unconditional;
    firms.sharing.condition = None;
    firms.items[0].name = "uscc".to_owned();
    firms.keys[0].columns = vec!["uscc".to_owned()];
    firms.keys[0].key_type = KeyType::Uscc;
    shelf.publish(&signed(firms, "shanghai", &key(2))).await.unwrap();
    let (hardship, firms) = ("anhui/hardship:1", "shanghai/firms:1");
    let words = |text: &str| Query { words: Words::of(text).unwrap(), ..Query::default() };
    for (query, expected) in [
        (Query::default(), vec![firms, hardship]),
        (Query { domain: Some(Domain::LegalPersons), ..Query::default() }, vec![firms]),
        (Query { domain: Some(Domain::Housing), ..Query::default() }, vec![]),
        (Query { participant: Some(id("anhui")), ..Query::default() }, vec![hardship]),
        (Query { sharing: Some(SharingType::Conditional), ..Query::default() }, vec![hardship]),
        (Query { key_type: Some(KeyType::Uscc), ..Query::default() }, vec![firms]),
        (Query { key_type: Some(KeyType::Raw), ..Query::default() }, vec![]),
        (words("名单"), vec![hardship]),
        (words("registered firms äö"), vec![firms]),
        (words("法人"), vec![firms]),
        (words("ID_NO"), vec![hardship]),
        (words("civil 205002"), vec![firms, hardship]),
        (words("civil need"), vec![hardship]),
        (words("civil need 法人"), vec![]),
        (Query { sharing: Some(SharingType::Conditional), ..words("法人") }, vec![]),
    ] {
        assert_eq!(found(&shelf, &query).await, expected, "{query:?}");
    }
    assert!(Words::of("one two three four").is_ok() && Words::of("one two three four five").is_err());
}

async fn signs_that_mean_more_in_patterns_mean_themselves(home: Home) {
    let shelf = home.open().await.shelf();
    let mut odd = entry("odd", 1);
    odd.summary = r"100% of a_b \ and o'clock!".to_owned();
    shelf.publish(&anhui(odd)).await.unwrap();
    for (text, finds) in [
        ("100%", true),
        ("1%f", false),
        ("a_b", true),
        ("axb", false),
        ("a_", true),
        ("o'clock!", true),
        ("!", true),
        ("!!", false),
        (r"\", true),
        ("%%", false),
        ("';--", false),
        ("a\0b", false),
    ] {
        let query = Query { words: Words::of(text).unwrap(), ..Query::default() };
        assert_eq!(found(&shelf, &query).await.len(), usize::from(finds), "{text:?}");
    }
}

async fn pages_hold_each_entry_once(home: Home) {
    let shelf = home.open().await.shelf();
    let all: Vec<String> = (0..25).map(|number| format!("list-{number:02}")).collect();
    for name in &all {
        shelf.publish(&anhui(entry(name, 1))).await.unwrap();
    }
    let (mut seen, mut before, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = shelf.search(&Query { most: 10, before, ..Query::default() }).await.unwrap();
        assert_eq!(page.total, 25);
        sizes.push(page.entries.len());
        seen.extend(page.entries.into_iter().map(|one| one.dataset));
        // What comes in between moves nothing to another page.
        shelf.publish(&anhui(entry("list-00", 1 + u32::try_from(sizes.len()).unwrap()))).await.unwrap();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 4]);
    seen.reverse();
    assert_eq!(seen, all[1..]);
}

async fn of_two_that_publish_one_version_at_once_one_wins(home: Home) {
    let (one, two) = (home.open().await.shelf(), home.open().await.shelf());
    for version in 1..=10 {
        let entries = ["one", "two"].map(|summary| {
            let mut entry = entry("hardship", version);
            entry.summary = summary.to_owned();
            anhui(entry)
        });
        let (first, second) = tokio::join!(one.publish(&entries[0]), two.publish(&entries[1]));
        assert_ne!(first.is_ok(), second.is_ok(), "version {version}: {first:?} {second:?}");
        let lost = first.err().or(second.err()).unwrap();
        assert!(matches!(lost, ShelfError::Differs { .. }), "{lost}");
        assert_eq!(found(&one, &Query::default()).await, [format!("anhui/hardship:{version}")]);
    }
}
