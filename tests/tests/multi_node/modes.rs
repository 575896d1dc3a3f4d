//! Every mode gives exactly what a plain join gives.

use agreement::{JobState, Mode, Protocol};
use testkit::{Table, World, WorldSpec, plain_join, table_pair, world::job_of_two};

async fn world(students: &Table, hardship: &Table) -> World {
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    let datasets = [("shanghai", "students", students), ("anhui", "hardship", hardship)];
    World::start(&spec, &datasets).await.unwrap()
}

async fn run(world: &World, mode: Mode) -> String {
    run_over(world, Protocol::Ecdh, mode).await
}

async fn run_over(world: &World, protocol: Protocol, mode: Mode) -> String {
    let labels: &[&str] = if mode == Mode::Labelled { &["category"] } else { &[] };
    let mut job = job_of_two(mode, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), labels).unwrap();
    job.protocol = protocol;
    let job_id = world.submit("shanghai", &job).await.unwrap();
    let (state, ended) = world.wait("anhui", &job_id).await.unwrap();
    assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
    job_id
}

fn rows(table: &Table, other: &Table) -> Vec<String> {
    plain_join(table, other).iter().map(|(row, _)| row.join(",")).collect()
}

fn delivered(text: &str) -> Vec<String> {
    text.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_gives_the_receiver_its_rows_and_the_sender_none() {
    let (students, hardship) = table_pair(1, 300, 200, 50);
    let world = world(&students, &hardship).await;
    let job = run(&world, Mode::Membership).await;
    let result = world.result("shanghai", &job).await.unwrap().unwrap();
    assert_eq!(result.lines().next(), Some("id,note"));
    assert_eq!(delivered(&result), rows(&students, &hardship));
    assert!(world.result("anhui", &job).await.unwrap().is_none());
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn labelled_adds_the_senders_column() {
    let (students, hardship) = table_pair(2, 120, 400, 33);
    let world = world(&students, &hardship).await;
    let job = run(&world, Mode::Labelled).await;
    let result = world.result("shanghai", &job).await.unwrap().unwrap();
    let expected: Vec<String> =
        plain_join(&students, &hardship).iter().map(|(row, label)| format!("{},{label}", row.join(","))).collect();
    assert_eq!(result.lines().next(), Some("id,note,category"));
    assert_eq!(delivered(&result), expected);
    assert!(world.result("anhui", &job).await.unwrap().is_none());
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_gives_each_its_own_rows() {
    let (students, hardship) = table_pair(3, 200, 150, 60);
    let world = world(&students, &hardship).await;
    let job = run(&world, Mode::Both).await;
    assert_eq!(delivered(&world.result("shanghai", &job).await.unwrap().unwrap()), rows(&students, &hardship));
    assert_eq!(delivered(&world.result("anhui", &job).await.unwrap().unwrap()), rows(&hardship, &students));
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cardinality_delivers_no_row() {
    let (students, hardship) = table_pair(4, 90, 80, 11);
    let world = world(&students, &hardship).await;
    let job = run(&world, Mode::Cardinality).await;
    let result = world.result("shanghai", &job).await.unwrap().unwrap_or_default();
    assert!(students.keys().iter().all(|key| !result.contains(key)));
    assert!(result.split(|c: char| !c.is_ascii_digit()).any(|word| word == "11"), "no count in {result:?}");
    assert!(world.result("anhui", &job).await.unwrap().is_none());
    world.stop().await.unwrap();
}

/// Whatever both protocols can do, they deliver alike; large enough for several steps of each.
#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_deliver_the_same_files() {
    let (students, hardship) = table_pair(8, 1500, 2000, 700);
    let world = world(&students, &hardship).await;
    for mode in [Mode::Membership, Mode::Labelled, Mode::Both] {
        let ecdh = run_over(&world, Protocol::Ecdh, mode).await;
        let vole = run_over(&world, Protocol::Vole, mode).await;
        for node in ["shanghai", "anhui"] {
            assert_eq!(
                world.result(node, &ecdh).await.unwrap(),
                world.result(node, &vole).await.unwrap(),
                "{mode} at {node}"
            );
        }
        assert_eq!(
            delivered(&world.result("shanghai", &vole).await.unwrap().unwrap()).len(),
            rows(&students, &hardship).len()
        );
        assert_eq!(world.result("anhui", &vole).await.unwrap().is_some(), mode == Mode::Both);
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_its_protocol_cannot_answer_is_refused_when_it_is_submitted() {
    let (students, hardship) = table_pair(9, 10, 10, 5);
    let world = world(&students, &hardship).await;
    let mut job =
        job_of_two(Mode::Cardinality, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    job.protocol = Protocol::Vole;
    let refused = world.submit("shanghai", &job).await.unwrap_err();
    assert!(refused.to_string().contains("ecdh"), "{refused}");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_sets_and_no_match_succeed() {
    for (left, right) in [(0, 20), (20, 0), (0, 0), (20, 20)] {
        let (students, hardship) = table_pair(5, left, right, 0);
        let world = world(&students, &hardship).await;
        for protocol in [Protocol::Ecdh, Protocol::Vole] {
            let job = run_over(&world, protocol, Mode::Membership).await;
            assert_eq!(delivered(&world.result("shanghai", &job).await.unwrap().unwrap()), Vec::<String>::new());
        }
        world.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_party_may_listen_and_four_nodes_share_a_coordinator() {
    let (students, hardship) = table_pair(6, 60, 70, 20);
    let spec = WorldSpec::new(&["shanghai", "jiangsu", "zhejiang", "anhui"]);
    let datasets = [
        ("shanghai", "students", &students),
        ("anhui", "hardship", &hardship),
        ("jiangsu", "students", &students),
        ("zhejiang", "hardship", &hardship),
    ];
    let world = World::start(&spec, &datasets).await.unwrap();
    let mut first =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    first.listener = "shanghai".parse().unwrap();
    let second =
        job_of_two(Mode::Membership, ("jiangsu", "students", "id"), ("zhejiang", "hardship", "person"), &[]).unwrap();
    let (one, two) = (world.submit("anhui", &first).await.unwrap(), world.submit("jiangsu", &second).await.unwrap());
    assert_eq!(world.wait("shanghai", &one).await.unwrap().0, JobState::Succeeded);
    assert_eq!(world.wait("zhejiang", &two).await.unwrap().0, JobState::Succeeded);
    assert_eq!(delivered(&world.result("shanghai", &one).await.unwrap().unwrap()), rows(&students, &hardship));
    assert_eq!(delivered(&world.result("jiangsu", &two).await.unwrap().unwrap()), rows(&students, &hardship));
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_sessions_at_once_on_one_node() {
    let (students, hardship) = table_pair(7, 400, 400, 90);
    let world = world(&students, &hardship).await;
    let job =
        job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap();
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(world.submit("shanghai", &job).await.unwrap());
    }
    for id in ids {
        let (state, ended) = world.wait("shanghai", &id).await.unwrap();
        assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
        assert_eq!(delivered(&world.result("shanghai", &id).await.unwrap().unwrap()), rows(&students, &hardship));
    }
    world.stop().await.unwrap();
}
