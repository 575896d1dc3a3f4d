//! Two parties in one process find what they have in common. No network, no files.
//!
//! `cargo run --release -p yuandang-examples --example two_parties`
#![allow(clippy::print_stdout)]

use std::{error::Error, sync::Arc, time::Duration};

use psi::{ErrorBudget, Item, Outcome, Parameters, Seed, Sizes, dh_oprf, matching};
use records::{KeySpec, KeyType, Record};
use session::{ComputePool, Limits, Settings, Side};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let shanghai = ["Wang Fang", "Li Wei", "Zhang Min", "Chen Jing"];
    let anhui = ["Liu Yang", "Chen Jing", "Li Wei"];
    let sizes = Sizes { receiver: shanghai.len() as u64, sender: anhui.len() as u64 };
    let parameters = Parameters { session_id: *seed()?, sizes, budget: ErrorBudget::new(40)? };
    let (mine, theirs) = (seed()?, seed()?);
    let oprf = dh_oprf::Receiver::new(&parameters, &mine);
    let receiver = matching::membership_receiver(oprf, &parameters, items(&shanghai)?, &mine)?;
    let oprf = dh_oprf::Sender::new(&parameters, &theirs)?;
    let sender = matching::membership_sender(oprf, &parameters, items(&anhui)?, &theirs)?;

    let (here, there) = session::in_memory(4);
    let (learned, nothing) = tokio::try_join!(
        session::run(receiver, here, settings(Side::Receiver, parameters.session_id)?),
        session::run(sender, there, settings(Side::Sender, parameters.session_id)?),
    )?;
    if let Outcome::Matched(indices) = &learned.output {
        let names: Vec<_> = indices.iter().filter_map(|&index| shanghai.get(index as usize)).collect();
        println!("Shanghai learns that Anhui has {names:?}, and that Anhui has {} people.", anhui.len());
    }
    println!("Anhui learns {:?}, and that Shanghai has {} people.", nothing.output, shanghai.len());
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
