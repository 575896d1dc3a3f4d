//! A coordinator and both nodes that are killed at random while they are at many jobs: each job ends once, or is reported failed
//! with its cause; no use is lost or counted twice; all receipts verify and agree.
//!
//! `YUANDANG_KILLS_SEED` repeats the moments of an earlier run, as far as the machine does.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    sync::atomic::{AtomicU32, Ordering},
    thread::{self, sleep},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agreement::{Digest, Event, JobState, ParticipantId, Receipt, Signed, chain::verify_chain, receipt::RunFacts};
use coordinator::store::{Store, StoredJob};
use nix::sys::signal::Signal;
use node::book::Book;
use support::site::{Server, Site};

const NAMES: [&str; 3] = ["coordinator", "shanghai", "anhui"];
/// Milliseconds between two kills at the most; one in four comes at once, so that two are away together.
const PAUSE: u64 = 2500;
/// How long a kill waits at the most for jobs to end before it.
const STEP: Duration = Duration::from_secs(8);
/// Residents on each list: a job takes as long as a pause, about.
const ROWS: u64 = 4000;
/// How many jobs are submitted before their turn, so that there is always something to be at.
const AHEAD: u32 = 4;
/// How long all may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(400);

/// Numbers that a seed decides.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// Job files under agreements of their own: one for each mode, and both protocols.
fn job_files(site: &Site) -> Vec<String> {
    let unlabelled = ("label_columns = ", "# label_columns = ");
    let mode = |to| ("mode = \"labelled\"", to);
    let changes: [&[(&str, &str)]; 4] = [
        &[],
        &[unlabelled, mode("mode = \"membership\""), ("protocol = \"auto\"", "protocol = \"vole\"")],
        &[unlabelled, mode("mode = \"both\"")],
        &[unlabelled, mode("mode = \"cardinality\"")],
    ];
    let file = |(number, changes): (usize, &&[(&str, &str)])| {
        let path = site.path(&format!("job-{number}.toml"));
        fs::rename(site.job(changes), &path).unwrap();
        path
    };
    changes.iter().enumerate().map(file).collect()
}

/// Submits a job; nothing if the coordinator is just not there.
fn submit(site: &Site, file: &str) -> bool {
    let config = site.path("shanghai/config.toml");
    support::yuandang(&["job", "submit", "--file", file, "--config", &config]).status.success()
}

/// Submits jobs in step with the kills until `jobs` were taken. One whose answer was lost was taken as well, and is one more.
fn submit_all(site: &Site, files: &[String], (jobs, kills): (u32, u32), killed: &AtomicU32) {
    let (mut submitted, mut last) = (0, Instant::now());
    while submitted < jobs {
        let due = (killed.load(Ordering::Relaxed) * jobs).div_ceil(kills) + AHEAD;
        if submitted < due && submit(site, &files[submitted as usize % files.len()]) {
            (submitted, last) = (submitted + 1, Instant::now());
        } else {
            assert!(last.elapsed() < PATIENCE, "no job is taken any more");
            sleep(Duration::from_millis(50));
        }
    }
}

/// Waits until about as many of the jobs have ended as of the kills are done, so that kills are spread over all jobs; not for long,
/// since kills may be what holds them up.
async fn keep_step(store: &Store, ended: u32) {
    let began = Instant::now();
    while began.elapsed() < STEP {
        let (jobs, open) =
            (all_jobs(store).await.len(), store.open_jobs(&"shanghai".parse().unwrap()).await.unwrap().0);
        if jobs as i64 - open + i64::from(AHEAD) >= i64::from(ended) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn kill_all(
    site: &Site,
    servers: &mut [Server; 3],
    chance: &mut Chance,
    ((jobs, kills), killed): ((u32, u32), &AtomicU32),
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let location = site.path("coordinator/jobs.sqlite").parse().unwrap();
    let store = runtime.block_on(Store::open(&location)).unwrap();
    for kill in 0..kills {
        runtime.block_on(keep_step(&store, kill * jobs / kills));
        let most = if chance.below(4) == 0 { 20 } else { PAUSE };
        sleep(Duration::from_millis(chance.below(most)));
        let which = usize::try_from(chance.below(3)).unwrap();
        assert!(!servers[which].has_ended(), "{} ended by itself: {}", NAMES[which], servers[which].log());
        assert_eq!(servers[which].signal(Signal::SIGKILL), None);
        servers[which] = site.launch(NAMES[which]);
        killed.fetch_add(1, Ordering::Relaxed);
    }
    runtime.block_on(store.close());
}

/// Waits until `done` says nothing more of what is left.
async fn rest(what: &str, mut left: impl AsyncFnMut() -> Vec<String>) {
    let began = Instant::now();
    loop {
        let left = left().await;
        if left.is_empty() {
            return eprintln!("{what}: after {} s", began.elapsed().as_secs());
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {left:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn all_jobs(store: &Store) -> Vec<StoredJob> {
    store.of_participant(&"shanghai".parse().unwrap(), u32::MAX).await.unwrap()
}

/// What one node has of all jobs, read from its book.
struct Kept {
    name: ParticipantId,
    /// Agreement, number and outcome of each job that was admitted.
    uses: BTreeMap<String, (Digest, u64, String)>,
    receipts: BTreeMap<String, Vec<Receipt>>,
    /// Those of the other node.
    theirs: BTreeMap<String, Vec<Signed<Receipt>>>,
}

/// Reads a node's book, and checks all that can be said of it alone.
async fn read(book: &Book, jobs: &[StoredJob]) -> Kept {
    let name = book.participant().clone();
    let chain = book.receipts(1, u32::MAX).await.unwrap();
    verify_chain(&chain, None).unwrap();
    assert!(chain.iter().all(|receipt| receipt.is_by(&name, &book.identity())), "{name}");
    let mut uses = BTreeMap::new();
    for known in book.agreements(100).await.unwrap() {
        let its = book.uses(&known.digest).await.unwrap();
        let numbers: Vec<u64> = its.iter().map(|one| one.number).collect();
        assert_eq!(numbers, (1..=its.len() as u64).collect::<Vec<_>>(), "{name}: a use was lost or counted twice");
        assert_eq!(book.runs(&known.digest).await.unwrap(), its.len() as u64, "{name}");
        for one in its {
            assert_ne!(one.outcome, "", "{name}: {} has no end", one.job);
            assert!(uses.insert(one.job, (known.digest, one.number, one.outcome)).is_none(), "a job was counted twice");
        }
    }
    let (mut receipts, mut theirs) = (BTreeMap::<String, Vec<Receipt>>::new(), BTreeMap::new());
    for receipt in &chain {
        let said = receipt.statement();
        assert_ne!(said.event, Event::Disputed, "{name}: {said:?}");
        receipts.entry(said.job.clone().unwrap()).or_default().push(said.clone());
    }
    for job in jobs {
        theirs.insert(job.id.clone(), book.peer_receipts_of(&job.id).await.unwrap());
    }
    let known: BTreeSet<&String> = jobs.iter().map(|job| &job.id).collect();
    assert!(uses.keys().chain(receipts.keys()).all(|job| known.contains(job)), "{name} has a job that nobody gave it");
    Kept { name, uses, receipts, theirs }
}

impl Kept {
    fn receipts(&self, job: &str, event: Event) -> Vec<&Receipt> {
        self.receipts.get(job).into_iter().flatten().filter(|receipt| receipt.event == event).collect()
    }

    /// Checks what this node has of a job.
    fn check(&self, job: &StoredJob) {
        let count = |event| self.receipts(&job.id, event).len();
        let said = format!("{} at {}: {} {}", job.id, self.name, job.state, job.cause);
        let Some((digest, number, outcome)) = self.uses.get(&job.id) else {
            assert_ne!(job.state, JobState::Succeeded, "{said}");
            assert_eq!((count(Event::Admitted), count(Event::Succeeded), count(Event::Delivered)), (0, 0, 0), "{said}");
            return;
        };
        assert_eq!(Some(*digest.as_bytes()), job.spec.agreement_digest, "{said}");
        assert_eq!(count(Event::Admitted), 1, "{said}");
        assert!(
            self.receipts[&job.id].iter().all(|receipt| receipt.use_number.is_none_or(|one| one == *number)),
            "{said}"
        );
        // One end, and it is that of the job.
        assert_eq!(outcome == "Succeeded", job.state == JobState::Succeeded, "{said}: here {outcome}");
        let succeeded = usize::from(outcome == "Succeeded");
        assert_eq!((count(Event::Succeeded), count(Event::Failed)), (succeeded, 1 - succeeded), "{said}");
        let failure = self.receipts(&job.id, Event::Failed);
        assert!(failure.iter().all(|receipt| receipt.cause.is_some()), "{said}: {failure:?}");
        let learns = job.spec.mode == agreement::Mode::Both
            || job.spec.party_of(&self.name).unwrap().role == agreement::Role::Receiver;
        assert_eq!(count(Event::Delivered), if learns { succeeded } else { 0 }, "{said}");
        assert_eq!(count(Event::Withheld), 0, "{said}");
    }

    fn run(&self, job: &str) -> &RunFacts {
        self.receipts(job, Event::Succeeded)[0].run.as_ref().unwrap()
    }
}

fn check(jobs: &[StoredJob], kept: &[Kept]) {
    for job in jobs {
        assert!(job.state.is_final() && (job.state == JobState::Succeeded || !job.cause.is_empty()), "{job:?}");
        kept.iter().for_each(|kept| kept.check(job));
        if job.state != JobState::Succeeded {
            eprintln!("{} is {}: {}", job.id, job.state, job.cause);
            continue;
        }
        let [one, other] = kept else { panic!("two nodes") };
        assert_eq!(RunFacts::difference(one.run(&job.id), other.run(&job.id)), None, "{}", job.id);
        for (own, peer) in [(one, other), (other, one)] {
            let theirs: Vec<&Receipt> = own.theirs[&job.id].iter().map(Signed::statement).collect();
            assert_eq!(
                theirs,
                peer.receipts(&job.id, Event::Succeeded),
                "{} lacks a receipt of {}",
                own.name,
                peer.name
            );
        }
    }
}

async fn settle(site: &Site, jobs: u32) {
    let store = Store::open(&site.path("coordinator/jobs.sqlite").parse().unwrap()).await.unwrap();
    rest("all jobs have ended", async || {
        let open = all_jobs(&store).await.into_iter().filter(|job| !job.state.is_final());
        open.map(|job| format!("{} {} {}", job.id, job.state, job.cause)).collect()
    })
    .await;
    let books = site.books().await;
    let parties: Vec<ParticipantId> = books.iter().map(|book| book.participant().clone()).collect();
    rest("the nodes have told each other, and know of all ends", async || {
        let mut left = Vec::new();
        for (book, peer) in books.iter().zip(parties.iter().rev()) {
            let waiting = book.waiting(peer, 9).await.unwrap();
            left.extend(waiting.into_iter().map(|(digest, _)| format!("{peer} is not told of {digest}")));
            for known in book.agreements(100).await.unwrap() {
                let open = book.open_jobs(&known.digest).await.unwrap();
                left.extend(open.into_iter().map(|job| format!("{job} is open beside {peer}")));
            }
        }
        left
    })
    .await;
    for book in books {
        book.close().await;
    }
    assert!(all_jobs(&store).await.len() >= jobs as usize);
    store.close().await;
}

fn killed_at_random(jobs: u32, kills: u32) {
    let seed = env::var("YUANDANG_KILLS_SEED").map_or_else(
        |_| u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()),
        |text| text.parse().unwrap(),
    );
    eprintln!("YUANDANG_KILLS_SEED={seed}");
    let site = Site::new(ROWS, ROWS, ROWS / 3);
    site.configure(&format!("[space]\nbin_items = {}\nin_flight = 2\n", ROWS / 4));
    let files = job_files(&site);
    let mut servers = NAMES.map(|name| site.start(name));
    let (mut chance, killed) = (Chance(seed), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| submit_all(&site, &files, (jobs, kills), &killed));
        kill_all(&site, &mut servers, &mut chance, ((jobs, kills), &killed));
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(settle(&site, jobs));
    for (server, name) in servers.iter_mut().zip(NAMES) {
        assert_eq!(server.signal(Signal::SIGTERM), Some(0), "{name}: {}", server.log());
    }
    runtime.block_on(async {
        let store = Store::open(&site.path("coordinator/jobs.sqlite").parse().unwrap()).await.unwrap();
        let (jobs, mut kept) = (all_jobs(&store).await, Vec::new());
        for book in site.books().await {
            kept.push(read(&book, &jobs).await);
            book.close().await;
        }
        check(&jobs, &kept);
        let mut begun_again = 0;
        for job in &jobs {
            begun_again += u32::from(store.attempt(&job.id).await.unwrap() > Some(0));
        }
        let succeeded = jobs.iter().filter(|job| job.state == JobState::Succeeded).count();
        eprintln!("{succeeded} of {} jobs succeeded, {begun_again} were begun again; {kills} kills", jobs.len());
        assert!(begun_again > 0, "no job was hit");
        // What is killed and comes back goes on: a kill is no reason for a failure.
        assert_eq!(succeeded, jobs.len(), "YUANDANG_KILLS_SEED={seed}");
    });
}

#[test]
fn whoever_is_killed_ten_times_each_job_ends_once_and_is_counted_once() {
    killed_at_random(20, 10);
}

/// `cargo test --release -p yuandang --test kills -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn whoever_is_killed_a_hundred_times_each_job_ends_once_and_is_counted_once() {
    killed_at_random(200, 100);
}
