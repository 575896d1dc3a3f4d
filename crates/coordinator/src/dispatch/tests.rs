//! What the service's tests cannot bring about from outside.

use std::time::Duration;

use agreement::{JobParty, Mode, Protocol, Role};
use database::Location;
use tokio::sync::mpsc;
use wire::proto::NodeInfo;

use super::*;

fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

fn job() -> JobSpec {
    let party = |name, role| JobParty {
        participant: id(name),
        role,
        dataset: "residents".to_owned(),
        key_columns: vec!["id_no".to_owned()],
        label_columns: vec![],
        padded_size: None,
    };
    JobSpec {
        name: String::new(),
        parties: vec![party("shanghai", Role::Receiver), party("anhui", Role::Sender)],
        mode: Mode::Membership,
        protocol: Protocol::Ecdh,
        key_types: vec!["raw".parse().unwrap()],
        error_budget: agreement::ErrorBudget::default(),
        agreement_digest: None,
        listener: id("anhui"),
        deadline_seconds: None,
    }
}

#[tokio::test]
async fn a_job_waits_for_a_node_that_is_leaving() {
    let store = Store::open(&Location::Memory).await.unwrap();
    let dispatcher = Dispatcher::new(store, Patience::default(), CancellationToken::new());
    let attach = |name: &str, directives| {
        dispatcher.registry.attach(&id(name), NodeInfo::default(), (1, vec![], BTreeMap::new()), directives);
    };
    let (to_shanghai, mut shanghai) = mpsc::channel(8);
    attach("shanghai", to_shanghai);
    // Its stream has ended, and nobody has noticed.
    attach("anhui", mpsc::channel(1).0);
    dispatcher.submit("a", &job(), &id("shanghai")).await.unwrap();
    assert_eq!(dispatcher.job("a").await.unwrap().state(), wire::proto::JobState::Queued);
    assert!(shanghai.try_recv().is_err(), "it was told to start");
    let (to_anhui, mut anhui) = mpsc::channel(8);
    attach("anhui", to_anhui);
    dispatcher.attached(&id("anhui")).await.unwrap();
    for node in [&mut shanghai, &mut anhui] {
        assert!(matches!(node.recv().await.unwrap().unwrap().directive, Some(Directive::Start(_))));
    }
}

#[tokio::test]
async fn a_job_waits_until_all_its_nodes_have_room() {
    let store = Store::open(&Location::Memory).await.unwrap();
    let patience =
        Patience { queue: Duration::from_millis(400), sweep: Duration::from_millis(50), ..Patience::default() };
    let dispatcher = Dispatcher::new(store, patience, CancellationToken::new());
    dispatcher.sweep();
    let (to_shanghai, mut shanghai) = mpsc::channel(8);
    let (to_anhui, _anhui) = mpsc::channel(8);
    dispatcher.registry.attach(&id("shanghai"), NodeInfo::default(), (1, vec![], BTreeMap::new()), to_shanghai);
    dispatcher.registry.attach(&id("anhui"), NodeInfo::default(), (5, vec![], BTreeMap::new()), to_anhui);
    for name in ["a", "b", "c"] {
        dispatcher.submit(name, &job(), &id("shanghai")).await.unwrap();
    }
    let mut started = async || match shanghai.recv().await.unwrap().unwrap().directive.unwrap() {
        Directive::Start(start) => start.job_id,
        other => panic!("{other:?}"),
    };
    assert_eq!(started().await, "a");
    dispatcher.end("a", JobState::Failed, "a test ends it", Some(&id("shanghai"))).await.unwrap();
    assert_eq!(started().await, "b", "the oldest did not come next");
    // The third never has its turn.
    let ended = loop {
        let job = dispatcher.job("c").await.unwrap();
        if job.state() != wire::proto::JobState::Queued {
            break job;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(ended.state(), wire::proto::JobState::TimedOut);
    assert!(ended.cause.contains("with room for it"), "{}", ended.cause);
}

#[tokio::test]
async fn a_party_that_has_done_its_part_has_room_and_one_that_restarted_was_interrupted() {
    let store = Store::open(&Location::Memory).await.unwrap();
    let dispatcher = Dispatcher::new(store, Patience::default(), CancellationToken::new());
    let attach = |name: &str, instance: u8| {
        let (directives, taken) = mpsc::channel(8);
        let attached = dispatcher.registry.attach(
            &id(name),
            NodeInfo::default(),
            (1, vec![instance], BTreeMap::new()),
            directives,
        );
        (attached.restarted, taken)
    };
    let (_, _shanghai) = attach("shanghai", 1);
    let (_, _anhui) = attach("anhui", 1);
    for name in ["a", "b"] {
        dispatcher.submit(name, &job(), &id("shanghai")).await.unwrap();
    }
    let is_live = async |name: &str| dispatcher.live.lock().await.contains_key(name);
    let ended = JobEnded {
        state: wire::proto::JobState::Succeeded.into(),
        transcript_hash: vec![9; TRANSCRIPT].into(),
        ..JobEnded::default()
    };
    dispatcher.ended("a", &id("shanghai"), ended).await.unwrap();
    dispatcher.attached(&id("shanghai")).await.unwrap();
    assert!(!is_live("b").await, "anhui is still at the first job");
    let (restarted, _anhui) = attach("anhui", 1);
    assert!(!restarted);
    let (restarted, _anhui) = attach("anhui", 2);
    assert!(restarted);
    dispatcher.left(&id("anhui"), "its node restarted in the middle of the job").await;
    let interrupted = dispatcher.live.lock().await.get("a").map(|job| (job.interrupted, job.attempt));
    assert_eq!(interrupted, Some((true, 1)));
    assert!(is_live("b").await, "the room of the interrupted job was not given on");
}

#[tokio::test]
async fn a_job_is_not_begun_again_for_ever() {
    let store = Store::open(&Location::Memory).await.unwrap();
    let dispatcher = Dispatcher::new(store, Patience::default(), CancellationToken::new());
    let attach = |name: &str| {
        let (directives, taken) = mpsc::channel(8);
        dispatcher.registry.attach(&id(name), NodeInfo::default(), (1, vec![1], BTreeMap::new()), directives);
        taken
    };
    let (_shanghai, _anhui) = (attach("shanghai"), attach("anhui"));
    dispatcher.submit("a", &job(), &id("shanghai")).await.unwrap();
    for attempt in 0..=100 {
        let before = dispatcher.live.lock().await.get("a").map(|job| (job.attempt, job.interrupted));
        assert_eq!(before, Some((attempt, false)));
        dispatcher.left(&id("anhui"), "its node left in the middle of the job").await;
        let _taken = (attach("shanghai"), attach("anhui"));
        dispatcher.attached(&id("anhui")).await.unwrap();
    }
    let ended = dispatcher.job("a").await.unwrap();
    assert_eq!(
        (ended.state(), ended.cause.as_str()),
        (wire::proto::JobState::Failed, "anhui: its node left in the middle of the job")
    );
}

/// A coordinator whose nodes are both at job "a", with what they are told.
async fn under_way() -> (Arc<Dispatcher>, [mpsc::Receiver<Result<wire::proto::AttachResponse, tonic::Status>>; 2]) {
    let store = Store::open(&Location::Memory).await.unwrap();
    let patience = Patience { grace: Duration::from_millis(50), ..Patience::default() };
    let dispatcher = Dispatcher::new(store, patience, CancellationToken::new());
    let attach = |name: &str| {
        let (directives, taken) = mpsc::channel(8);
        dispatcher.registry.attach(&id(name), NodeInfo::default(), (1, vec![1], BTreeMap::new()), directives);
        taken
    };
    let taken = [attach("shanghai"), attach("anhui")];
    dispatcher.submit("a", &job(), &id("shanghai")).await.unwrap();
    (dispatcher, taken)
}

fn ended(state: wire::proto::JobState, may_resume: bool, attempt: u32) -> JobEnded {
    let transcript_hash = vec![9; TRANSCRIPT].into();
    JobEnded { state: state.into(), may_resume, attempt, transcript_hash, cause: "it says so".to_owned() }
}

#[tokio::test]
async fn a_party_whose_peer_has_its_result_is_told_to_conclude_alone() {
    let (dispatcher, [_shanghai, mut anhui]) = under_way().await;
    dispatcher.ended("a", &id("shanghai"), ended(wire::proto::JobState::Succeeded, false, 0)).await.unwrap();
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::Failed, true, 0)).await.unwrap();
    dispatcher.attached(&id("anhui")).await.unwrap();
    let started = loop {
        match anhui.recv().await.unwrap().unwrap().directive.unwrap() {
            Directive::Start(start) if start.attempt == 1 => break start,
            _ => {}
        }
    };
    assert!(started.peers_done);
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::Succeeded, false, 1)).await.unwrap();
    assert_eq!(dispatcher.job("a").await.unwrap().state(), wire::proto::JobState::Succeeded);
}

#[tokio::test]
async fn a_peer_that_is_at_fault_gains_nothing_by_saying_first_that_it_stops() {
    let (dispatcher, _taken) = under_way().await;
    dispatcher.ended("a", &id("shanghai"), ended(wire::proto::JobState::Suspended, true, 0)).await.unwrap();
    // What cannot be resumed is told, and of an attempt before that nothing more.
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::Cancelled, false, 0)).await.unwrap();
    assert_eq!(dispatcher.job("a").await.unwrap().state(), wire::proto::JobState::Queued);
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::Failed, false, 0)).await.unwrap();
    let job = dispatcher.job("a").await.unwrap();
    assert_eq!((job.state(), job.cause.as_str()), (wire::proto::JobState::Failed, "anhui reports: it says so"));
}

#[tokio::test]
async fn a_peers_word_that_it_stops_is_no_interruption_while_its_node_stays() {
    let (dispatcher, _taken) = under_way().await;
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::Cancelled, true, 0)).await.unwrap();
    let ended = loop {
        let job = dispatcher.job("a").await.unwrap();
        if job.state() == wire::proto::JobState::Cancelled {
            break job;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert!(ended.cause.contains("anhui"), "{}", ended.cause);
}

#[tokio::test]
async fn a_job_waits_for_the_approvers_of_all_parties_that_ask_and_its_deadline_does_not_run() {
    let (dispatcher, [mut shanghai, _anhui]) = under_way().await;
    let awaiting = || ended(wire::proto::JobState::AwaitingApproval, true, 0);
    dispatcher.ended("a", &id("anhui"), awaiting()).await.unwrap();
    let told = loop {
        if let Directive::Cancel(cancel) = shanghai.recv().await.unwrap().unwrap().directive.unwrap() {
            break cancel;
        }
    };
    assert!(told.begins_again && told.reason.contains("anhui"), "{}", told.reason);
    // The other one asks as well, about the same attempt; what it says of its end otherwise is old news.
    dispatcher.ended("a", &id("shanghai"), awaiting()).await.unwrap();
    dispatcher.ended("a", &id("shanghai"), ended(wire::proto::JobState::Cancelled, true, 0)).await.unwrap();
    let state = async || dispatcher.job("a").await.unwrap().state();
    assert_eq!(state().await, wire::proto::JobState::AwaitingApproval);
    assert!(dispatcher.live.lock().await["a"].over.is_cancelled());
    for (name, then) in
        [("anhui", wire::proto::JobState::AwaitingApproval), ("shanghai", wire::proto::JobState::Queued)]
    {
        dispatcher.answered("a", &id(name)).await.unwrap();
        dispatcher.answered("a", &id(name)).await.unwrap();
        assert_eq!(state().await, then, "{name}");
    }
    let again = loop {
        if let Directive::Start(start) = shanghai.recv().await.unwrap().unwrap().directive.unwrap() {
            break start;
        }
    };
    assert_eq!(again.attempt, 1);
    assert!(!dispatcher.live.lock().await["a"].over.is_cancelled());
    // One that comes back is asked anew: its process may have lost what it had to say.
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::AwaitingApproval, true, 1)).await.unwrap();
    assert_eq!(state().await, wire::proto::JobState::AwaitingApproval);
    dispatcher.attached(&id("anhui")).await.unwrap();
    assert_eq!(state().await, wire::proto::JobState::Queued);
}

#[tokio::test]
async fn a_job_that_nobody_answers_is_over_some_day_and_a_node_that_answers_late_is_told() {
    let store = Store::open(&Location::Memory).await.unwrap();
    let patience = Patience { approval: Duration::ZERO, ..Patience::default() };
    let dispatcher = Dispatcher::new(store, patience, CancellationToken::new());
    let (directives, mut anhui) = mpsc::channel(8);
    dispatcher.registry.attach(&id("anhui"), NodeInfo::default(), (1, vec![1], BTreeMap::new()), directives);
    let (directives, _shanghai) = mpsc::channel(8);
    dispatcher.registry.attach(&id("shanghai"), NodeInfo::default(), (1, vec![1], BTreeMap::new()), directives);
    dispatcher.submit("a", &job(), &id("shanghai")).await.unwrap();
    dispatcher.ended("a", &id("anhui"), ended(wire::proto::JobState::AwaitingApproval, true, 0)).await.unwrap();
    sleep(Duration::from_millis(20)).await;
    dispatcher.sweep_unanswered().await.unwrap();
    assert_eq!(dispatcher.job("a").await.unwrap().state(), wire::proto::JobState::TimedOut);
    while anhui.try_recv().is_ok() {}
    dispatcher.answered("a", &id("anhui")).await.unwrap();
    let told = anhui.recv().await.unwrap().unwrap().directive.unwrap();
    assert!(matches!(told, Directive::Cancel(CancelJob { begins_again: false, .. })), "{told:?}");
}
