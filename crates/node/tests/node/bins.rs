//! Sets that are cut into bins: the result is that of one piece, whatever the bins, and a run that was broken
//! off goes on from the bins that are missing.

use std::{
    collections::BTreeSet,
    fmt::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use agreement::{Mode, Protocol};
use node::{Checkpoints, Run, RunError, Space, link::LinkError};
use wire::proto::{ExchangeMessage, exchange_message::Body};

use crate::sides::{Outcome, Sides, VARIANTS, meet, meet_over};

/// Rows of both sides; keys repeat, and some rows have none.
fn sides(rows: u32) -> Sides {
    let (mut shanghai, mut anhui) = ("id,name\n".to_owned(), "id,category\n".to_owned());
    for row in 0..rows {
        let key = if row % 50 == 7 { String::new() } else { format!("k{}", row % (rows * 9 / 10)) };
        writeln!(shanghai, "{key},n{row}").unwrap();
        writeln!(anhui, "k{},c{}", row * 3, row % 4).unwrap();
    }
    Sides::new(shanghai.as_bytes(), anhui.as_bytes())
}

/// The rows of Shanghai whose keys Anhui has, by a plain join.
fn expected(sides: &Sides) -> Vec<String> {
    let read = |name| String::from_utf8(std::fs::read(sides.source(name)).unwrap()).unwrap();
    let key = |line: &str| line.split(',').next().unwrap().to_owned();
    let anhui: BTreeSet<String> = read("anhui").lines().skip(1).map(key).collect();
    read("shanghai").lines().skip(1).filter(|line| anhui.contains(&key(line))).map(str::to_owned).collect()
}

fn rows(sides: &Sides, name: &str) -> Vec<String> {
    let result = String::from_utf8(sides.result(name).unwrap()).unwrap();
    result.lines().skip(1).map(str::to_owned).collect()
}

fn with(mut run: Run, space: &Space) -> Run {
    run.space = space.clone();
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn bins_give_what_one_piece_gives_in_every_mode() {
    for (protocol, mode) in VARIANTS {
        let mut transcripts = Vec::new();
        for (bin_items, in_flight, memory) in [(u64::MAX, 1, 1 << 30), (100, 1, 1 << 30), (37, 3, 0)] {
            let sides = sides(400);
            let space = Space { memory, in_flight, bin_items: Some(bin_items), ..Space::default() };
            let (shanghai, anhui) = sides.both_over(protocol, mode);
            let (shanghai, anhui) = meet(with(shanghai, &space), with(anhui, &space)).await;
            let (shanghai, anhui) = (shanghai.unwrap(), anhui.unwrap());
            let one = mode == Mode::Cardinality || bin_items == u64::MAX;
            assert_eq!((shanghai.bins == 1, shanghai.bins), (one, anhui.bins), "{protocol} {mode} {bin_items}");
            assert_eq!(shanghai.transcript, anhui.transcript);
            transcripts.push((shanghai.matched, shanghai.counts, anhui.matched, anhui.counts));
            if mode == Mode::Cardinality {
                continue;
            }
            let found = rows(&sides, "shanghai");
            let plain: Vec<String> =
                found.iter().map(|row| row.split(',').take(2).collect::<Vec<_>>().join(",")).collect();
            assert_eq!(plain, expected(&sides), "{protocol} {mode} {bin_items}");
            if mode == Mode::Labelled {
                let category = |row: &str| {
                    let number: u32 = row.split(',').next().unwrap()[1..].parse().unwrap();
                    format!("c{}", number / 3 % 4)
                };
                assert!(found.iter().all(|row| row.ends_with(&category(row))), "{protocol} {bin_items}");
            }
        }
        assert!(transcripts.windows(2).all(|pair| pair[0] == pair[1]), "{protocol} {mode}: {transcripts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_side_that_wants_smaller_bins_has_them() {
    let sides = sides(300);
    let small = Space { bin_items: Some(50), in_flight: 2, ..Space::default() };
    let (shanghai, anhui) = sides.both(Mode::Membership);
    let (shanghai, anhui) = meet(shanghai, with(anhui, &small)).await;
    assert_eq!((shanghai.unwrap().bins, anhui.unwrap().bins), (6, 6));
    assert_eq!(rows(&sides, "shanghai"), expected(&sides));
}

/// Both sides of a run of eight bins that is kept in folders of theirs.
fn kept(sides: &Sides, protocol: Protocol, mode: Mode, folders: &Path) -> (Run, Run) {
    let space = Space { bin_items: Some(50), in_flight: 1, ..Space::default() };
    let (mut shanghai, mut anhui) = sides.both_over(protocol, mode);
    for run in [&mut shanghai, &mut anhui] {
        run.space = space.clone();
        run.checkpoints = Some(Checkpoints::open(&folders.join(run.me.as_str())).unwrap());
    }
    (shanghai, anhui)
}

/// What goes to Shanghai, until so many finished sessions have gone by; then the connection breaks.
fn breaks_after(sessions: usize) -> impl FnMut(ExchangeMessage) -> Vec<node::link::Delivered> + Send + 'static {
    let seen = Arc::new(AtomicUsize::new(0));
    move |message| {
        let is_finish = matches!(&message.body, Some(Body::Frame(frame)) if frame.first() == Some(&3));
        if seen.load(Ordering::SeqCst) >= sessions {
            return vec![Err(LinkError::Broken("connection reset".to_owned()))];
        }
        seen.fetch_add(usize::from(is_finish), Ordering::SeqCst);
        vec![Ok(message)]
    }
}

/// What goes to Shanghai, until such a message comes; then the connection breaks.
fn breaks_at(
    wanted: impl Fn(&Body) -> bool + Send + 'static,
) -> impl FnMut(ExchangeMessage) -> Vec<node::link::Delivered> + Send + 'static {
    move |message| match &message.body {
        Some(body) if wanted(body) => vec![Err(LinkError::Broken("connection reset".to_owned()))],
        _ => vec![Ok(message)],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_broken_off_goes_on_from_the_bins_that_are_missing() {
    for (protocol, mode) in
        [(Protocol::Ecdh, Mode::Labelled), (Protocol::Vole, Mode::Membership), (Protocol::Vole, Mode::Both)]
    {
        let (sides, folders) = (sides(400), tempfile::tempdir().unwrap());
        for finished in [0, 3, 4] {
            let (shanghai, anhui) =
                meet_over(kept(&sides, protocol, mode, folders.path()), breaks_after(finished)).await;
            assert!(shanghai.is_err() && anhui.is_err(), "{protocol} {mode} {finished}");
            assert!(sides.untouched("shanghai"));
        }
        let (shanghai, anhui) =
            meet_over(kept(&sides, protocol, mode, folders.path()), |message| vec![Ok(message)]).await;
        let (shanghai, anhui) = (shanghai.unwrap(), anhui.unwrap());
        assert_eq!((shanghai.bins, shanghai.resumed_bins), (8, 7), "{protocol} {mode}");
        assert_eq!((anhui.resumed_bins, anhui.transcript), (shanghai.resumed_bins, shanghai.transcript));
        let plain: Vec<String> =
            rows(&sides, "shanghai").iter().map(|row| row.split(',').take(2).collect::<Vec<_>>().join(",")).collect();
        assert_eq!(plain, expected(&sides));
        // Nothing is left of it.
        for name in ["shanghai", "anhui"] {
            assert!(!folders.path().join(name).join("job-1.run").exists());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_changed_since_is_refused_on_both_sides() {
    for changed in ["shanghai", "anhui"] {
        let (sides, folders) = (sides(400), tempfile::tempdir().unwrap());
        let (broken, _) =
            meet_over(kept(&sides, Protocol::Ecdh, Mode::Membership, folders.path()), breaks_after(3)).await;
        assert!(broken.is_err());
        let more = [std::fs::read(sides.source(changed)).unwrap(), b"k1000000,x\n".to_vec()].concat();
        std::fs::write(sides.source(changed), more).unwrap();
        let runs = kept(&sides, Protocol::Ecdh, Mode::Membership, folders.path());
        let (shanghai, anhui) = meet_over(runs, |message| vec![Ok(message)]).await;
        let [own, other] = if changed == "shanghai" { [shanghai, anhui] } else { [anhui, shanghai] };
        assert!(matches!(own, Err(RunError::SourceChanged(_))), "{own:?}");
        assert!(matches!(other, Err(RunError::PeerEnded { .. })), "{other:?}");
        // Nor can it pretend to begin for the first time.
        assert_refused_afresh(&sides, folders.path(), changed).await;
    }
}

/// Forgets all that one side kept: whatever it enters now for the first time, the other holds it to what it entered.
async fn assert_refused_afresh(sides: &Sides, folders: &Path, forgetful: &str) {
    for kept in ["job-1.run", "job-1.ready"] {
        drop(std::fs::remove_file(folders.join(forgetful).join(kept)));
    }
    let runs = kept(sides, Protocol::Ecdh, Mode::Membership, folders);
    let (shanghai, anhui) = meet_over(runs, |message| vec![Ok(message)]).await;
    let other = if forgetful == "shanghai" { anhui } else { shanghai };
    let error = other.unwrap_err();
    assert!(matches!(&error, RunError::Peer { .. }) && error.to_string().contains("other records"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_breaks_off_in_its_first_bin_cannot_ask_another_question() {
    for forgetful in ["shanghai", "anhui"] {
        let (sides, folders) = (sides(400), tempfile::tempdir().unwrap());
        let runs = kept(&sides, Protocol::Ecdh, Mode::Membership, folders.path());
        let (shanghai, anhui) = meet_over(runs, breaks_at(|body| matches!(body, Body::Frame(_)))).await;
        assert!(shanghai.is_err() && anhui.is_err());
        // Even the same records under another secret are another commitment.
        assert_refused_afresh(&sides, folders.path(), forgetful).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_ended_before_it_kept_what_was_agreed_begins_again_with_the_same() {
    let (sides, folders) = (sides(400), tempfile::tempdir().unwrap());
    let runs = kept(&sides, Protocol::Ecdh, Mode::Membership, folders.path());
    // Shanghai hears hello and nothing more.
    let (shanghai, anhui) = meet_over(runs, breaks_at(|body| !matches!(body, Body::Hello(_)))).await;
    assert!(shanghai.is_err() && anhui.is_err());
    assert!(folders.path().join("anhui/job-1.ready").exists());
    let runs = kept(&sides, Protocol::Ecdh, Mode::Membership, folders.path());
    let (shanghai, anhui) = meet_over(runs, |message| vec![Ok(message)]).await;
    assert_eq!((shanghai.unwrap().bins, anhui.unwrap().bins), (8, 8));
    assert_eq!(rows(&sides, "shanghai"), expected(&sides));
    for name in ["shanghai", "anhui"] {
        assert!(!folders.path().join(name).join("job-1.ready").exists());
    }
}

/// An attempt at membership that nothing disturbs.
async fn attempt(sides: &Sides, folders: &Path) -> (Outcome, Outcome) {
    meet_over(kept(sides, Protocol::Ecdh, Mode::Membership, folders), |message| vec![Ok(message)]).await
}

/// An attempt at membership that breaks off after so many bins.
async fn broken_attempt(sides: &Sides, folders: &Path, finished: usize) {
    let runs = kept(sides, Protocol::Ecdh, Mode::Membership, folders);
    let (shanghai, anhui) = meet_over(runs, breaks_after(finished)).await;
    assert!(shanghai.is_err() && anhui.is_err(), "{finished}");
}

/// The one that did not forget refuses the other with these words, which hears of it; nothing is delivered.
fn assert_refused(sides: &Sides, (shanghai, anhui): (Outcome, Outcome), forgetful: &str, words: &str) {
    let (refusing, refused) = if forgetful == "shanghai" { (anhui, shanghai) } else { (shanghai, anhui) };
    let error = refusing.unwrap_err();
    assert!(matches!(&error, RunError::Peer { peer, .. } if peer.as_str() == forgetful), "{error:?}");
    assert!(error.to_string().contains(words), "no {words:?} in: {error}");
    match refused.unwrap_err() {
        RunError::PeerEnded { fault, reason, .. } => assert_eq!(fault, session::Fault::Peer, "{reason}"),
        other => panic!("{forgetful} was not told: {other:?}"),
    }
    assert!(sides.untouched("shanghai") && sides.untouched("anhui"), "something was delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_asks_for_more_bins_again_than_twice_those_in_flight_is_refused() {
    for forgetful in ["shanghai", "anhui"] {
        // One bin is in flight.
        for asked_again in [2, 3] {
            let (sides, folders) = (sides(400), tempfile::tempdir().unwrap());
            let run = folders.path().join(forgetful).join("job-1.run");
            broken_attempt(&sides, folders.path(), 1).await;
            let earlier = std::fs::read(&run).unwrap();
            broken_attempt(&sides, folders.path(), asked_again).await;
            std::fs::write(&run, earlier).unwrap();
            let outcomes = attempt(&sides, folders.path()).await;
            if asked_again == 3 {
                assert_refused(&sides, outcomes, forgetful, "it asks for 3 bins again that are finished here");
                continue;
            }
            let (shanghai, anhui) = (outcomes.0.unwrap(), outcomes.1.unwrap());
            assert_eq!((shanghai.resumed_bins, anhui.resumed_bins), (1, 1), "the bin that both have finished");
            assert_eq!(rows(&sides, "shanghai"), expected(&sides));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_begins_a_job_anew_of_which_bins_are_finished_is_refused() {
    for forgetful in ["shanghai", "anhui"] {
        let (sides, folders) = (sides(400), tempfile::tempdir().unwrap());
        let path = |end: &str| folders.path().join(forgetful).join(format!("job-1.{end}"));
        let runs = kept(&sides, Protocol::Ecdh, Mode::Membership, folders.path());
        let (shanghai, anhui) = meet_over(runs, breaks_at(|body| !matches!(body, Body::Hello(_)))).await;
        assert!(shanghai.is_err() && anhui.is_err());
        let promised = std::fs::read(path("ready")).unwrap();
        broken_attempt(&sides, folders.path(), 1).await;
        // It enters what it entered before, and knows of no run.
        std::fs::remove_file(path("run")).unwrap();
        std::fs::write(path("ready"), promised).unwrap();
        let outcomes = attempt(&sides, folders.path()).await;
        let words = "it begins a job for the first time of which bins are finished here";
        assert_refused(&sides, outcomes, forgetful, words);
    }
}
