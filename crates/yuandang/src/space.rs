//! Options for what a run may take of the machine.

use std::path::PathBuf;

use clap::Args;
use node::Space;
use serde::{Deserialize, Serialize};

/// Options of commands that match on this machine.
#[derive(Clone, Debug, Args)]
pub struct SpaceArguments {
    /// Mebibytes of memory that each party has for preparing its set and for bins; what does not fit goes to disk
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    memory: u32,
    /// How many items a bin is to have, about [default: 2^20, or what the memory allows; bench: all in one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    bin_items: Option<u64>,
    /// Bins that are matched at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    in_flight: u32,
    /// The folder of temporary files [default: the system's]
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
}

/// The same as a child process is told it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderedSpace {
    folder: PathBuf,
    memory: u64,
    in_flight: u32,
    bin_items: Option<u64>,
}

impl SpaceArguments {
    /// What a party may take.
    #[must_use]
    pub fn ordered(&self) -> OrderedSpace {
        OrderedSpace {
            folder: self.temp_dir.clone().unwrap_or_else(|| Space::default().folder),
            memory: u64::from(self.memory) << 20,
            in_flight: self.in_flight,
            bin_items: self.bin_items,
        }
    }

    /// The same where sets stay in one piece unless something else was asked for.
    #[must_use]
    pub fn ordered_whole(&self) -> OrderedSpace {
        OrderedSpace { bin_items: Some(self.bin_items.unwrap_or(u64::MAX)), ..self.ordered() }
    }
}

impl From<Space> for OrderedSpace {
    fn from(Space { folder, memory, in_flight, bin_items }: Space) -> Self {
        Self { folder, memory, in_flight, bin_items }
    }
}

impl From<OrderedSpace> for Space {
    fn from(OrderedSpace { folder, memory, in_flight, bin_items }: OrderedSpace) -> Self {
        Self { folder, memory, in_flight, bin_items }
    }
}
