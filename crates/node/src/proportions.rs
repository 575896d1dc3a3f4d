//! How large both sides of a run are, into what it is cut, and what it will take.

use std::time::Duration;

use agreement::Role;
use psi::{ErrorBudget, Sizes, bins::Bins, cost};
use records::RowCounts;

use crate::{engine, error::RunError, forecast::forecast, handshake::Agreed, plan::Plan, run::Run, space::Space};

/// The padded sizes of both sides.
fn sizes_of(plan: &Plan, agreed: &Agreed) -> Sizes {
    let (own, theirs) = (agreed.own_size, agreed.peer_size);
    match plan.own.role {
        Role::Receiver => Sizes { receiver: own, sender: theirs },
        Role::Sender => Sizes { receiver: theirs, sender: own },
    }
}

/// Into how many bins the sets are cut, and of what size.
pub(crate) fn bins_of(plan: &Plan, agreed: &Agreed) -> Result<Bins, RunError> {
    let budget = ErrorBudget::new(plan.terms.error_budget.lambda).map_err(|error| engine::own(&error))?;
    let sizes = sizes_of(plan, agreed);
    let count = match plan.terms.bins {
        0 => Bins::best_count(sizes, agreed.bin_items),
        named => named,
    };
    let bins = Bins::new(sizes, count, budget).map_err(|error| engine::own(&error))?;
    engine::takes(plan, bins.sizes().receiver)?;
    Ok(bins)
}

/// Says what the job will take, before anything of the protocol leaves. The network is not known, and costs nothing here.
pub(crate) fn log_forecast(run: &Run, plan: &Plan, (items, counts): (u64, &RowCounts), agreed: &Agreed) {
    let Ok(budget) = ErrorBudget::new(plan.terms.error_budget.lambda) else { return };
    let facts = cost::Facts {
        task: engine::task(plan.terms.mode, agreed.label_size),
        sizes: sizes_of(plan, agreed),
        bin_items: u64::MAX,
        budget,
        threads: run.compute.threads(),
        round_trip: Duration::ZERO,
        bits_per_second: None,
    };
    let space = Space { bin_items: Some(agreed.bin_items), in_flight: agreed.in_flight, ..run.space.clone() };
    let rows = counts.rows.saturating_sub(counts.missing_keys).saturating_sub(counts.refused_rows);
    let engine = engine::engine(plan.terms.protocol);
    // Sets that cannot be cut were refused.
    let Ok(Some(forecast)) = forecast(engine, &facts, (rows, agreed.label_size), &space) else { return };
    let (sent, received) = match plan.own.role {
        Role::Receiver => (forecast.to_sender, forecast.to_receiver),
        Role::Sender => (forecast.to_receiver, forecast.to_sender),
    };
    tracing::info!(
        job_id = run.job_id,
        items,
        duplicate_rows = counts.duplicate_rows,
        peer_items = agreed.peer_size,
        bins = forecast.bins,
        expected_seconds = forecast.seconds,
        expected_bytes_sent = sent,
        expected_bytes_received = received,
        expected_memory_bytes = forecast.memory,
        "matching begins"
    );
}
