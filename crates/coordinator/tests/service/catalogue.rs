//! The catalogue over the wire: who may publish what, and what others are shown.

use agreement::{Signed, catalogue::Entry};
use tonic::Code;
use wire::{
    Duty,
    proto::{EntryKey, GetEntryRequest, PublishEntryRequest, SearchEntriesRequest, WithdrawEntryRequest},
};

use crate::{
    entries::{entry, signed, withdrawal},
    region::{Region, identity},
};

fn publishing(entry: &Signed<Entry>) -> PublishEntryRequest {
    PublishEntryRequest { envelope: entry.to_bytes().unwrap().into() }
}

/// An entry of Anhui.
fn hardship(version: u32) -> Signed<Entry> {
    signed(entry("hardship", version), "anhui", &identity("anhui"))
}

fn named(participant: &str, dataset: &str, version: u32) -> EntryKey {
    EntryKey { participant: participant.to_owned(), dataset: dataset.to_owned(), version }
}

#[tokio::test]
async fn what_a_provider_publishes_everybody_finds_as_it_was_signed() {
    let region = Region::start().await;
    let mut anhui = region.catalogue("anhui", Some(Duty::Operator)).await;
    let answer = anhui.publish_entry(publishing(&hardship(1))).await.unwrap().into_inner();
    assert_eq!(answer.key, Some(named("anhui", "hardship", 1)));
    assert_eq!((answer.digest.as_ref(), answer.known), (&hardship(1).digest().unwrap().as_bytes()[..], false));
    assert!(anhui.publish_entry(publishing(&hardship(1))).await.unwrap().into_inner().known);

    // After a restart as before it.
    let region = region.restarted().await;
    let mut shanghai = region.catalogue("shanghai", Some(Duty::Auditor)).await;
    let request = SearchEntriesRequest { text: "need".to_owned(), ..SearchEntriesRequest::default() };
    let page = shanghai.search_entries(request).await.unwrap().into_inner();
    assert_eq!((page.total, page.next_page, page.entries.len()), (1, 0, 1));
    let found = &page.entries[0];
    assert_eq!(found.key, Some(named("anhui", "hardship", 1)));
    assert_eq!((found.domain.as_str(), found.sharing.as_str()), ("natural-persons", "conditional"));
    assert_eq!(
        (found.key_types.as_slice(), found.r#abstract.as_str()),
        (&["resident-id".to_owned()][..], "who is in need")
    );

    let get = GetEntryRequest { key: Some(named("anhui", "hardship", 0)) };
    let got = shanghai.get_entry(get.clone()).await.unwrap().into_inner();
    assert_eq!(Signed::<Entry>::from_bytes(&got.envelope), Ok(hardship(1)));
    assert_eq!((got.published, got.newest_version, got.withdrawal.len()), (true, 1, 0));

    let gone = withdrawal("hardship", 1, "anhui", &identity("anhui"));
    let envelope = gone.to_bytes().unwrap();
    let mut anhui = region.catalogue("anhui", None).await;
    let request = WithdrawEntryRequest { envelope: envelope.clone().into() };
    let answer = anhui.withdraw_entry(request).await.unwrap().into_inner();
    assert_eq!(answer.key, Some(named("anhui", "hardship", 1)));
    let got = shanghai.get_entry(get).await.unwrap().into_inner();
    assert_eq!((got.published, got.withdrawal.as_ref()), (false, envelope.as_slice()));
    let page = shanghai.search_entries(SearchEntriesRequest::default()).await.unwrap().into_inner();
    assert_eq!((page.total, page.entries.len()), (0, 0));
}

#[tokio::test]
async fn an_entry_is_its_providers_and_signed_by_the_identity_that_is_pinned() {
    let region = Region::start().await;
    let cases = [
        ("somebody else brings it", "shanghai", None, hardship(1)),
        ("another key", "anhui", None, signed(entry("hardship", 1), "anhui", &identity("shanghai"))),
        ("another name", "shanghai", None, signed(entry("hardship", 1), "anhui", &identity("shanghai"))),
        ("an approver", "anhui", Some(Duty::Approver), hardship(1)),
        ("a supervisor", "anhui", Some(Duty::Supervisor), hardship(1)),
        ("an auditor", "anhui", Some(Duty::Auditor), hardship(1)),
    ];
    for (what, caller, duty, entry) in cases {
        let mut client = region.catalogue(caller, duty).await;
        let refused = client.publish_entry(publishing(&entry)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{what}: {refused}");
    }
    let mut anhui = region.catalogue("anhui", None).await;
    let text = String::from_utf8(hardship(1).to_bytes().unwrap()).unwrap();
    let edited = text.replace("who is in need", "who is in nee");
    let gone = withdrawal("hardship", 1, "anhui", &identity("anhui")).to_bytes().unwrap();
    for (what, envelope, code) in [
        ("edited", edited.into_bytes(), Code::PermissionDenied),
        ("another kind", gone, Code::InvalidArgument),
        ("not canonical", format!("{text} ").into_bytes(), Code::InvalidArgument),
        ("nothing", Vec::new(), Code::InvalidArgument),
        ("too long", vec![b' '; 65_537], Code::OutOfRange),
        ("as long as fits", vec![b' '; 65_536], Code::InvalidArgument),
    ] {
        let refused = anhui.publish_entry(PublishEntryRequest { envelope: envelope.into() }).await.unwrap_err();
        assert_eq!(refused.code(), code, "{what}: {refused}");
    }
    assert_eq!(anhui.search_entries(SearchEntriesRequest::default()).await.unwrap().into_inner().total, 0);

    anhui.publish_entry(publishing(&hardship(2))).await.unwrap();
    for (key, caller) in [("shanghai", "anhui"), ("anhui", "shanghai")] {
        let envelope = withdrawal("hardship", 2, "anhui", &identity(key)).to_bytes().unwrap().into();
        let mut client = region.catalogue(caller, None).await;
        let refused = client.withdraw_entry(WithdrawEntryRequest { envelope }).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "signed by {key}, brought by {caller}");
    }
    for (entry, code) in [
        (hardship(1), Code::FailedPrecondition),
        (
            {
                let mut other = entry("hardship", 2);
                other.quota = Some(1);
                signed(other, "anhui", &identity("anhui"))
            },
            Code::AlreadyExists,
        ),
    ] {
        assert_eq!(anhui.publish_entry(publishing(&entry)).await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_search_is_held_to_its_bounds() {
    let region = Region::start().await;
    let mut client = region.catalogue("anhui", None).await;
    for number in 0..3 {
        let entry = signed(entry(&format!("list-{number}"), 1), "anhui", &identity("anhui"));
        client.publish_entry(publishing(&entry)).await.unwrap();
    }
    let wanted = |page_size, page| SearchEntriesRequest { page_size, page, ..SearchEntriesRequest::default() };
    let first = client.search_entries(wanted(2, 0)).await.unwrap().into_inner();
    assert_eq!((first.entries.len(), first.total), (2, 3));
    let second = client.search_entries(wanted(2, first.next_page)).await.unwrap().into_inner();
    assert_eq!((second.entries.len(), second.next_page), (1, 0));
    assert_eq!(client.search_entries(wanted(u32::MAX, 0)).await.unwrap().into_inner().entries.len(), 3);

    let base = SearchEntriesRequest::default;
    for request in [
        SearchEntriesRequest { text: "one two three four five".to_owned(), ..base() },
        SearchEntriesRequest { domain: "shoes".to_owned(), ..base() },
        SearchEntriesRequest { sharing: "maybe".to_owned(), ..base() },
        SearchEntriesRequest { key_type: "shoe-size".to_owned(), ..base() },
        SearchEntriesRequest { participant: "An Hui".to_owned(), ..base() },
        SearchEntriesRequest { page: u64::MAX, ..base() },
    ] {
        let refused = client.search_entries(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{request:?}: {refused}");
    }
    let long = SearchEntriesRequest { text: "x".repeat(257), ..base() };
    assert_eq!(client.search_entries(long).await.unwrap_err().code(), Code::OutOfRange);
    for (key, code) in [
        (None, Code::InvalidArgument),
        (Some(named("An Hui", "list-0", 0)), Code::InvalidArgument),
        (Some(named("anhui", "list-0", 2)), Code::NotFound),
        (Some(named("shanghai", "list-0", 0)), Code::NotFound),
        (Some(named("anhui", "\0", 0)), Code::NotFound),
    ] {
        assert_eq!(client.get_entry(GetEntryRequest { key: key.clone() }).await.unwrap_err().code(), code, "{key:?}");
    }
}
