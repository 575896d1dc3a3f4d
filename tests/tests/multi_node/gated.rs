//! Gated delivery: the owner of the records learns the size of the result first, and refuses the run that would deliver too few.

use std::time::{Duration, Instant};

use agreement::{Event, JobSpec, JobState, Mode, Protocol};
use testkit::{Outsider, Table, World, WorldSpec, table_pair, world::job_of_two};

async fn world(outsiders: &[&str]) -> (World, Table, Table) {
    let (students, hardship) = table_pair(51, 40, 30, 12);
    let mut spec = WorldSpec::new(&["shanghai", "anhui"]);
    spec.outsiders = outsiders.iter().map(|&name| name.to_owned()).collect();
    spec.idle_seconds = 5;
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    (World::start(&spec, &datasets).await.unwrap(), students, hardship)
}

fn job(mode: Mode, listener: &str) -> JobSpec {
    let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
    let mut job = job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), labels).unwrap();
    job.listener = listener.parse().unwrap();
    job
}

async fn gated(world: &World, job: &JobSpec, smallest: u64) -> JobSpec {
    let agreed = world.agree_to(job, |agreement| {
        agreement.limits.smallest_result = Some(smallest);
        agreement.delivery.gated = true;
    });
    agreed.await.unwrap()
}

async fn events(world: &World, name: &str, id: &str) -> Vec<Event> {
    let receipts = world.node(name).unwrap().book.receipts_of(id).await.unwrap();
    receipts.iter().map(|receipt| receipt.statement().event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_large_enough_is_delivered_and_the_rest_is_refused_by_the_owner() {
    let (world, _, _) = world(&[]).await;
    for (mode, protocol, listener) in [
        (Mode::Membership, Protocol::Ecdh, "anhui"),
        (Mode::Labelled, Protocol::Vole, "anhui"),
        (Mode::Membership, Protocol::Vole, "shanghai"),
    ] {
        let job = JobSpec { protocol, ..job(mode, listener) };
        let passing = gated(&world, &job, 12).await;
        let id = world.submit("shanghai", &passing).await.unwrap();
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, JobState::Succeeded, "{mode} {}", ended.cause);
        assert_eq!(events(&world, "shanghai", &id).await, [Event::Admitted, Event::Succeeded, Event::Delivered]);
        assert!(world.result("shanghai", &id).await.unwrap().is_some());
        assert_eq!(events(&world, "anhui", &id).await, [Event::Admitted, Event::Succeeded]);

        let refused = gated(&world, &job, 13).await;
        let id = world.submit("shanghai", &refused).await.unwrap();
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, JobState::Rejected, "{mode} {}", ended.cause);
        assert!(ended.cause.contains("anhui") && ended.cause.contains("fewer than 13"), "{}", ended.cause);
        assert!(!ended.cause.contains("12"), "how many there were is told: {}", ended.cause);
        assert!(world.result("shanghai", &id).await.unwrap().is_none());
        assert_eq!(events(&world, "anhui", &id).await, [Event::Admitted, Event::Withheld]);
        let receipts = world.node("anhui").unwrap().book.receipts_of(&id).await.unwrap();
        let facts = receipts[1].statement().run.clone().unwrap();
        assert_eq!(facts.inputs.iter().map(|input| input.padded_size).collect::<Vec<_>>(), [40, 30], "what was asked");
    }
    // Nothing of the runs that asked is left, once the coordinator has said that the jobs are over.
    for name in ["shanghai", "anhui"] {
        let runs = world.node(name).unwrap().folder.join("runs");
        let began = Instant::now();
        while std::fs::read_dir(&runs)
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().contains("-gate"))
        {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", runs.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_set_than_the_one_whose_size_was_asked_is_found_out() {
    let (world, students, _) = world(&["jiangsu"]).await;
    let mut job =
        job_of_two(Mode::Membership, ("jiangsu", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    job.listener = "anhui".parse().unwrap();
    let agreed = gated(&world, &job, 12).await;
    // One person alone, padded to the size of the list whose result was large enough.
    let mut one = students.clone();
    let person = students.keys().into_iter().next().unwrap().to_owned();
    for (place, row) in one.rows.iter_mut().enumerate() {
        row[0] = if place == 0 { person.clone() } else { format!("nobody-{place}") };
    }
    let mut jiangsu = Outsider::attach(&world, "jiangsu").await.unwrap();
    let id = world.submit("anhui", &agreed).await.unwrap();
    let start = jiangsu.started().await.unwrap();
    let (own, ended) =
        tokio::join!(jiangsu.cheat_the_gate(&world, "anhui", &start, (&students, &one)), world.wait("anhui", &id));
    assert!(own.is_err(), "the cheater was served");
    let (state, ended) = ended.unwrap();
    assert_eq!(state, JobState::Failed, "{}", ended.cause);
    assert!(ended.cause.contains("jiangsu") && ended.cause.contains("other records"), "{}", ended.cause);
    world.stop().await.unwrap();
}
