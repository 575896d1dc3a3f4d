//! Receipts for those who have to see them: a supervisor and an auditor fetch a chain in pages and audit it without believing the
//! node; others see nothing.

use std::time::{Duration, Instant};

use agreement::{Audit, Event, JobSpec, JobState, Mode, Month, Pinned, Receipt, Signed, audit::Found};
use testkit::{
    Participant, World, WorldSpec,
    participants::pins,
    table_pair,
    world::{SUPERVISOR, job_of_two},
};
use tonic::{Code, transport::Channel};
use wire::{
    Duty,
    proto::{
        Envelope, GetJobReceiptsRequest, ListReceiptsRequest, MeterUseRequest,
        receipt_service_client::ReceiptServiceClient,
    },
};

type Receipts = ReceiptServiceClient<Channel>;

async fn world() -> World {
    let (students, hardship) = table_pair(51, 40, 30, 12);
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    World::start(&spec, &[("shanghai", "students", &students), ("anhui", "hardship", &hardship)]).await.unwrap()
}

fn job() -> JobSpec {
    job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap()
}

/// Runs a job and waits until each side has the other's receipt of it.
async fn ran(world: &World, job: &JobSpec) -> String {
    let id = world.submit("shanghai", job).await.unwrap();
    assert_eq!(world.wait("shanghai", &id).await.unwrap().0, JobState::Succeeded);
    let began = Instant::now();
    for name in ["shanghai", "anhui"] {
        while world.node(name).unwrap().book.peer_receipts_of(&id).await.unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "no receipt of a peer at {name}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    id
}

pub(crate) fn read(envelope: &Envelope) -> Signed<Receipt> {
    Signed::from_bytes(&envelope.statement).unwrap()
}

/// Fetches a node's chain in pages of two, and audits it with nothing but the pins of a supervisor.
pub(crate) async fn audit(receipts: &mut Receipts, whose: &str) -> Found {
    let pin = |name: &str| (name.parse().unwrap(), Participant::identity_of(name).public());
    let pinned = Pinned { participants: [pin("shanghai"), pin("anhui"), pin("jiangsu")].into(), ..Pinned::default() };
    let mut audit = Audit::new(whose.parse().unwrap(), &pinned, Some((0, None)));
    let mut request = ListReceiptsRequest { upward: true, page_size: 2, ..ListReceiptsRequest::default() };
    loop {
        let page = receipts.list_receipts(request.clone()).await.unwrap().into_inner();
        assert!(page.entries.len() <= 2);
        for entry in &page.entries {
            audit.take(&read(entry.receipt.as_ref().unwrap())).unwrap();
            entry.peers.iter().for_each(|peer| audit.take(&read(peer)).unwrap());
        }
        match page.next {
            0 => {
                assert_eq!(Some(page.chain.unwrap().last_number), audit.last());
                return audit.finish().unwrap();
            }
            next => request.from = next,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_and_an_auditor_fetch_a_chain_and_audit_it() {
    let world = world().await;
    let agreed = world.agree(&job()).await.unwrap();
    let ids = [ran(&world, &agreed).await, ran(&world, &agreed).await];
    for (whose, own_receipts) in [("shanghai", 6), ("anhui", 4)] {
        for person in [(SUPERVISOR, "k-5", Duty::Supervisor), (whose, "k-3", Duty::Auditor)] {
            let mut receipts = world.receipts(whose, person).await.unwrap();
            let found = audit(&mut receipts, whose).await;
            assert_eq!((found.receipts, found.runs, found.peer_receipts), (own_receipts, 2, 2), "{whose}");
            assert_eq!((found.alike, found.without_peer, found.disputed), (2, 0, 0), "{whose}");
        }
    }
    let mut receipts = world.receipts("anhui", (SUPERVISOR, "k-5", Duty::Supervisor)).await.unwrap();
    let newest = receipts.list_receipts(ListReceiptsRequest::default()).await.unwrap().into_inner();
    let numbers: Vec<u64> =
        newest.entries.iter().map(|entry| read(entry.receipt.as_ref().unwrap()).statement().number).collect();
    assert_eq!((numbers, newest.next), (vec![4, 3, 2, 1], 0));
    let of_job = GetJobReceiptsRequest { job_id: ids[1].clone() };
    let both = receipts.get_job_receipts(of_job).await.unwrap().into_inner();
    let events: Vec<Event> = both.receipts.iter().map(|receipt| read(receipt).statement().event).collect();
    assert_eq!(events, [Event::Admitted, Event::Succeeded]);
    assert_eq!(read(&both.peers[0]).signer().as_str(), "shanghai");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn use_is_metered_by_what_was_entered_with_its_padding() {
    let world = world().await;
    let mut padded = job();
    padded.parties[0].padded_size = Some(64);
    let agreed = world.agree(&padded).await.unwrap();
    for _ in 0..2 {
        ran(&world, &agreed).await;
    }
    let month = Month::of(node::clock::now().unwrap()).to_string();
    for (whose, peer, own, peers) in [("shanghai", "anhui", 128, 60), ("anhui", "shanghai", 60, 128)] {
        let mut receipts = world.receipts(whose, (whose, "k-3", Duty::Auditor)).await.unwrap();
        // The second run may be in the next month.
        let (from, to) = ("2026-01".to_owned(), "2035-12".to_owned());
        let lines = receipts.meter_use(MeterUseRequest { from, to }).await.unwrap().into_inner().lines;
        assert!(lines.iter().all(|line| line.peer == peer && line.month <= month), "{lines:?}");
        let sum = |of: fn(&wire::proto::UseLine) -> u64| lines.iter().map(of).sum::<u64>();
        assert_eq!((sum(|line| line.admitted), sum(|line| line.succeeded)), (2, 2));
        assert_eq!((sum(|line| line.own_records), sum(|line| line.peer_records)), (own, peers), "{whose}");
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn others_see_no_receipt() {
    let world = world().await;
    let id = ran(&world, &world.agree(&job()).await.unwrap()).await;
    let refused = async |mut receipts: Receipts| {
        let of_job = GetJobReceiptsRequest { job_id: id.clone() };
        let months = MeterUseRequest { from: "2026-01".to_owned(), to: "2026-12".to_owned() };
        let answers = [
            receipts.list_receipts(ListReceiptsRequest::default()).await.map(drop),
            receipts.get_job_receipts(of_job).await.map(drop),
            receipts.meter_use(months).await.map(drop),
        ];
        answers.map(|answer| answer.unwrap_err().code())
    };
    let denied = [Code::PermissionDenied; 3];
    // A peer's people, even one whom it calls a supervisor, and the supervisor's people of other duties.
    for (participant, duty) in [
        ("shanghai", Duty::Operator),
        ("shanghai", Duty::Auditor),
        ("shanghai", Duty::Supervisor),
        (SUPERVISOR, Duty::Operator),
        (SUPERVISOR, Duty::Auditor),
    ] {
        let receipts = world.receipts("anhui", (participant, "k-9", duty)).await.unwrap();
        assert_eq!(refused(receipts).await, denied, "{participant} {duty:?}");
    }
    // The node of a peer, and a program of the supervisor's without a person.
    let anhui = world.node("anhui").unwrap();
    for participant in ["shanghai", SUPERVISOR] {
        let credentials = Participant::new(participant).unwrap().credentials().unwrap();
        let pins = pins([&anhui.participant]).unwrap();
        let wait = Duration::from_secs(5);
        let dialled = wire::client::connect(&anhui.endpoint, &credentials, &pins, &anhui.participant.id, wait);
        let receipts = Receipts::new(dialled.await.unwrap().channel);
        assert_eq!(refused(receipts).await, denied, "{participant}");
    }
    // Who is not pinned does not even get through the handshake.
    if let Ok(mut receipts) = world.receipts("anhui", ("stranger", "k-9", Duty::Supervisor)).await {
        receipts.list_receipts(ListReceiptsRequest::default()).await.expect_err("a stranger was served");
    }
    world.stop().await.unwrap();
}
