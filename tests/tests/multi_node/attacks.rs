//! The coordinator as the attacker: whatever it tells the nodes, each attack fails at one of them, with a cause that names it, and a
//! receipt.

use agreement::{Event, JobSpec, JobState, Mode, Receipt, acts::Change, chain::verify_chain};
use testkit::{
    Hostile, World, WorldSpec,
    agreements::{acts_of, agreement_of, sign, standing},
    table_pair,
    world::{COORDINATOR, job_of_two},
};

/// Nodes that know where to call each other, or go by the coordinator's word.
async fn world(direct: bool) -> (World, Hostile) {
    let (students, hardship) = table_pair(71, 40, 30, 12);
    let hostile = Hostile::default();
    let spec = WorldSpec { direct, idle_seconds: 5, ..WorldSpec::new(&["shanghai", "anhui", "jiangsu"]) };
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    (World::start_under(Some(hostile.clone()), &spec, &datasets).await.unwrap(), hostile)
}

fn job() -> JobSpec {
    job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap()
}

/// Has both parties start a job, each with what it is told of it; gives how it ended at both.
async fn start(world: &World, hostile: &Hostile, at: (&str, u32), specs: [&JobSpec; 2]) -> [(JobState, String); 2] {
    let endpoint = world.node("anhui").unwrap().endpoint.clone();
    for (name, spec) in ["shanghai", "anhui"].into_iter().zip(specs) {
        hostile.start(name, at, spec, &endpoint).await.unwrap();
    }
    [hostile.end("shanghai", at).await.unwrap(), hostile.end("anhui", at).await.unwrap()]
}

async fn receipts(world: &World, name: &str, job_id: &str) -> Vec<Receipt> {
    let receipts = world.node(name).unwrap().book.receipts_of(job_id).await.unwrap();
    receipts.into_iter().map(|receipt| receipt.statement().clone()).collect()
}

/// A node refused a job, in these words, and has a receipt that says so.
async fn refused(world: &World, name: &str, job_id: &str, (state, cause): &(JobState, String), words: &str) {
    assert_eq!(*state, JobState::Rejected, "{cause}");
    assert!(cause.contains(words), "{words}: {cause}");
    let receipts = receipts(world, name, job_id).await;
    let said = |receipt: &Receipt| {
        receipt.event == Event::Refused && receipt.cause.as_ref().is_some_and(|cause| cause.contains(words))
    };
    assert!(receipts.iter().any(said), "{words}: {receipts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_started_twice_runs_once_and_another_one_is_another_use() {
    let (world, hostile) = world(true).await;
    let job = world.agree_to(&job(), |agreement| agreement.limits.runs = 1).await.unwrap();
    for (state, cause) in start(&world, &hostile, ("a", 0), [&job, &job]).await {
        assert_eq!(state, JobState::Succeeded, "{cause}");
    }
    // Again, and as another attempt.
    let endpoint = world.node("anhui").unwrap().endpoint.clone();
    for attempt in [0, 5] {
        for name in ["shanghai", "anhui"] {
            let before = hostile.ends_of(name, "a");
            hostile.start(name, ("a", attempt), &job, &endpoint).await.unwrap();
            while hostile.ends_of(name, "a") == before {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
    for name in ["shanghai", "anhui"] {
        let done = receipts(&world, name, "a").await;
        assert_eq!(done.iter().filter(|receipt| receipt.event == Event::Admitted).count(), 1);
        assert_eq!(done.iter().filter(|receipt| receipt.event == Event::Succeeded).count(), 1);
    }
    let ends = start(&world, &hostile, ("b", 0), [&job, &job]).await;
    for (name, end) in ["shanghai", "anhui"].into_iter().zip(&ends) {
        refused(&world, name, "b", end, "Exhausted").await;
        verify_chain(&world.node(name).unwrap().book.receipts(1, 100).await.unwrap(), None).unwrap();
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sides_that_are_told_different_things_do_not_run() {
    let (world, hostile) = world(true).await;
    let one = world.agree(&job()).await.unwrap();
    let other = world.agree_to(&job(), |agreement| agreement.limits.runs = 7).await.unwrap();
    let ends = start(&world, &hostile, ("a", 0), [&one, &other]).await;
    assert!(ends.iter().all(|(state, _)| *state == JobState::Failed), "{ends:?}");
    assert!(ends.iter().any(|(_, cause)| cause.contains("the agreement digest differ")), "{ends:?}");
    for name in ["shanghai", "anhui"] {
        let told = receipts(&world, name, "a").await;
        assert_eq!(told.iter().map(|receipt| receipt.event).collect::<Vec<_>>(), [Event::Admitted, Event::Failed]);
    }
    // Other participants than those who signed.
    let mut swapped = one.clone();
    swapped.parties[0].participant = "jiangsu".parse().unwrap();
    let ends = start(&world, &hostile, ("b", 0), [&one, &swapped]).await;
    refused(&world, "anhui", "b", &ends[1], "differs from the agreement in its parties or their roles").await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_sent_to_another_one_finds_out() {
    let (world, hostile) = world(false).await;
    let job = world.agree(&job()).await.unwrap();
    let jiangsu = world.node("jiangsu").unwrap().endpoint.clone();
    hostile.start("shanghai", ("a", 0), &job, &jiangsu).await.unwrap();
    let (state, cause) = hostile.end("shanghai", ("a", 0)).await.unwrap();
    assert_eq!(state, JobState::Failed, "{cause}");
    assert!(cause.contains("somebody else answers in the place of the listener"), "{cause}");
    let told = receipts(&world, "shanghai", "a").await;
    assert_eq!(told.last().unwrap().event, Event::Failed);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn agreements_that_it_forges_alters_or_replays_count_for_nothing() {
    let (world, hostile) = world(true).await;
    let agreed = world.agree(&job()).await.unwrap();
    // A limit that is altered is another agreement, which nobody has signed but the coordinator, in whose name ever.
    let altered = agreement_of(&job(), |agreement| agreement.limits.runs = 1000).unwrap();
    let digest = *altered.digest().unwrap().as_bytes();
    let consents = acts_of(&altered, &["shanghai"]).unwrap();
    for act in &consents {
        hostile.bring("anhui", "shanghai", act).await.unwrap();
    }
    let forged = agreement::acts::Consent {
        agreement: altered.digest().unwrap(),
        at: node::clock::now().unwrap(),
        approvers: vec!["k-1".to_owned()],
    };
    let forged = agreement::Act::Consent(sign(forged, COORDINATOR).unwrap());
    hostile.bring("anhui", "anhui", &forged).await.unwrap();
    let spec = JobSpec { agreement_digest: Some(digest), ..job() };
    let ends = start(&world, &hostile, ("a", 0), [&spec, &spec]).await;
    refused(&world, "shanghai", "a", &ends[0], "does not know the agreement").await;
    refused(&world, "anhui", "a", &ends[1], "lacks the signed consent of anhui").await;

    // Suspended with number 2, and the resumption of before again.
    let name = agreed.agreement_digest.map(agreement::Digest::from_bytes).unwrap();
    let old = standing("anhui", name, Change::Resumption, 1).unwrap();
    for node in ["shanghai", "anhui"] {
        world.tell(node, &[standing("anhui", name, Change::Suspension, 2).unwrap()]).await.unwrap();
        hostile.bring(node, "anhui", &old).await.unwrap();
    }
    let ends = start(&world, &hostile, ("b", 0), [&agreed, &agreed]).await;
    for (node, end) in ["shanghai", "anhui"].into_iter().zip(&ends) {
        refused(&world, node, "b", end, "Suspended by anhui").await;
    }
    world.stop().await.unwrap();
}
