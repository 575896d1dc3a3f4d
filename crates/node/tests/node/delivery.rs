//! What is in the way of a result, and that nothing half-written is left.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agreement::Mode;
use node::{Input, Output, Run, RunError};
use records::{Datasets, RecordError, RecordSink, RecordSource, SinkHeader, Target};
use session::Fault;

use crate::sides::{Outcome, Sides, id, meet, spec};

/// A source whose records are others from the second time on that it is opened.
struct Changing {
    files: datasets::Files,
    opened: AtomicUsize,
    later: Vec<u8>,
}

impl Datasets for Changing {
    fn open(&self, address: &str) -> Result<Box<dyn RecordSource>, RecordError> {
        if self.opened.fetch_add(1, Ordering::SeqCst) == 1 {
            std::fs::write(address, &self.later).unwrap();
        }
        self.files.open(address)
    }

    fn create(
        &self,
        address: &str,
        header: &SinkHeader,
        labels: &[String],
        overwrite: bool,
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        self.files.create(address, header, labels, overwrite)
    }

    fn write_csv(
        &self,
        target: Box<dyn Target>,
        header: &SinkHeader,
        labels: &[String],
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        self.files.write_csv(target, header, labels)
    }
}

fn with_datasets(run: &mut Run, other: Arc<dyn Datasets>) {
    match &mut run.input {
        Input::Dataset { datasets, .. } => *datasets = other,
        Input::Items(_) => panic!("not a dataset"),
    }
}

/// The peer was told that this side could not go on, and why in `words`.
fn told(outcome: Outcome, words: &str) {
    match outcome.unwrap_err() {
        RunError::PeerEnded { fault: Fault::Own, reason, .. } => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changed_meanwhile_delivers_nothing() {
    for later in [
        "id,name\n1,a\n2,b\n3,c\n4,d\n",
        "id,name\n1,a\n3,c\n",
        "id,name\n1,a\n2,b\n,c\n",
        "id,name\n1,a\n2,b\n7,c\n",
        // As many rows, keys and matches as before:
        "id,name\n1,a\n2,b\n3,z\n",
        "id,name\n1,a\n2,z\n3,c\n",
        "id,name\n1,a\n3,b\n3,c\n",
        "id,name\n2,b\n1,a\n3,c\n",
        "id,nome\n1,a\n2,b\n3,c\n",
    ] {
        let sides = Sides::small();
        let (mut shanghai, anhui) = sides.both(Mode::Membership);
        let files = datasets::Files::new();
        let changing = Changing { files, opened: AtomicUsize::new(0), later: later.as_bytes().to_vec() };
        with_datasets(&mut shanghai, Arc::new(changing));
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        anhui.unwrap();
        let error = shanghai.expect_err(later);
        assert!(matches!(&error, RunError::SourceChanged(_)), "{later:?}: {error:?}");
        assert_eq!(error.exit_code(), 3);
        assert!(sides.untouched("shanghai"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_delivers_too_holds_its_source_to_what_it_was() {
    let sides = Sides::small();
    let (shanghai, mut anhui) = sides.both(Mode::Both);
    let later = b"id,category\n3,y\n4,y\n5,z\n".to_vec();
    with_datasets(&mut anhui, Arc::new(Changing { files: datasets::Files::new(), opened: AtomicUsize::new(0), later }));
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    shanghai.unwrap();
    assert!(matches!(anhui.unwrap_err(), RunError::SourceChanged(_)));
    assert!(sides.untouched("anhui"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_written_again_with_the_same_records_is_the_same() {
    let sides = Sides::small();
    let (mut shanghai, anhui) = sides.both(Mode::Membership);
    let later = b"id,name\n1,a\n2,b\n3,c\n".to_vec();
    let files = datasets::Files::new();
    with_datasets(&mut shanghai, Arc::new(Changing { files, opened: AtomicUsize::new(0), later }));
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    shanghai.unwrap();
    anhui.unwrap();
    assert_eq!(sides.result("shanghai").unwrap(), b"id,name\n3,c\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_there_stays_and_the_peer_is_told() {
    let sides = Sides::small();
    std::fs::write(sides.output("shanghai"), "precious").unwrap();
    let (shanghai, anhui) = sides.both(Mode::Membership);
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    assert!(matches!(shanghai.unwrap_err(), RunError::Records(RecordError::Exists(_))));
    told(anhui, "exists already");
    assert_eq!(sides.result("shanghai").unwrap(), b"precious");
    let (mut shanghai, anhui) = sides.both(Mode::Membership);
    if let Input::Dataset { overwrite, .. } = &mut shanghai.input {
        *overwrite = true;
    }
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    shanghai.unwrap();
    anhui.unwrap();
    assert_eq!(sides.result("shanghai").unwrap(), b"id,name\n3,c\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_is_named_here_with_those_there_are_and_there_without() {
    for culprit in ["shanghai", "anhui"] {
        let sides = Sides::small();
        let (mut shanghai, mut anhui) = sides.both(Mode::Membership);
        let run = if culprit == "shanghai" { &mut shanghai } else { &mut anhui };
        let party = run.spec.parties.iter_mut().find(|party| party.participant == id(culprit)).unwrap();
        party.key_columns = vec!["idno".to_owned()];
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        let (own, peers) = if culprit == "shanghai" { (shanghai, anhui) } else { (anhui, shanghai) };
        let error = own.unwrap_err();
        assert!(error.to_string().contains("the columns are: id, "), "{error}");
        let peers = peers.unwrap_err();
        assert!(peers.to_string().contains(&format!("{culprit} could not go on")), "{peers}");
        assert!(peers.to_string().contains("no column \"idno\""), "{peers}");
        assert!(!peers.to_string().contains("name") && !peers.to_string().contains("category"), "{peers}");
        assert!(sides.untouched("shanghai") && sides.untouched("anhui"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_missing_is_no_news_of_our_folders_to_the_peer() {
    let sides = Sides::small();
    std::fs::remove_file(sides.source("anhui")).unwrap();
    let (shanghai, anhui) = sides.both(Mode::Membership);
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    assert!(anhui.unwrap_err().to_string().contains("records.csv"));
    let error = shanghai.unwrap_err().to_string();
    assert!(error.contains("anhui could not go on") && !error.contains("records.csv"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_are_too_long_are_bad_data() {
    let long = format!("id,category\n3,{}\n", "x".repeat(4093));
    let sides = Sides::new(b"id,name\n3,c\n", long.as_bytes());
    let (shanghai, anhui) = sides.both(Mode::Labelled);
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    assert_eq!(anhui.unwrap_err().exit_code(), 3);
    told(shanghai, "malformed");
    let fits = format!("id,category\n3,{}\n", "x".repeat(4092));
    let sides = Sides::new(b"id,name\n3,c\n", fits.as_bytes());
    let (shanghai, anhui) = sides.both(Mode::Labelled);
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    shanghai.unwrap();
    anhui.unwrap();
    assert_eq!(sides.result("shanghai").unwrap().len(), "id,name,category\n3,c,\n".len() + 4092);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_beyond_its_padded_size_is_not_entered() {
    let sides = Sides::small();
    let mut job = spec(Mode::Membership);
    job.parties[0].padded_size = Some(2);
    let (shanghai, anhui) = meet(sides.run("shanghai", job.clone()), sides.run("anhui", job)).await;
    assert_eq!(shanghai.unwrap_err().exit_code(), 3);
    told(anhui, "more distinct keys than the 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_leaves_nothing_and_tells_the_peer() {
    let sides = Sides::small();
    let (shanghai, anhui) = sides.both(Mode::Membership);
    shanghai.cancel.cancel();
    let (shanghai, anhui) = meet(shanghai, anhui.with_idle(Duration::from_secs(2))).await;
    assert!(matches!(shanghai.unwrap_err(), RunError::Cancelled(_)));
    assert!(anhui.is_err());
    assert!(sides.untouched("shanghai") && sides.untouched("anhui"));
}

/// Shorter waits.
trait WithIdle {
    fn with_idle(self, idle: Duration) -> Self;
}

impl WithIdle for Run {
    fn with_idle(mut self, idle: Duration) -> Self {
        self.limits.idle = idle;
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_folder_that_is_not_there_is_named_before_the_run() {
    let sides = Sides::small();
    let (mut shanghai, anhui) = sides.both(Mode::Membership);
    if let Input::Dataset { output, .. } = &mut shanghai.input {
        *output = Some(Output::Address(Path::new("/nowhere/at/all.csv").display().to_string()));
    }
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    assert!(shanghai.unwrap_err().to_string().contains("/nowhere/at"));
    told(anhui, "address of its dataset or result");
}
