//! Whatever became of a run, no receipt of it, and no cause that operators are shown, holds an identifier or a label of a record.

use std::{collections::BTreeSet, fs};

use agreement::{Agreement, Event, JobSpec, JobState, Mode, Protocol};
use records::residents::{Dirt, ListPlan, ResidentLists, Share, seed_from_number};
use testkit::{Table, World, WorldSpec, world::job_of_two};

const SIDES: [&str; 2] = ["shanghai", "anhui"];

/// Two lists of made-up residents with what stands in their notes; some identifiers are written differently, and some are damaged.
fn lists(dirt: Dirt) -> [Table; 2] {
    let plan = ListPlan { receiver: 60, sender: 50, shared: 15 };
    let lists = ResidentLists::new(seed_from_number(97), plan, dirt).unwrap();
    let mut columns = [["id", "note"], ["person", "category"]].into_iter();
    lists.rows().map(|rows| {
        let columns = columns.next().unwrap().map(str::to_owned);
        Table { columns, rows: rows.map(|[id, _, _, note]| [id, note]).collect() }
    })
}

fn dirty() -> [Table; 2] {
    let some = Share::of_basis_points(2_000).unwrap();
    lists(Dirt { variants: some, damaged: some })
}

/// What must stand nowhere: identifiers as they are and as they are written in the lists, and the notes.
fn forbidden() -> BTreeSet<String> {
    let all = [dirty(), lists(Dirt::default())].concat();
    let values = all.into_iter().flat_map(|table| table.rows).flatten().map(|value| value.trim().to_owned());
    values.filter(|value| value.len() >= 8).collect()
}

fn job(mode: Mode, protocol: Protocol) -> JobSpec {
    let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
    let job = job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), labels).unwrap();
    JobSpec { protocol, key_types: vec!["resident-id".parse().unwrap()], ..job }
}

/// A world, and what was shown of its jobs.
struct Ran {
    world: World,
    ids: Vec<String>,
    causes: Vec<String>,
}

impl Ran {
    /// Runs a job under an agreement of its own, as [`run_as_it_is`](Self::run_as_it_is).
    async fn run(&mut self, job: &JobSpec, edit: impl FnOnce(&mut Agreement), wanted: JobState) {
        let agreed = self.world.agree_to(job, edit).await.unwrap();
        self.run_as_it_is(&agreed, wanted).await;
    }

    /// Runs a job, which ends in this state, and takes out what it gave.
    async fn run_as_it_is(&mut self, job: &JobSpec, wanted: JobState) {
        let id = self.world.submit_as_it_is("shanghai", job).await.unwrap();
        let (state, ended) = self.world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, wanted, "{}", ended.cause);
        for name in SIDES {
            drop(self.world.result(name, &id).await.unwrap());
        }
        self.causes.push(format!("{ended:?}"));
        self.ids.push(id);
    }

    /// The text of each receipt that a node signed or was given.
    async fn receipts(&self, name: &str) -> Vec<String> {
        let book = &self.world.node(name).unwrap().book;
        let mut all = book.receipts(1, 1000).await.unwrap();
        for id in &self.ids {
            all.extend(book.peer_receipts_of(id).await.unwrap());
        }
        all.iter().map(|receipt| String::from_utf8(receipt.to_bytes().unwrap()).unwrap()).collect()
    }

    async fn events(&self) -> BTreeSet<String> {
        let mut events = BTreeSet::new();
        for name in SIDES {
            let receipts = self.world.node(name).unwrap().book.receipts(1, 1000).await.unwrap();
            events.extend(receipts.iter().map(|receipt| receipt.statement().event.to_string()));
        }
        events
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_receipt_of_any_run_holds_an_identifier_or_a_label() {
    let [students, hardship] = dirty();
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    let world = World::start(&WorldSpec::new(&SIDES), &datasets).await.unwrap();
    let mut ran = Ran { world, ids: Vec::new(), causes: Vec::new() };
    let ecdh = [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality].map(|mode| (mode, Protocol::Ecdh));
    let vole = [Mode::Membership, Mode::Labelled, Mode::Both].map(|mode| (mode, Protocol::Vole));
    for (mode, protocol) in ecdh.into_iter().chain(vole) {
        ran.run(&job(mode, protocol), |_| {}, JobState::Succeeded).await;
    }
    let membership = job(Mode::Membership, Protocol::Ecdh);
    let smallest = |agreement: &mut Agreement| agreement.limits.smallest_result = Some(5);
    ran.run(&membership, |agreement| agreement.limits.smallest_result = Some(55), JobState::Succeeded).await;
    let gated = |agreement: &mut Agreement| {
        (agreement.delivery.gated, agreement.limits.smallest_result) = (true, Some(55));
    };
    ran.run(&membership, gated, JobState::Rejected).await;
    ran.run(&membership, |agreement| agreement.parties[0].rows.least = 1000, JobState::Rejected).await;
    let mut altered = ran.world.agree(&membership).await.unwrap();
    altered.parties[1].key_columns = vec!["category".to_owned()];
    ran.run_as_it_is(&altered, JobState::Rejected).await;
    // One record fewer than before; a file without the line that names its columns; one that is no CSV.
    let file = ran.world.node("shanghai").unwrap().folder.join("students.csv");
    let whole = fs::read_to_string(&file).unwrap();
    let (fewer, last) = whole.trim_end().rsplit_once('\n').unwrap();
    let (_, headless) = whole.split_once('\n').unwrap();
    for (content, ends) in [
        (whole.clone(), JobState::Succeeded),
        (fewer.to_owned(), JobState::Rejected),
        (headless.to_owned(), JobState::Failed),
        (format!("{fewer}\n\"{last}"), JobState::Failed),
    ] {
        fs::write(&file, content).unwrap();
        ran.run(&membership, smallest, ends).await;
    }
    let wanted = [
        Event::Admitted,
        Event::Refused,
        Event::Succeeded,
        Event::Failed,
        Event::Delivered,
        Event::Withheld,
        Event::Exported,
    ];
    let events = ran.events().await;
    assert!(wanted.iter().all(|event| events.contains(&event.to_string())), "{events:?}");

    let forbidden = forbidden();
    assert!(forbidden.len() > 150, "too little to be worth a search");
    let [of_shanghai, of_anhui] = [ran.receipts("shanghai").await, ran.receipts("anhui").await];
    assert!(of_shanghai.len() > 30 && of_anhui.len() > 30, "{} {}", of_shanghai.len(), of_anhui.len());
    for said in of_shanghai.iter().chain(&of_anhui).chain(&ran.causes) {
        for value in &forbidden {
            assert!(!said.contains(value), "{value} stands in {said}");
        }
    }
    ran.world.stop().await.unwrap();
}
