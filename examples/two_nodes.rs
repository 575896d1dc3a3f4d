//! Two nodes and a coordinator on loopback, over gRPC with mutual TLS: a job is submitted, runs, and
//! the receiver takes its result out of its node.
//!
//! `cargo run --release -p yuandang-examples --example two_nodes`
#![allow(clippy::print_stdout)]

use agreement::Mode;
use testkit::{World, WorldSpec, table_pair, world::job_of_two};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (students, hardship) = table_pair(2023, 500, 300, 40);
    let spec = WorldSpec::new(&["shanghai", "anhui"]);
    let datasets = [("shanghai", "students", &students), ("anhui", "hardship", &hardship)];
    let world = World::start(&spec, &datasets).await?;
    println!("The coordinator listens at {}", world.coordinator_endpoint);
    for (name, node) in &world.nodes {
        println!("{name} listens at {}", node.endpoint);
    }

    let labels = ["category"];
    let job = job_of_two(Mode::Labelled, ("shanghai", "students", "id"), ("anhui", "hardship", "person"), &labels)?;
    let job_id = world.submit("shanghai", &job).await?;
    let (state, ended) = world.wait("shanghai", &job_id).await?;
    println!("job {job_id} is {state} {}", ended.cause);

    let result = world.result("shanghai", &job_id).await?.unwrap_or_default();
    println!("Shanghai holds {} rows; the first are:", result.lines().count().saturating_sub(1));
    for line in result.lines().take(4) {
        println!("  {line}");
    }
    println!("Anhui holds a result: {}", world.result("anhui", &job_id).await?.is_some());
    world.stop().await
}
