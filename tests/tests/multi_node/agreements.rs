//! Runs under signed agreements: what is agreed runs, and leaves receipts that agree; what is not is refused by a node, whatever
//! the coordinator says, and leaves a receipt.

use agreement::{Act, Agreement, Event, JobSpec, JobState, Mode, Receipt, Signed, acts::Change, chain::verify_chain};
use testkit::{
    Table, World, WorldSpec,
    agreements::{acts_of, agreement_of, standing},
    table_pair,
    world::{SUPERVISOR, job_of_two},
};

/// Shanghai and Anhui, who run nothing without an agreement.
async fn world() -> World {
    let (students, hardship) = table_pair(31, 40, 30, 12);
    start(&students, &hardship).await
}

async fn start(students: &Table, hardship: &Table) -> World {
    let spec = WorldSpec::new(&["shanghai", "anhui", "jiangsu"]);
    World::start(&spec, &[("shanghai", "students", students), ("anhui", "hardship", hardship)]).await.unwrap()
}

fn job(mode: Mode) -> JobSpec {
    let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
    job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), labels).unwrap()
}

async fn receipts(world: &World, name: &str, job_id: &str) -> Vec<Signed<Receipt>> {
    world.node(name).unwrap().book.receipts_of(job_id).await.unwrap()
}

fn events(receipts: &[Signed<Receipt>]) -> Vec<Event> {
    receipts.iter().map(|receipt| receipt.statement().event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_agreed_runs_and_both_sides_receipts_say_the_same() {
    let world = world().await;
    for mode in [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality] {
        let job = world.agree(&job(mode)).await.unwrap();
        let id = world.submit("shanghai", &job).await.unwrap();
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
        let (ours, theirs) = (receipts(&world, "shanghai", &id).await, receipts(&world, "anhui", &id).await);
        assert_eq!(events(&ours), [Event::Admitted, Event::Succeeded, Event::Delivered]);
        let sender = match mode {
            Mode::Both | Mode::Cardinality if theirs.len() > 2 => {
                &[Event::Admitted, Event::Succeeded, Event::Delivered][..]
            }
            _ => &[Event::Admitted, Event::Succeeded],
        };
        assert_eq!(events(&theirs), sender, "{mode}");
        let run = |receipts: &[Signed<Receipt>]| receipts[1].statement().run.clone().unwrap();
        assert_eq!(run(&ours).difference(&run(&theirs)), None);
        assert_eq!(run(&ours).inputs.iter().map(|input| input.use_number).collect::<Vec<_>>(), [1, 1]);
        assert!(world.result("shanghai", &id).await.unwrap().is_some());
    }
    for name in ["shanghai", "anhui"] {
        verify_chain(&world.node(name).unwrap().book.receipts(1, 100).await.unwrap(), None).unwrap();
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_counted_at_both_nodes_and_end_with_the_limit() {
    let world = world().await;
    let job = world.agree_to(&job(Mode::Membership), |agreement| agreement.limits.runs = 2).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.run("shanghai", &job).await.unwrap().0, JobState::Succeeded);
    }
    let (state, ended) = world.run("shanghai", &job).await.unwrap();
    assert_eq!(state, JobState::Rejected);
    assert!(ended.cause.contains("Exhausted"), "{}", ended.cause);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_below_the_smallest_is_withheld_and_nobody_is_told() {
    let world = world().await;
    for (smallest, delivered) in [(12, true), (13, false)] {
        let agreed = world
            .agree_to(&job(Mode::Membership), |agreement| agreement.limits.smallest_result = Some(smallest))
            .await
            .unwrap();
        let id = world.submit("shanghai", &agreed).await.unwrap();
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!((state, ended.cause.as_str()), (JobState::Succeeded, ""));
        let last = if delivered { Event::Delivered } else { Event::Withheld };
        assert_eq!(events(&receipts(&world, "shanghai", &id).await).last(), Some(&last));
        assert_eq!(events(&receipts(&world, "anhui", &id).await), [Event::Admitted, Event::Succeeded]);
        assert_eq!(world.result("shanghai", &id).await.unwrap().is_some(), delivered);
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_another_size_than_agreed_are_refused() {
    let world = world().await;
    for (party, wanted) in [(0, "the set of shanghai"), (1, "the set of anhui")] {
        let agreed = world
            .agree_to(&job(Mode::Membership), |agreement| {
                agreement.parties[party].rows.most = 29;
            })
            .await
            .unwrap();
        let (state, ended) = world.run("shanghai", &agreed).await.unwrap();
        assert_eq!(state, JobState::Rejected, "{}", ended.cause);
        assert!(ended.cause.contains(wanted), "{}", ended.cause);
    }
    // How many there really are is told to nobody where the size is padded.
    let mut padded = job(Mode::Membership);
    padded.parties[0].padded_size = Some(64);
    let agreed = world.agree_to(&padded, |agreement| agreement.parties[0].rows.least = 41).await.unwrap();
    let (state, ended) = world.run("shanghai", &agreed).await.unwrap();
    assert_eq!(state, JobState::Rejected, "{}", ended.cause);
    assert!(ended.cause.contains("smaller or larger") && !ended.cause.contains("40"), "{}", ended.cause);
    world.stop().await.unwrap();
}

/// What a coordinator that attacks has the nodes start, and what a node says of it.
type Attack = (&'static str, fn(&mut JobSpec));

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_the_coordinator_alters_is_refused_with_a_receipt() {
    let world = world().await;
    let agreed = world.agree(&job(Mode::Labelled)).await.unwrap();
    let attacks: [Attack; 7] = [
        ("no signed agreement", |job| job.agreement_digest = None),
        ("does not know the agreement", |job| job.agreement_digest = Some([7; 32])),
        ("differs from the agreement in the label columns", |job| {
            // Checked before the mode, which goes with it.
            job.mode = Mode::Membership;
            job.parties[1].label_columns.clear();
        }),
        ("differs from the agreement in the label columns", |job| job.parties[1].label_columns.push("name".to_owned())),
        ("differs from the agreement in the key columns", |job| {
            job.parties[1].key_columns = vec!["category".to_owned()];
        }),
        ("differs from the agreement in the padded size of anhui", |job| job.parties[1].padded_size = Some(1000)),
        ("differs from the agreement in the listener", |job| job.listener = "shanghai".parse().unwrap()),
    ];
    for (wanted, alter) in attacks {
        let mut altered = agreed.clone();
        alter(&mut altered);
        let id = world.submit_as_it_is("shanghai", &altered).await.unwrap();
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, JobState::Rejected, "{wanted}: {}", ended.cause);
        assert!(ended.cause.contains(wanted), "{wanted}: {}", ended.cause);
        assert_eq!(world.result("shanghai", &id).await.unwrap(), None);
        let told = [receipts(&world, "shanghai", &id).await, receipts(&world, "anhui", &id).await].concat();
        let said =
            |receipt: &Signed<Receipt>| receipt.statement().cause.as_ref().is_some_and(|cause| cause.contains(wanted));
        assert!(told.iter().any(said), "{wanted}: no receipt");
    }
    world.stop().await.unwrap();
}

/// Tells each side its own statements about one agreement, and gives the job under it.
async fn told(world: &World, agreement: &Agreement, shanghai: &[Act], anhui: &[Act]) -> JobSpec {
    for (name, acts) in [("shanghai", shanghai), ("anhui", anhui)] {
        world.tell(name, acts).await.unwrap();
    }
    JobSpec { agreement_digest: Some(*agreement.digest().unwrap().as_bytes()), ..job(Mode::Membership) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_one_side_did_not_sign_runs_nowhere() {
    let world = world().await;
    let agreement = agreement_of(&job(Mode::Membership), |_| {}).unwrap();
    let (whole, without) =
        (acts_of(&agreement, &["shanghai", "anhui"]).unwrap(), acts_of(&agreement, &["shanghai"]).unwrap());
    // Each is told that the other has signed, and one has not.
    let job = told(&world, &agreement, &whole, &without).await;
    let (state, ended) = world.run("shanghai", &job).await.unwrap();
    assert_eq!(state, JobState::Rejected);
    assert!(ended.cause.contains("lacks the signed consent of anhui"), "{}", ended.cause);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_reached_one_side_alone_stops_the_run() {
    let world = world().await;
    let agreement = agreement_of(&job(Mode::Membership), |_| {}).unwrap();
    let whole = acts_of(&agreement, &["shanghai", "anhui"]).unwrap();
    for (name, change, wanted) in
        [("anhui", Change::Suspension, "Suspended by anhui"), (SUPERVISOR, Change::Revocation, "Revoked by supervisor")]
    {
        let stopped = [&whole[..], &[standing(name, agreement.digest().unwrap(), change, 1).unwrap()]].concat();
        // The coordinator dropped it on its way to Shanghai.
        let job = told(&world, &agreement, &whole, &stopped).await;
        let (state, ended) = world.run("shanghai", &job).await.unwrap();
        assert_eq!(state, JobState::Rejected, "{}", ended.cause);
        assert!(ended.cause.contains(wanted), "{}", ended.cause);
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_differs_by_a_record_from_an_earlier_one_is_not_entered() {
    let world = world().await;
    let agreed =
        world.agree_to(&job(Mode::Membership), |agreement| agreement.limits.smallest_result = Some(5)).await.unwrap();
    let file = world.node("shanghai").unwrap().folder.join("students.csv");
    let run = async || {
        let (state, ended) = world.run("shanghai", &agreed).await.unwrap();
        (state, ended.cause)
    };
    assert_eq!(run().await, (JobState::Succeeded, String::new()));
    assert_eq!(run().await, (JobState::Succeeded, String::new()), "the same again is no difference");
    let before = std::fs::read_to_string(&file).unwrap();
    let without_last = before.trim_end().rsplit_once('\n').unwrap().0;
    std::fs::write(&file, without_last).unwrap();
    let (state, cause) = run().await;
    assert_eq!(state, JobState::Rejected, "{cause}");
    assert!(cause.contains("shanghai") && cause.contains("differs from an earlier one"), "{cause}");
    // Some rows have a key that stood before.
    let many_less: Vec<&str> = before.lines().take(before.lines().count() - 10).collect();
    std::fs::write(&file, many_less.join("\n")).unwrap();
    assert_eq!(run().await, (JobState::Succeeded, String::new()));
    world.stop().await.unwrap();
}
