//! Who may ask for what, and what callers cannot do to the service.

use tonic::Code;
use wire::{
    ConnectError, Duty,
    proto::{AttachRequest, Heartbeat, JobSpec, JobState, Progress, Registration, attach_request::Event},
};

use crate::region::{PINNED, Region, Running, endpoint, job, registration};

#[tokio::test]
async fn nobody_who_is_not_pinned_gets_in() {
    let region = Region::start().await;
    let refused = region.dial("hainan").await;
    assert!(matches!(refused, Err(ConnectError::Refused { .. })), "{:?}", refused.err());
    for name in PINNED {
        assert!(region.dial(name).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn the_register_shows_who_is_attached_and_where() {
    let region = Region::start().await;
    let mut operator = region.operator("zhejiang").await;
    assert!(operator.nodes().await.is_empty());
    let (anhui, _shanghai) = (region.node("anhui").await, region.node("shanghai").await);
    let nodes = operator.nodes().await;
    let names: Vec<&str> = nodes.iter().map(|node| node.participant.as_str()).collect();
    assert_eq!(names, ["anhui", "shanghai"]);
    for node in &nodes {
        assert!(node.connected && node.last_seen_ms > 1_700_000_000_000, "{node:?}");
        assert_eq!((node.endpoint.clone(), node.software_version.as_str()), (endpoint(&node.participant), "0.1.0"));
    }
    drop(anhui);
    operator.until_connected(1).await;
    assert_eq!(operator.nodes().await.iter().map(|node| node.connected).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn a_node_registers_first_and_once_and_as_itself() {
    let region = Region::start().await;
    let long = |endpoint: usize, version: usize| Registration {
        endpoint: "x".repeat(endpoint),
        software_version: "y".repeat(version),
        ..registration("jiangsu")
    };
    let cases = [
        (Event::Heartbeat(Heartbeat { sequence: 1 }), Code::InvalidArgument),
        (Event::Registration(registration("anhui")), Code::PermissionDenied),
        (Event::Registration(registration("hainan")), Code::PermissionDenied),
        (Event::Registration(registration("No name")), Code::InvalidArgument),
        (Event::Registration(long(257, 1)), Code::OutOfRange),
        (Event::Registration(long(1, 65)), Code::OutOfRange),
    ];
    for (event, code) in cases {
        let mut node = region.unregistered("jiangsu").await;
        node.send(event.clone()).await;
        assert_eq!(node.refused().await, code, "{event:?}");
    }
    assert!(region.operator("jiangsu").await.nodes().await.is_empty());
    let mut node = region.node("jiangsu").await;
    node.send(Event::Registration(registration("jiangsu"))).await;
    node.refused().await;
}

#[tokio::test]
async fn a_node_that_attaches_anew_ends_its_older_stream() {
    let region = Region::start().await;
    let old = region.node("anhui").await;
    let mut new = region.node("anhui").await;
    old.refused().await;
    // The end of the old one has not detached the new one.
    let nodes = region.operator("anhui").await.nodes().await;
    assert_eq!((nodes.len(), nodes[0].connected), (1, true));
    new.nothing_due().await;
}

#[tokio::test]
async fn a_job_is_submitted_by_a_party_for_parties_that_are_known() {
    let region = Region::start().await;
    let mut jiangsu = region.operator("jiangsu").await;
    let with = |change: fn(&mut JobSpec)| {
        let mut spec = job("jiangsu", "anhui");
        change(&mut spec);
        spec
    };
    let cases = [
        (job("shanghai", "anhui"), Code::PermissionDenied),
        (job("jiangsu", "hainan"), Code::FailedPrecondition),
        (job("jiangsu", "jiangsu"), Code::InvalidArgument),
        (with(|spec| spec.listener = "shanghai".to_owned()), Code::InvalidArgument),
        (with(|spec| spec.error_budget = None), Code::InvalidArgument),
        (with(|spec| spec.name = "x".repeat(129)), Code::OutOfRange),
        (with(|spec| spec.agreement_digest = vec![1; 31].into()), Code::InvalidArgument),
        (with(|spec| spec.parties.truncate(1)), Code::InvalidArgument),
        (with(|spec| spec.parties = vec![spec.parties[0].clone(); 17]), Code::OutOfRange),
    ];
    for (spec, code) in cases {
        let refused = jiangsu.submit(spec.clone()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{spec:?}: {}", refused.message());
    }
    for name in PINNED {
        assert!(region.operator(name).await.list(0).await.is_empty(), "{name} has a job that was refused");
    }
    assert!(jiangsu.submit(job("jiangsu", "anhui")).await.is_ok());
}

#[tokio::test]
async fn persons_may_what_their_duty_is_and_none_is_a_node() {
    let region = Region::start().await;
    let _anhui = region.node("anhui").await;
    for duty in Duty::ALL {
        let mut node = region.attaching("shanghai", duty).await;
        node.send(Event::Registration(registration("shanghai"))).await;
        assert_eq!(node.refused().await, Code::PermissionDenied, "{duty}");
        let seen = region.operator("shanghai").await.submit(job("shanghai", "anhui")).await.unwrap().job_id;
        let (mut person, mut stranger) = (region.person("shanghai", duty).await, region.person("jiangsu", duty).await);
        assert_eq!(person.nodes().await.len(), 1, "{duty}");
        assert_eq!(person.get(&seen).await.unwrap().submitted_by, "shanghai", "{duty}");
        assert!(person.list(0).await.iter().any(|job| job.job_id == seen), "{duty}");
        assert_eq!(person.watch(&seen).await.unwrap().next().await.unwrap().state(), JobState::Queued, "{duty}");
        let submitted = person.submit(job("shanghai", "anhui")).await.map(|job| job.submitted_by);
        let cancelled = person.cancel(&seen, "").await.map(|job| job.cause);
        if duty == Duty::Operator {
            assert_eq!(
                (submitted.unwrap().as_str(), cancelled.unwrap().as_str()),
                ("shanghai", "cancelled by shanghai")
            );
        } else {
            for refused in [submitted.unwrap_err(), cancelled.unwrap_err()] {
                assert_eq!(refused.code(), Code::PermissionDenied, "{duty}");
                let words = ["may not", "operator"].map(|word| refused.message().contains(word));
                assert_eq!(words, [true, true], "{}", refused.message());
            }
        }
        // What its duty is does not show a stranger that there is a job.
        for refused in [stranger.get(&seen).await.map(drop), stranger.cancel(&seen, "").await.map(drop)] {
            assert_eq!(refused.unwrap_err().code(), Code::NotFound, "{duty}");
        }
    }
}

#[tokio::test]
async fn a_party_cancels_and_both_nodes_hear_why() {
    for (by, reason, expected) in [
        ("shanghai", "wrong year", "cancelled by shanghai: wrong year"),
        ("anhui", "", "cancelled by anhui"),
        ("anhui", "\u{7}\n", "cancelled by anhui"),
    ] {
        let mut running = Running::start().await;
        running.both_started().await;
        let job = running.region.operator(by).await.cancel(&running.job_id, reason).await.unwrap();
        assert_eq!((job.state(), job.cause.as_str()), (JobState::Cancelled, expected));
        for node in [&mut running.shanghai, &mut running.anhui] {
            let cancel = node.cancelled().await;
            assert_eq!((cancel.job_id.as_str(), cancel.reason.as_str()), (running.job_id.as_str(), expected));
        }
        let again = running.operator.cancel(&running.job_id, "").await.unwrap_err();
        assert_eq!(again.code(), Code::FailedPrecondition, "{}", again.message());
        assert_eq!(running.operator.get(&running.job_id).await.unwrap().cause, expected);
    }
}

#[tokio::test]
async fn a_job_that_is_queued_can_be_cancelled_and_never_starts() {
    let region = Region::start().await;
    let mut operator = region.operator("shanghai").await;
    let job_id = operator.submit(job("shanghai", "anhui")).await.unwrap().job_id;
    operator.cancel(&job_id, "").await.unwrap();
    for name in ["shanghai", "anhui"] {
        region.node(name).await.nothing_due().await;
    }
    assert_eq!(operator.get(&job_id).await.unwrap().state(), JobState::Cancelled);
}

#[tokio::test]
async fn a_job_does_not_exist_for_a_stranger() {
    let mut running = Running::start().await;
    let mut stranger = running.region.operator("jiangsu").await;
    for job_id in [running.job_id.as_str(), "0123456789abcdef"] {
        let answers = [
            stranger.get(job_id).await.map(drop),
            stranger.cancel(job_id, "").await.map(drop),
            stranger.watch(job_id).await.map(drop),
        ];
        for answer in answers {
            let refused = answer.unwrap_err();
            assert_eq!((refused.code(), refused.message()), (Code::NotFound, "there is no such job"));
        }
    }
    for (job_id, code) in
        [("", Code::InvalidArgument), ("../x", Code::InvalidArgument), (&"a".repeat(65), Code::OutOfRange)]
    {
        assert_eq!(stranger.get(job_id).await.unwrap_err().code(), code, "{job_id:?}");
    }
    running.shanghai.nothing_due().await;
    assert_eq!(running.state().await, JobState::Queued);
}

#[tokio::test]
async fn a_node_cannot_report_on_jobs_that_it_is_no_party_of() {
    let mut running = Running::start().await;
    let mut jiangsu = running.region.node("jiangsu").await;
    let job_id = running.job_id.clone();
    // Among others: what would make it Running, were it a party.
    running.anhui.started(&job_id).await;
    running.anhui.nothing_due().await;
    jiangsu.started(&job_id).await;
    jiangsu.progress(&job_id, Progress { participant: "anhui".to_owned(), ..Progress::default() }).await;
    jiangsu.succeeded(&job_id, &[9; 32]).await;
    for state in [JobState::Failed, JobState::Cancelled, JobState::TimedOut] {
        jiangsu.ended(&job_id, state, "anhui misbehaved").await;
    }
    jiangsu.nothing_due().await;
    let job = running.operator.get(&job_id).await.unwrap();
    assert_eq!((job.state(), job.cause.as_str(), job.progress), (JobState::Queued, "", vec![]));
    running.shanghai.nothing_due().await;
    running.both_started().await;
}

#[tokio::test]
async fn reports_on_what_is_not_under_way_change_nothing() {
    let region = Region::start().await;
    let mut operator = region.operator("shanghai").await;
    let queued = operator.submit(job("shanghai", "anhui")).await.unwrap().job_id;
    let mut shanghai = region.node("shanghai").await;
    for job_id in [queued.as_str(), "none", "", "../../etc"] {
        shanghai.started(job_id).await;
        shanghai.succeeded(job_id, &[9; 32]).await;
        shanghai.ended(job_id, JobState::Failed, "shanghai: no").await;
    }
    shanghai.nothing_due().await;
    assert_eq!(operator.get(&queued).await.unwrap().state(), JobState::Queued);
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_the_service_goes_on() {
    let mut running = Running::start().await;
    // Each field keeps to its own bound, all of them together do not.
    let mut spec = job("shanghai", "anhui");
    spec.parties[1].label_columns = vec!["x".repeat(256); 64];
    spec.parties = vec![spec.parties[1].clone(); 8];
    let refused = running.operator.submit(spec).await.unwrap_err();
    assert!(refused.code() == Code::OutOfRange && refused.message().contains("65536"), "{refused:?}");
    let huge = "x".repeat(65 << 10);
    // On the same connection.
    assert_eq!(running.operator.list(0).await.len(), 1);
    let mut jiangsu = running.region.node("jiangsu").await;
    jiangsu.ended(&running.job_id, JobState::Failed, &huge).await;
    jiangsu.refused().await;
    running.region.node("jiangsu").await.nothing_due().await;
    running.both_started().await;
}

#[tokio::test]
async fn an_event_that_says_nothing_is_passed_over() {
    let region = Region::start().await;
    let mut node = region.node("anhui").await;
    node.send_raw(AttachRequest { event: None }).await;
    node.nothing_due().await;
}
