//! What is no statement, or not one of who it says, at the door of a node: each is refused by name, and the node's book is as it was.

use std::time::Duration;

use agreement::{
    Digest, Event, JobSpec, JobState, Mode, Moment, Receipt, Signer, Statement,
    acts::{Change, Consent, Heartbeat, Rejection},
    receipt::Use,
};
use testkit::{
    Participant, World, WorldSpec,
    agreements::{acts_of, agreement_of, sign, standing},
    participants::pins,
    table_pair,
    world::{SUPERVISOR, job_of_two},
};
use tonic::{Code, Status, transport::Channel};
use wire::proto::{
    Envelope, TellStatementsRequest, TellStatementsResponse, agreement_service_client::AgreementServiceClient,
};

use crate::desk::until;

type Door = AgreementServiceClient<Channel>;

/// Bytes that somebody brings, and words of the refusal.
type Bad = (&'static str, Vec<u8>);

const NOT_OVER_THIS: &str = "the signature is not one of the key that the statement names, over this statement";
const NO_FORM: &str = "the statement is not in its form";

fn job() -> JobSpec {
    job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &[]).unwrap()
}

fn now() -> Moment {
    node::clock::now().unwrap()
}

/// A world in which a job was run: its agreement and its id.
async fn world() -> (World, Digest, String) {
    let (students, hardship) = table_pair(91, 40, 30, 12);
    let spec = WorldSpec::new(&["shanghai", "anhui", "jiangsu"]);
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    let world = World::start(&spec, &datasets).await.unwrap();
    let agreed = world.agree(&job()).await.unwrap();
    let id = world.submit("shanghai", &agreed).await.unwrap();
    assert_eq!(world.wait("shanghai", &id).await.unwrap().0, JobState::Succeeded);
    let book = &world.node("anhui").unwrap().book;
    until("the peer's receipt", async || book.peer_receipts_of(&id).await.unwrap().pop()).await;
    (world, Digest::from_bytes(agreed.agreement_digest.unwrap()), id)
}

/// The door of Anhui's node, for Shanghai's.
async fn door(world: &World) -> Door {
    let anhui = &world.node("anhui").unwrap();
    let (pins, wait) = (pins([&anhui.participant]).unwrap(), Duration::from_secs(10));
    let own = world.node("shanghai").unwrap().participant.credentials().unwrap();
    let connecting = wire::client::connect(&anhui.endpoint, &own, &pins, &anhui.participant.id, wait);
    Door::new(connecting.await.unwrap().channel)
}

async fn tell(door: &mut Door, statements: Vec<Vec<u8>>) -> Result<TellStatementsResponse, Status> {
    let statements = statements.into_iter().map(|bytes| Envelope { statement: bytes.into() }).collect();
    let request = TellStatementsRequest { statements, ..TellStatementsRequest::default() };
    Ok(door.tell_statements(request).await?.into_inner())
}

/// What the book of Anhui's node holds of agreements, uses and receipts.
async fn kept(world: &World, job: &str) -> Vec<String> {
    let book = &world.node("anhui").unwrap().book;
    let mut all = Vec::new();
    for known in book.agreements(100).await.unwrap() {
        let uses = book.uses(&known.digest).await.unwrap();
        all.push(format!("{known:?} {uses:?}"));
    }
    all.push(format!("{:?}", book.receipts(1, 1000).await.unwrap()));
    all.push(format!("{:?}", book.peer_receipts_of(job).await.unwrap()));
    all
}

fn envelope<T: Statement>(statement: T, name: &str) -> Vec<u8> {
    sign(statement, name).unwrap().to_bytes().unwrap()
}

/// An envelope in other words. Who signed it has not signed these.
fn reworded(envelope: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(envelope).unwrap();
    assert!(text.contains(from), "no {from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

/// The value of the first text field of this name.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\"{name}\":\"")).unwrap();
    rest.split_once('"').unwrap().0
}

/// An envelope with the signature of `name`'s key over it as it stands, in a context.
fn signed_as(envelope: &[u8], name: &str, context: &str) -> Vec<u8> {
    let text = std::str::from_utf8(envelope).unwrap();
    let before = field(text, "signature");
    let unsigned = text.replacen(&format!("\"signature\":\"{before}\","), "", 1);
    let signature = Participant::identity_of(name).sign(&[context.as_bytes(), unsigned.as_bytes()].concat()).unwrap();
    let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    text.replacen(before, &digits, 1).into_bytes()
}

/// The same in the context that is due.
fn signed_anew(envelope: &[u8], name: &str) -> Vec<u8> {
    let kind = field(std::str::from_utf8(envelope).unwrap(), "kind").to_owned();
    signed_as(envelope, name, &format!("yuandang statement v1\0{kind}\0"))
}

/// Statements that were signed with another key than the signer's, in another context, or not as they stand.
fn wrongly_signed(digest: Digest) -> Vec<Bad> {
    let consent = Consent { agreement: digest, at: now(), approvers: vec!["k-9".to_owned()] };
    let (by_anhui, by_jiangsu) = (envelope(consent.clone(), "anhui"), envelope(consent, "jiangsu"));
    // The helper itself signs as is due.
    assert_eq!(signed_anew(&by_anhui, "anhui"), by_anhui);
    let key = |name| Participant::identity_of(name).public().to_string();
    let in_the_name_of_anhui = reworded(&by_jiangsu, "\"signer\":\"jiangsu\"", "\"signer\":\"anhui\"");
    let rejection = Rejection { agreement: digest, at: now(), reason: "no basis in law".to_owned() };
    vec![
        ("is not pinned here for anhui", signed_anew(&in_the_name_of_anhui, "jiangsu")),
        (NOT_OVER_THIS, in_the_name_of_anhui),
        (NOT_OVER_THIS, signed_anew(&by_anhui, "jiangsu")),
        (NOT_OVER_THIS, reworded(&by_anhui, &key("anhui"), &key("jiangsu"))),
        (NOT_OVER_THIS, reworded(&by_anhui, "k-9", "k-8")),
        (NOT_OVER_THIS, signed_as(&by_anhui, "anhui", "yuandang statement v1\0use\0")),
        (NOT_OVER_THIS, signed_as(&by_anhui, "anhui", "yuandang statement v2\0consent\0")),
        (NOT_OVER_THIS, signed_as(&by_anhui, "anhui", "")),
        (NOT_OVER_THIS, reworded(&by_anhui, "\"signature\":\"", "\"signature\":\"00")),
        ("jiangsu has no say in agreement", by_jiangsu),
        ("supervisor has no say in agreement", envelope(rejection, SUPERVISOR)),
        ("jiangsu has no say in agreement", {
            standing("jiangsu", digest, Change::Revocation, 1).unwrap().to_bytes().unwrap()
        }),
    ]
}

/// Bytes that are no statement in its one form, each signed as it stands by who may.
fn out_of_form(digest: Digest) -> Vec<Bad> {
    let suspension = standing("anhui", digest, Change::Suspension, 7).unwrap().to_bytes().unwrap();
    let anew = |from: &str, to: &str| signed_anew(&reworded(&suspension, from, to), "anhui");
    let with = |field: &str| anew("\"reason\":", &format!("{field},\"reason\":"));
    let reason = |text: &str| anew("anhui says so", text);
    vec![
        (NO_FORM, Vec::new()),
        (NO_FORM, b"no JSON".to_vec()),
        (NO_FORM, vec![0xff; 64]),
        (NO_FORM, b"{}".to_vec()),
        (NO_FORM, suspension[..suspension.len() - 1].to_vec()),
        (NO_FORM, "[".repeat(60_000).into_bytes()),
        (NO_FORM, format!("{{\"kind\":{}", "[".repeat(60_000)).into_bytes()),
        ("unknown field `urgent`", with("\"urgent\":true")),
        ("unknown field `urgent`", anew("\"statement\":", "\"urgent\":true,\"statement\":")),
        ("duplicate field `number`", with("\"number\":8")),
        ("missing field `number`", anew("\"number\":7,", "")),
        ("not in canonical form", anew("\"number\":7", "\"number\": 7")),
        ("not in canonical form", reason("\\u0061nhui says so")),
        ("not whole or is above 2^53 - 1", anew("\"number\":7", "\"number\":9007199254740992")),
        (NO_FORM, anew("\"number\":7", "\"number\":7.5")),
        ("numbers of standing statements begin with 1", anew("\"number\":7", "\"number\":0")),
        ("a reason is missing", reason(" ")),
        ("a reason is at most 512 bytes", reason(&"x".repeat(513))),
        ("a reason is at most 512 bytes of text that is seen", reason("anhui\\nsays so")),
        ("is of kind \"command\"", anew("\"standing\"", "\"command\"")),
    ]
}

/// Statements that are in order, and not for this door or not from who signed them.
fn out_of_place(digest: Digest, job: &str) -> Vec<Bad> {
    let receipt = |event, job: &str| Receipt {
        number: 1,
        agreement: Some(digest),
        job: Some(job.to_owned()),
        ..Receipt::of(event, now())
    };
    let of_no_run = "the receipt is not of a run with this node";
    let unknown = Consent { agreement: Digest::from_bytes([7; 32]), at: now(), approvers: vec!["k-1".to_owned()] };
    let use_of = Use { agreement: digest, at: now(), job: "another".to_owned(), number: 9 };
    let others = job_of_two(Mode::Membership, ("shanghai", "students", "id"), ("jiangsu", "hardship", "person"), &[]);
    let others = agreement_of(&others.unwrap(), |_| {}).unwrap();
    vec![
        (of_no_run, envelope(receipt(Event::Failed, "another"), "shanghai")),
        (of_no_run, envelope(receipt(Event::Failed, job), "jiangsu")),
        (of_no_run, envelope(receipt(Event::Delivered, job), "shanghai")),
        ("there is no agreement 0707", envelope(unknown, "shanghai")),
        ("anhui is no party to agreement", acts_of(&others, &[]).unwrap()[0].to_bytes().unwrap()),
        ("is of kind \"use\"", envelope(use_of, "shanghai")),
        ("shanghai is no supervisor that is pinned here", envelope(Heartbeat { at: now() }, "shanghai")),
        ("the heartbeat is of", envelope(Heartbeat { at: now().plus(3600) }, SUPERVISOR)),
    ]
}

/// Brings all of them, a few in each call; each is refused in its words, and the book is as it was.
async fn all_are_refused(world: &World, job: &str, bad: Vec<Bad>) {
    let before = kept(world, job).await;
    let mut door = door(world).await;
    for some in bad.chunks(16) {
        let told = tell(&mut door, some.iter().map(|(_, bytes)| bytes.clone()).collect()).await.unwrap();
        assert_eq!(told.refusals.len(), some.len());
        for ((words, bytes), refusal) in some.iter().zip(&told.refusals) {
            let shown: String = String::from_utf8_lossy(bytes).chars().take(600).collect();
            assert!(refusal.contains(words), "{words:?} is not in {refusal:?}, for {shown}");
        }
    }
    assert_eq!(kept(world, job).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_the_signer_has_not_signed_so_are_refused_by_name_and_change_nothing() {
    let (world, digest, job) = world().await;
    all_are_refused(&world, &job, wrongly_signed(digest)).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_statement_in_its_form_are_refused_by_name_and_change_nothing() {
    let (world, digest, job) = world().await;
    all_are_refused(&world, &job, out_of_form(digest)).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_are_not_for_this_door_are_refused_by_name_and_change_nothing() {
    let (world, digest, job) = world().await;
    all_are_refused(&world, &job, out_of_place(digest, &job)).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_and_too_large_statements_are_refused_whole_and_good_ones_among_bad_are_taken() {
    let (world, digest, job) = world().await;
    let good = standing("shanghai", digest, Change::Suspension, 1).unwrap().to_bytes().unwrap();
    let before = kept(&world, &job).await;
    let mut door = door(&world).await;
    let too_much = [
        ("more than 16 elements", vec![good.clone(); 17]),
        ("more than 65536 bytes", vec![good.clone(), vec![b'x'; 65_537]]),
        ("too large", [vec![good.clone()], vec![vec![b'x'; 65_536]; 40]].concat()),
    ];
    for (words, statements) in too_much {
        let refused = tell(&mut door, statements).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange, "{words}: {refused}");
        assert!(refused.message().contains(words), "{words}: {refused}");
    }
    assert_eq!(kept(&world, &job).await, before);
    // As much as there may be, and all of it bad but for one.
    let mut statements = vec![vec![b'x'; 65_536]; 16];
    statements[9] = good;
    let told = tell(&mut door, statements).await.unwrap();
    let taken: Vec<usize> = (0..16).filter(|place| told.refusals[*place].is_empty()).collect();
    assert_eq!(taken, [9]);
    assert_ne!(kept(&world, &job).await, before);
    let (state, ended) =
        world.run("anhui", &JobSpec { agreement_digest: Some(*digest.as_bytes()), ..self::job() }).await.unwrap();
    assert_eq!(state, JobState::Rejected, "{}", ended.cause);
    assert!(ended.cause.contains("Suspended by shanghai"), "{}", ended.cause);
    world.stop().await.unwrap();
}
