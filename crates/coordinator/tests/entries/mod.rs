//! Entries of a catalogue that are made up, and signed.
#![allow(dead_code, reason = "each test program uses its own part")]

use agreement::{
    IdentityKey, KeyType, Mode, Signed,
    catalogue::{
        Classification, Domain, Entry, FORM, Item, ItemType, Key, Openness, PersonalData, Provider, Sharing,
        SharingType, UpdateCycle, Withdrawal,
    },
    contract::DatasetVersion,
};

/// An entry of this dataset that others are made of.
pub(crate) fn entry(dataset: &str, version: u32) -> Entry {
    Entry {
        form: FORM,
        dataset: DatasetVersion { name: dataset.to_owned(), version },
        name: format!("名单 {dataset}"),
        code: "205002/0001".to_owned(),
        related_code: None,
        classification: Classification {
            class: "主题信息资源".to_owned(),
            division: "社会救助".to_owned(),
            subject: "困难群众".to_owned(),
            detail: None,
        },
        domain: Domain::NaturalPersons,
        provider: Provider { department: "Civil Affairs".to_owned(), code: "11310099MB000T018C".to_owned() },
        summary: "who is in need".to_owned(),
        format: "a table".to_owned(),
        items: vec![Item { name: "id_no".to_owned(), item_type: ItemType::Text, length: Some(18) }],
        sharing: Sharing {
            sharing_type: SharingType::Conditional,
            condition: Some("under an agreement".to_owned()),
            legal_basis: None,
            mode: "matching".to_owned(),
        },
        openness: Openness { open: false, condition: None },
        update_cycle: UpdateCycle::Monthly,
        published: records::standard::CalendarDate::new(2026, 3, 1).unwrap(),
        personal_data: PersonalData::Sensitive,
        keys: vec![Key { columns: vec!["id_no".to_owned()], key_type: KeyType::ResidentId }],
        modes: vec![Mode::Membership],
        smallest_result: Some(5),
        quota: None,
        sampled: true,
    }
}

pub(crate) fn signed(entry: Entry, who: &str, key: &IdentityKey) -> Signed<Entry> {
    Signed::sign(entry, &who.parse().unwrap(), key).unwrap()
}

pub(crate) fn withdrawal(dataset: &str, version: u32, who: &str, key: &IdentityKey) -> Signed<Withdrawal> {
    let dataset = DatasetVersion { name: dataset.to_owned(), version };
    let at = "2026-06-01T00:00:00Z".parse().unwrap();
    Signed::sign(Withdrawal { dataset, at, reason: "dissolved".to_owned() }, &who.parse().unwrap(), key).unwrap()
}
