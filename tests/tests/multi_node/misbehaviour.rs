//! A peer that cheats, stalls or leaves: the job fails with a cause that names it, nothing is
//! delivered, and the node goes on serving.

use std::{ops::Range, time::Duration};

use agreement::{JobSpec, JobState, Mode, Protocol};
use testkit::{
    Outsider, Table, World, WorldSpec,
    outsider::{Tamper, Tampered},
    table_pair,
    world::job_of_two,
};
use wire::proto::{Confirm, ExchangeMessage, ExchangeRequest, Hello, JobEnded, Reveal, exchange_message::Body};

/// Shanghai and Anhui have nodes; Jiangsu is played by the test and matches with Shanghai.
async fn world() -> (World, Table, Table) {
    let (students, hardship) = table_pair(31, 80, 60, 20);
    let mut spec = WorldSpec::new(&["shanghai", "anhui"]);
    spec.outsiders = vec!["jiangsu".to_owned()];
    spec.idle_seconds = 3;
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    (World::start(&spec, &datasets).await.unwrap(), students, hardship)
}

fn job(mode: Mode, sender: &str) -> JobSpec {
    let mut job = job_of_two(mode, ("shanghai", "students", "id"), (sender, "hardship", "person"), &[]).unwrap();
    job.listener = "shanghai".parse().unwrap();
    job
}

/// Whatever happened, Shanghai still runs a job with an honest peer.
async fn still_serves(world: World) {
    let (state, ended) = world.run("shanghai", &job(Mode::Membership, "anhui")).await.unwrap();
    assert_eq!(state, JobState::Succeeded, "{}", ended.cause);
    world.stop().await.unwrap();
}

/// Runs a job in which Jiangsu tampers with what it sends; the job must not succeed, nothing must be
/// delivered, and the cause must have these words.
async fn cheated(tamper: Tamper, words: &[&str]) {
    cheated_over(Protocol::Ecdh, tamper, words).await;
}

async fn cheated_over(protocol: Protocol, tamper: Tamper, words: &[&str]) {
    ended_as(JobState::Failed, protocol, tamper, words).await;
}

async fn ended_as(wanted: JobState, protocol: Protocol, tamper: Tamper, words: &[&str]) {
    let (world, _, hardship) = world().await;
    let job = JobSpec { protocol, ..job(Mode::Membership, "jiangsu") };
    let mut jiangsu = Outsider::attach(&world, "jiangsu").await.unwrap();
    let id = world.submit("shanghai", &job).await.unwrap();
    let start = jiangsu.started().await.unwrap();
    let (own, ended) =
        tokio::join!(jiangsu.cheat(&world, "shanghai", &start, &hardship, tamper), world.wait("shanghai", &id));
    assert!(own.is_err(), "the cheater's own side did not end with an error");
    let (state, ended) = ended.unwrap();
    assert_eq!(state, wanted, "{}", ended.cause);
    for word in words {
        assert!(ended.cause.contains(word), "no {word:?} in {:?}", ended.cause);
    }
    assert!(world.result("shanghai", &id).await.unwrap().is_none());
    still_serves(world).await;
}

/// Changes message `number` and passes the others on.
fn changing(number: usize, mut change: impl FnMut(Body) -> Tampered + Send + 'static) -> Tamper {
    Box::new(move |at, body| if at == number { change(body) } else { Tampered::Send(vec![body]) })
}

/// The number of the first frame: after hello, reveal and confirm.
const FRAMES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn points_that_are_no_points_are_refused() {
    // A frame of elements: 13 bytes of overhead, then points of 32 bytes.
    for (fill, words) in [(0_u8, "identity"), (0xff, "jiangsu")] {
        let spoil = move |body| {
            let Body::Frame(frame) = body else { return Tampered::Send(vec![body]) };
            let mut bytes = frame.to_vec();
            bytes[13..45].fill(fill);
            Tampered::Send(vec![Body::Frame(bytes.into())])
        };
        cheated(changing(FRAMES + 1, spoil), &["jiangsu", words]).await;
    }
}

/// Fills `bytes` of the first frame of elements of message `message`, counted from 0.
fn spoiling(message: u8, bytes: Range<usize>, fill: u8) -> Tamper {
    let mut spoilt = false;
    Box::new(move |_, body| {
        let Body::Frame(frame) = body else { return Tampered::Send(vec![body]) };
        let mut frame = frame.to_vec();
        // A frame of elements: 13 bytes of overhead, the message's number among them.
        if !spoilt && frame.starts_with(&[2, 0, 0, 0, message]) {
            frame[13..][bytes.clone()].fill(fill);
            spoilt = true;
        }
        Tampered::Send(vec![Body::Frame(frame.into())])
    })
}

/// What Jiangsu sends over protocol vole: base choices, corrections, and the set of its tags.
#[tokio::test(flavor = "multi_thread")]
async fn spoilt_messages_of_the_fast_protocol_are_noticed() {
    cheated_over(Protocol::Vole, spoiling(0, 0..32, 0), &["jiangsu", "identity"]).await;
    cheated_over(Protocol::Vole, spoiling(0, 3200..3232, 0xff), &["jiangsu", "misbehaved"]).await;
    // Corrections cannot be wrong by themselves; but each side knows what it saw of the session.
    cheated_over(Protocol::Vole, spoiling(1, 5..9, 0x5a), &["jiangsu", "transcript"]).await;
    cheated_over(Protocol::Vole, spoiling(2, 0..8, 0), &["jiangsu", "misbehaved"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stops_in_the_fast_protocol_is_named_in_time() {
    cheated_over(Protocol::Vole, changing(FRAMES + 2, |_| Tampered::Stall), &["jiangsu"]).await;
    cheated_over(Protocol::Vole, changing(FRAMES + 3, |_| Tampered::HangUp), &["jiangsu"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_repeated_dropped_or_cut_are_noticed() {
    cheated(changing(FRAMES + 1, |body| Tampered::Send(vec![body.clone(), body])), &["jiangsu", "misbehaved"]).await;
    cheated(changing(FRAMES, |_| Tampered::Send(vec![])), &["jiangsu", "out of turn"]).await;
    let cut = |body| {
        let Body::Frame(frame) = body else { return Tampered::Send(vec![body]) };
        Tampered::Send(vec![Body::Frame(frame.slice(..frame.len() - 5))])
    };
    cheated(changing(FRAMES + 1, cut), &["jiangsu", "whole elements"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_oversized_frames_are_refused() {
    let garbage = |_| Tampered::Send(vec![Body::Frame(vec![0x77; 100].into())]);
    cheated(changing(FRAMES, garbage), &["jiangsu", "misbehaved"]).await;
    let oversized = |_| Tampered::Send(vec![Body::Frame(vec![0x02; 2 << 20].into())]);
    cheated(changing(FRAMES, oversized), &["jiangsu"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_announces_too_much_is_refused_before_anything_is_allocated() {
    let boast = |body| {
        let Body::Frame(frame) = body else { return Tampered::Send(vec![body]) };
        let mut bytes = frame.to_vec();
        let count = bytes.len() - 8;
        bytes[count..].fill(0xff);
        Tampered::Send(vec![Body::Frame(bytes.into())])
    };
    cheated(changing(FRAMES, boast), &["jiangsu", "announced"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_not_kept_ends_the_run() {
    let nonce = |_| Tampered::Send(vec![Body::Reveal(Reveal { nonce: vec![1; 32].into(), clock_seconds: 0 })]);
    cheated(changing(1, nonce), &["jiangsu", "nonce"]).await;
    let check = |_| Tampered::Send(vec![Body::Confirm(Confirm { session_check: vec![1; 32].into() })]);
    cheated(changing(2, check), &["jiangsu"]).await;
    let early = |_| Tampered::Send(vec![Body::Frame(vec![1].into())]);
    cheated(changing(1, early), &["jiangsu", "out of turn"]).await;
    let other_mode = |body| {
        let Body::Hello(Hello { terms: Some(mut terms), input, attempt, signed_use }) = body else {
            return Tampered::Send(vec![]);
        };
        terms.set_mode(wire::proto::Mode::Both);
        Tampered::Send(vec![Body::Hello(Hello { terms: Some(terms), input, attempt, signed_use })])
    };
    cheated(changing(0, other_mode), &["jiangsu", "mode"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_a_signed_use_or_with_another_clock_is_refused() {
    let unsigned = |body| {
        let Body::Hello(hello) = body else { return Tampered::Send(vec![]) };
        Tampered::Send(vec![Body::Hello(Hello { signed_use: vec![].into(), ..hello })])
    };
    cheated(changing(0, unsigned), &["jiangsu", "its use of the agreement"]).await;
    let another_number = |body| {
        let Body::Hello(Hello { input: Some(mut input), terms, attempt, signed_use }) = body else {
            return Tampered::Send(vec![]);
        };
        input.use_counter += 1;
        Tampered::Send(vec![Body::Hello(Hello { input: Some(input), terms, attempt, signed_use })])
    };
    cheated(changing(0, another_number), &["jiangsu", "another use of the agreement than it states"]).await;
    let hours_apart = |body| {
        let Body::Reveal(reveal) = body else { return Tampered::Send(vec![]) };
        Tampered::Send(vec![Body::Reveal(Reveal { clock_seconds: 1_767_225_600, ..reveal })])
    };
    let words = ["clocks are apart", "jiangsu has 2026-01-01T00:00:00Z"];
    ended_as(JobState::Rejected, Protocol::Ecdh, changing(1, hours_apart), &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_hangs_up_or_stalls_is_named_in_time() {
    for number in [1, FRAMES + 1] {
        cheated(changing(number, |_| Tampered::HangUp), &["jiangsu"]).await;
        cheated(changing(number, |_| Tampered::Stall), &["jiangsu"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_calls_is_named_in_time() {
    let (world, ..) = world().await;
    let mut jiangsu = Outsider::attach(&world, "jiangsu").await.unwrap();
    let id = world.submit("shanghai", &job(Mode::Membership, "jiangsu")).await.unwrap();
    jiangsu.started().await.unwrap();
    let (state, ended) = world.wait("shanghai", &id).await.unwrap();
    assert_eq!(state, JobState::Failed, "{}", ended.cause);
    assert!(ended.cause.contains("jiangsu"), "{}", ended.cause);
    jiangsu.cancelled().await.unwrap();
    still_serves(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_for_jobs_of_others_and_calls_without_end_keep_nobody_out() {
    let (world, ..) = world().await;
    let jiangsu = Outsider::attach(&world, "jiangsu").await.unwrap();
    let mut open = Vec::new();
    for _ in 0..20 {
        let connection = jiangsu.connect(&world, "shanghai").await.unwrap();
        let (tx, requests) = tokio::sync::mpsc::channel(2);
        let mut client = wire::proto::exchange_service_client::ExchangeServiceClient::new(connection.channel);
        let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
        let answer = tokio::time::timeout(Duration::from_secs(5), client.exchange(requests)).await;
        let message = Some(ExchangeMessage { body: Some(Body::Hello(Hello::default())) });
        drop(tx.send(ExchangeRequest { message }).await);
        open.push((tx, answer));
    }
    still_serves(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_only_says_that_it_succeeded_does_not_make_a_job_succeed() {
    let (world, ..) = world().await;
    let mut jiangsu = Outsider::attach(&world, "jiangsu").await.unwrap();
    let id = world.submit("shanghai", &job(Mode::Membership, "jiangsu")).await.unwrap();
    let start = jiangsu.started().await.unwrap();
    let lie = JobEnded {
        state: wire::proto::JobState::Succeeded.into(),
        transcript_hash: vec![9; 32].into(),
        ..JobEnded::default()
    };
    jiangsu.ended(&start.job_id, lie).await.unwrap();
    let (state, _) = world.wait("shanghai", &id).await.unwrap();
    assert_ne!(state, JobState::Succeeded);
    assert!(world.result("shanghai", &id).await.unwrap().is_none());
    still_serves(world).await;
}
