//! A run from its beginning to its end: prepare and meet, shake hands, cut, match, deliver.

use std::{
    mem,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use agreement::Mode;
use psi::bins::Bins;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{
    bins::{self, Lane, Work},
    choice::{self, Approach},
    conclude::note_delivery,
    deliver::{self, Delivered},
    error::RunError,
    findings::Findings,
    guarding,
    handshake::{self, Agreed, Known, OwnInput, Patience},
    lines::Lines,
    link::Link,
    plan::Plan,
    prepare::{self, Prepared},
    proportions::{bins_of, log_forecast},
    resume::{Ready, Resumption},
    run::{Bounds, Input, Run, RunReport},
    stop::Stop,
};

/// How long a run that has failed waits for a connection on which to say so.
const COURTESY: Duration = Duration::from_secs(3);

/// Runs over the links that `lines` brings, while the input is being prepared.
pub(crate) async fn conduct(
    run: Run,
    bounds: Bounds,
    approach: Approach,
    lines: impl Lines,
) -> Result<RunReport, RunError> {
    let stop = Stop::new(run.cancel.clone(), run.limits.total);
    let outcome = conduct_until(run, bounds, approach, lines, &stop).await;
    if outcome.is_err() {
        // What was begun is gone when the run is, and no work of it meets that of the next attempt.
        stop.settled().await;
    }
    outcome
}

async fn conduct_until(
    mut run: Run,
    bounds: Bounds,
    approach: Approach,
    mut lines: impl Lines,
    stop: &Stop,
) -> Result<RunReport, RunError> {
    let began = Instant::now();
    let resumption = Resumption::look(&run, stop).await?;
    // Taken, since a copy of made-up items would be held to the end.
    let mut input = mem::replace(&mut run.input, Input::Items(Vec::new()));
    if let (true, Input::Dataset { overwrite, .. }) = (resumption.was_agreed(), &mut input) {
        // An earlier process may have delivered, and ended before it could say so.
        *overwrite = true;
    }
    let met = meet(&run, input, resumption.secret.clone(), stop, approach, &mut lines).await?;
    let Met { plan, prepared, link, ready } = met;
    let prepare_seconds = began.elapsed().as_secs_f64();
    let Prepared { set, items, counts, tally: quality, padded_size, label_size, commitment, source, delivery } =
        prepared;
    let admitted = run.under.as_ref().map_or(Ok(()), |under| under.admit_own(items));
    let guarded = match admitted {
        Ok(()) => guarding::guard(&run, &plan, set, items, stop).await,
        Err(error) => Err(error),
    };
    let set = match guarded {
        Ok(set) => set,
        Err(error) => {
            link.part(&error).await;
            return Err(error);
        }
    };
    let known = match resumption.known(&plan, &commitment, &source) {
        Ok(known) => resumption.promise(&run, &plan, (&commitment, &source), stop).await.map(|()| known),
        Err(error) => Err(error),
    };
    let known = match known {
        Ok(known) => known,
        Err(error) => {
            link.part(&error).await;
            return Err(error);
        }
    };
    let own = OwnInput {
        padded_size,
        commitment,
        label_size,
        bin_items: run.space.wanted_bin_items(label_size),
        in_flight: run.space.in_flight.clamp(1, lines.most()),
        lane: 0,
        under: run.under.clone(),
        held: run.stage.held(),
        known,
    };
    let opened = stop.bound(open(&run, bounds, &plan, own, link, &mut lines)).await?;
    let Opened { bins, shaken } = opened;
    let first = shaken.first().map(|first| first.agreed.clone());
    let agreed = first.ok_or_else(|| RunError::Own("a fault in this program: no lane".to_owned()))?;
    log_forecast(&run, &plan, (items, &counts), &agreed);
    let lanes: Vec<Lane> = shaken.into_iter().map(|Shaken { link, agreed }| Lane::new(link, agreed)).collect();

    let (job_key, count, space) = (agreed.job_key, bins.count(), run.space.clone());
    let label_columns = (plan.terms.mode == Mode::Labelled).then_some(plan.terms.label_columns.len());
    let findings = Findings::new(counts.rows, label_columns, &space);
    let readied = async {
        let ready = resumption.begin(&run, &plan, &agreed, (commitment, source), (findings, count), stop).await?;
        let cut = run.compute.run(move || set.cut(&job_key, count, &space)).await;
        let cut = cut.map_err(|error| RunError::Own(error.to_string())).and_then(|cut| cut)?;
        Ok((cut, ready))
    };
    let (cut, Ready { checkpoint, findings, tally }) =
        match bins::busy_with(&lanes, run.limits.idle, stop.bound(readied)).await {
            Ok(ready) => ready,
            Err(error) => {
                for lane in lanes {
                    lane.break_off(&error).await;
                }
                return Err(error);
            }
        };
    let due = tally.missing();
    let resumed_bins = count.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
    let checkpoints = run.checkpoints.clone();
    let job_id = run.job_id.clone();
    // What a gate finds is for the rule, and is not delivered.
    let is_gate = run.stage.is_gate();
    let under = run.under.clone().filter(|_| !is_gate);
    let work = Arc::new(Work {
        due,
        checkpoint,
        findings: Mutex::new(findings),
        tally: Mutex::new(tally),
        stop: stop.clone(),
        run,
        plan,
        bins,
        cut,
    });
    bins::match_all(Arc::clone(&work), lanes).await?;
    let Work { plan, findings, tally, .. } =
        Arc::into_inner(work).ok_or_else(|| RunError::Own("a fault in this program: a lane goes on".to_owned()))?;
    let findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let transcript =
        tally.transcript().ok_or_else(|| RunError::Own("a fault in this program: a bin lacks".to_owned()))?;

    let delivering = Instant::now();
    let delivered = deliver::deliver(findings, delivery, &plan, under.as_ref(), stop).await?;
    let facts = agreed.facts(transcript);
    if let Some(under) = &under {
        under.succeeded(facts.clone(), plan.learns().then_some(delivered)).await?;
    }
    if !is_gate {
        note_delivery(checkpoints, &job_id, transcript, stop).await;
    }
    let Delivered { matched, withheld, rows_written, unreadable_labels, .. } = delivered;
    Ok(RunReport {
        participant: plan.me.clone(),
        role: plan.own.role,
        peer: plan.peer().clone(),
        mode: plan.terms.mode,
        counts,
        tally: quality,
        items,
        padded_size,
        peer_padded_size: agreed.peer_size,
        matched,
        withheld,
        facts,
        rows_written,
        unreadable_labels,
        bins: count,
        resumed_bins,
        transcript,
        phases: tally.phases,
        bytes_sent: tally.bytes_sent,
        bytes_received: tally.bytes_received,
        prepare_seconds,
        deliver_seconds: delivering.elapsed().as_secs_f64(),
        seconds: began.elapsed().as_secs_f64(),
        ready,
        ended: tally.ended,
    })
}

/// A side that can say hello.
struct Met {
    plan: Plan,
    prepared: Prepared,
    link: Link,
    /// See [`RunReport::ready`].
    ready: Instant,
}

/// Prepares the input and waits for the link, both at once. Whichever side cannot go on, the other is told.
async fn meet(
    run: &Run,
    input: Input,
    secret: Zeroizing<[u8; 32]>,
    stop: &Stop,
    approach: Approach,
    lines: &mut impl Lines,
) -> Result<Met, RunError> {
    let called = approach.is_called();
    let preparing = async {
        let plan = Plan::new(run)?;
        let prepared = prepare::prepare(run, input, secret, &plan, stop).await?;
        let plan = choice::settle(run, plan, prepared.facts(), approach).await?;
        Ok((plan, prepared, Instant::now()))
    };
    let mut preparing = pin!(stop.bound(preparing));
    let mut link = pin!(stop.bound(lines.next()));
    let prepared = tokio::select! {
        prepared = &mut preparing => prepared,
        arrived = &mut link => {
            let mut link = arrived?;
            let prepared = tokio::select! {
                prepared = preparing => prepared,
                error = link.gone(&run.me) => Err(error),
            };
            return match prepared {
                Ok((plan, prepared, ready)) => Ok(Met { plan, prepared, link, ready }),
                Err(error) => {
                    link.part(&error).await;
                    Err(error)
                }
            };
        }
    };
    match prepared {
        Ok((plan, prepared, prepared_at)) => {
            let link = link.await?;
            // A call that comes to us has been open since before the peer was ready.
            let ready = if called { prepared_at } else { Instant::now() };
            Ok(Met { plan, prepared, link, ready })
        }
        Err(error) => {
            // The peer may be about to arrive: better that it hears why than that it waits in vain. Once
            // the run is stopped there is no link to be had.
            if let Ok(Ok(link)) = timeout(COURTESY, link).await {
                link.part(&error).await;
            }
            Err(error)
        }
    }
}

/// A connection whose handshake is done.
struct Shaken {
    link: Link,
    agreed: Agreed,
}

/// All connections of a run, with the handshake of each done.
struct Opened {
    bins: Bins,
    shaken: Vec<Shaken>,
}

/// Shakes hands on the first link, and on as many further ones as there are lanes.
async fn open(
    run: &Run,
    bounds: Bounds,
    plan: &Plan,
    mut own: OwnInput,
    link: Link,
    lines: &mut impl Lines,
) -> Result<Opened, RunError> {
    let patience = Patience { hello: bounds.rendezvous, step: run.limits.idle, max_items: bounds.max_items };
    let first = open_lane(plan, &own, link, patience).await?;
    let cut = match bins_of(plan, &first.agreed) {
        Ok(bins) => bins,
        Err(error) => return Err(part_all(vec![first], error).await),
    };
    let due = cut.count().saturating_sub(first.agreed.finished.count());
    let count = first.agreed.in_flight.min(due).max(1);
    let Agreed { job_key, peer_commitment, peer_size, ref finished, .. } = first.agreed;
    own.known = Some(Known { job_key, peer_commitment, peer_size, finished: finished.clone() });
    let mut shaken = vec![first];
    for lane in 1..count {
        own.lane = lane;
        // A peer that gives up says so on the first lane.
        let next = match shaken.first_mut() {
            Some(first) => tokio::select! {
                next = lines.next() => next,
                error = first.link.gone(&run.me) => Err(error),
            },
            None => lines.next().await,
        };
        let opened = match next {
            Ok(link) => open_lane(plan, &own, link, patience).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(further) => shaken.push(further),
            Err(error) => return Err(part_all(shaken, error).await),
        }
    }
    Ok(Opened { bins: cut, shaken })
}

async fn open_lane(plan: &Plan, own: &OwnInput, mut link: Link, patience: Patience) -> Result<Shaken, RunError> {
    match handshake::shake(&mut link, plan, own, patience).await {
        Ok(agreed) => Ok(Shaken { link, agreed }),
        Err(error) => {
            link.part(&error).await;
            Err(error)
        }
    }
}

/// Ends all connections because of an error, which is given back.
async fn part_all(shaken: Vec<Shaken>, error: RunError) -> RunError {
    for Shaken { link, .. } in shaken {
        link.part(&error).await;
    }
    error
}
