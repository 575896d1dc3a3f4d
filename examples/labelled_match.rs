//! A labelled match: an education department learns which of its students stand on a hardship list,
//! and the category of those; the list's owner learns nothing but a size.
//!
//! `cargo run --release -p yuandang-examples --example labelled_match`
#![allow(clippy::print_stdout)]

use std::{error::Error, sync::Arc, time::Duration};

use psi::{
    ErrorBudget, Item, Outcome, Parameters, Seed, Sizes, dh_oprf,
    matching::{self, Labels},
};
use records::{KeySpec, KeyType, Record};
use session::{ComputePool, Limits, Settings, Side};
use tokio_util::sync::CancellationToken;

/// Bytes of every label, padded: equal for all, so that none shows by its length.
const LABEL_SIZE: u32 = 32;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let students = ["310199201001010011", "340199201105050025", "340199201207070037"];
    let hardship = [("340199201207070037", "低保"), ("340199196001010049", "特困"), ("340199201105050025", "孤儿")];

    let parameters = Parameters {
        session_id: *seed()?,
        sizes: Sizes { receiver: students.len() as u64, sender: hardship.len() as u64 },
        budget: ErrorBudget::new(40)?,
    };
    let people: Vec<&str> = hardship.iter().map(|(id, _)| *id).collect();
    let categories: Vec<&[u8]> = hardship.iter().map(|(_, category)| category.as_bytes()).collect();
    let labels = Labels::new(LABEL_SIZE, &categories)?;
    let (mine, theirs) = (seed()?, seed()?);
    let oprf = dh_oprf::Receiver::new(&parameters, &mine);
    let receiver = matching::labelled_receiver(oprf, &parameters, items(&students)?, LABEL_SIZE, &mine)?;
    let oprf = dh_oprf::Sender::new(&parameters, &theirs)?;
    let sender = matching::labelled_sender(oprf, &parameters, items(&people)?, labels, &theirs)?;

    let (here, there) = session::in_memory(4);
    let (learned, nothing) = tokio::join!(
        session::run(receiver, here, settings(Side::Receiver, parameters.session_id)?),
        session::run(sender, there, settings(Side::Sender, parameters.session_id)?),
    );
    let (learned, nothing) = (learned?, nothing?);
    if let Outcome::Labelled(rows) = &learned.output {
        for (index, label) in rows {
            let student = students.get(*index as usize).ok_or("an index beyond the students")?;
            println!(
                "The education department learns: {student} is {}",
                String::from_utf8_lossy(label.as_deref().unwrap_or_default())
            );
        }
    }
    println!("The list's owner learns {:?}, and a size: {}.", nothing.output, students.len());
    println!("Both hold the same transcript: {}", learned.transcript == nothing.transcript);
    Ok(())
}

fn items(names: &[&str]) -> Result<Arc<[Item]>, Box<dyn Error>> {
    let key = KeySpec::new(&[KeyType::Raw])?;
    let mut record = Record::default();
    let digest = |name: &&str| {
        record.clear();
        record.push_field(name.as_bytes());
        key.key(&record, &[0]).ok().map(|keyed| Item::from(keyed.key.0))
    };
    names.iter().map(digest).collect::<Option<_>>().ok_or_else(|| "a name is empty".into())
}

fn settings(side: Side, session_id: [u8; 32]) -> Result<Settings, Box<dyn Error>> {
    let limits = Limits { idle: Duration::from_secs(10), total: Duration::from_secs(60) };
    let compute = ComputePool::new(1)?;
    Ok(Settings { session_id, side, compute, limits, cancel: CancellationToken::new(), progress: None })
}

fn seed() -> Result<Seed, getrandom::Error> {
    let mut seed = Seed::default();
    getrandom::fill(&mut *seed)?;
    Ok(seed)
}
