//! Who is let in: nobody without a certificate that a pinned identity endorses, and no job without a
//! signed agreement.

use std::time::Duration;

use agreement::{JobState, Mode};
use testkit::{Participant, World, WorldSpec, participants::pins, table_pair, world::job_of_two};
use wire::proto::{ListJobsRequest, job_service_client::JobServiceClient};

async fn world() -> World {
    let (students, hardship) = table_pair(11, 30, 30, 10);
    let spec = WorldSpec::new(&["shanghai", "anhui", "jiangsu"]);
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    World::start(&spec, &datasets).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_job_is_rejected() {
    let world = world().await;
    let job =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    let id = world.submit_as_it_is("shanghai", &job).await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!(state, JobState::Rejected, "{}", ended.cause);
    assert!(ended.cause.contains("under no signed agreement"), "{}", ended.cause);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_reaches_neither_coordinator_nor_node() {
    let world = world().await;
    let stranger = Participant::new("stranger").unwrap();
    let credentials = stranger.credentials().unwrap();
    let anhui = world.node("anhui").unwrap();
    for (endpoint, host) in [(&world.coordinator_endpoint, &world.coordinator), (&anhui.endpoint, &anhui.participant)] {
        let pinned = pins([host]).unwrap();
        let connected = wire::client::connect(endpoint, &credentials, &pinned, &host.id, Duration::from_secs(5)).await;
        if let Ok(connection) = connected {
            let mut jobs = JobServiceClient::new(connection.channel);
            jobs.list_jobs(ListJobsRequest::default()).await.expect_err("a stranger was served");
        }
    }
    let job =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    assert_eq!(world.run("anhui", &job).await.unwrap().0, JobState::Succeeded);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_cannot_submit_for_others_nor_see_their_jobs() {
    let world = world().await;
    let job =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    assert!(world.submit("jiangsu", &job).await.is_err());
    let id = world.submit("shanghai", &job).await.unwrap();
    assert!(world.wait("jiangsu", &id).await.is_err());
    assert_eq!(world.wait("shanghai", &id).await.unwrap().0, JobState::Succeeded);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_a_node_does_not_offer_is_refused_by_that_node() {
    let world = world().await;
    let job =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "payroll", "person"), &[]).unwrap();
    let (state, ended) = world.run("shanghai", &job).await.unwrap();
    assert!(matches!(state, JobState::Failed | JobState::Rejected), "{state}");
    assert!(ended.cause.contains("anhui") && ended.cause.contains("payroll"), "{}", ended.cause);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_names_the_columns_there_are() {
    let world = world().await;
    let job = job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "idno"), &[]).unwrap();
    let (state, ended) = world.run("anhui", &job).await.unwrap();
    assert_eq!(state, JobState::Failed);
    assert!(ended.cause.contains("anhui"), "{}", ended.cause);
    world.stop().await.unwrap();
}
