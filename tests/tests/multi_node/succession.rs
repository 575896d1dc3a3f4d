//! An identity is replaced while a node works with it: from then on neither a job nor a connection goes by the old key.

use std::time::{Duration, Instant, SystemTime};

use agreement::{Event, IdentityKey, JobSpec, JobState, Mode, Succession, succession::Old};
use testkit::{Participant, World, WorldSpec, participants::pins, table_pair, world::job_of_two};
use tonic::{Code, transport::Channel};
use wire::{
    Credentials, Duty,
    proto::{
        AcceptSuccessionRequest, TellStatementsRequest, agreement_service_client::AgreementServiceClient,
        identity_service_client::IdentityServiceClient,
    },
};

async fn world(rows: usize) -> World {
    let (students, hardship) = table_pair(47, rows, rows, rows / 10);
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    World::start(&spec, &[("shanghai", "students", &students), ("anhui", "hardship", &hardship)]).await.unwrap()
}

fn job() -> JobSpec {
    job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap()
}

fn new_key() -> IdentityKey {
    IdentityKey::from_seed(&[77; 32].into())
}

/// Shanghai's node with the old key or the new one.
fn credentials(key: &IdentityKey) -> Credentials {
    let shanghai = "shanghai".parse().unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let issued = wire::endorse(key, &shanghai, yesterday, 30).unwrap();
    Credentials::from_pem(shanghai, &issued.cert_pem, &issued.key_pem).unwrap()
}

/// That the new key takes the place of Shanghai's.
fn succession(is_lost: bool) -> Succession {
    let old = Participant::identity_of("shanghai");
    let old = if is_lost { Old::Lost(old.public()) } else { Old::Retired(&old) };
    let about = (node::clock::now().unwrap(), "the year is over");
    Succession::sign(&"shanghai".parse().unwrap(), old, &new_key(), about).unwrap()
}

async fn connect(world: &World, credentials: &Credentials) -> Option<Channel> {
    let anhui = world.node("anhui").unwrap();
    let (pins, wait) = (pins([&anhui.participant]).unwrap(), Duration::from_secs(5));
    let connecting = wire::client::connect(&anhui.endpoint, credentials, &pins, &anhui.participant.id, wait);
    connecting.await.ok().map(|connection| connection.channel)
}

/// Has a person of Anhui accept it at Anhui's node.
async fn accept(world: &World, duty: Duty, succession: &Succession, lost: bool) -> Result<(), tonic::Status> {
    let person = Participant::new("anhui").unwrap().person("k-1", duty).unwrap();
    let mut client = IdentityServiceClient::new(connect(world, &person).await.unwrap());
    let request = AcceptSuccessionRequest { statement: succession.to_bytes().unwrap().into(), lost };
    client.accept_succession(request).await.map(drop)
}

/// Whether Anhui's node still answers over a connection that it let in.
async fn answers(channel: &Channel) -> bool {
    AgreementServiceClient::new(channel.clone()).tell_statements(TellStatementsRequest::default()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_accepts_and_then_the_old_key_is_let_in_no_more() {
    let world = world(30).await;
    let (old, new) = (credentials(&Participant::identity_of("shanghai")), credentials(&new_key()));
    let connected = connect(&world, &old).await.unwrap();
    assert!(answers(&connected).await);
    for duty in [Duty::Approver, Duty::Auditor, Duty::Supervisor] {
        let refused = accept(&world, duty, &succession(false), false).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{duty}");
    }
    let refused = accept(&world, Duty::Operator, &succession(true), false).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("the old key has not signed"), "{refused}");
    assert!(answers(&connected).await && connect(&world, &new).await.is_none(), "nothing has changed");

    accept(&world, Duty::Operator, &succession(false), false).await.unwrap();
    assert!(!answers(&connected).await, "what the old key let in is closed");
    assert!(connect(&world, &old).await.is_none());
    assert!(answers(&connect(&world, &new).await.unwrap()).await);
    // Under an agreement that names the old key nothing begins any more.
    let (state, shown) = world.run("shanghai", &job()).await.unwrap();
    assert_ne!(state, JobState::Succeeded);
    // Anhui's node refuses the job and, if Shanghai's is quicker, the connection for it.
    let refusals = ["another identity key for shanghai", "shanghai: the listener refuses the connection"];
    assert!(refusals.iter().any(|refusal| shown.cause.contains(refusal)), "{}", shown.cause);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_by_the_old_key_is_stopped_with_the_reason() {
    let world = world(60_000).await;
    let id = world.submit("shanghai", &job()).await.unwrap();
    let book = &world.node("anhui").unwrap().book;
    let old = Participant::identity_of("shanghai").public();
    let shanghai = "shanghai".parse().unwrap();
    let began = Instant::now();
    while book.open_jobs_with(&shanghai, &old).await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "the job did not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    accept(&world, Duty::Operator, &succession(true), true).await.unwrap();
    let (state, shown) = world.wait("shanghai", &id).await.unwrap();
    assert_ne!(state, JobState::Succeeded);
    assert!(shown.cause.contains("the identity of shanghai was replaced: the year is over"), "{}", shown.cause);
    assert_eq!(world.result("shanghai", &id).await.unwrap(), None);
    assert!(book.open_jobs_with(&shanghai, &old).await.unwrap().is_empty(), "the end is in the book");
    let events: Vec<Event> =
        book.receipts(1, 10).await.unwrap().iter().map(|receipt| receipt.statement().event).collect();
    assert_eq!(events, [Event::Admitted, Event::Succession, Event::Failed]);
    world.stop().await.unwrap();
}
