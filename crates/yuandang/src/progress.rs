//! How far a run is, told to a person: bars with rate and time left on a terminal, otherwise a plain
//! line every few seconds. All of it goes to standard error.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::screen;

/// The least time between two plain lines of one party.
const BETWEEN_LINES: Duration = Duration::from_secs(3);

/// The most parties that are shown; who they are may come from a coordinator.
const MAX_PARTIES: usize = 16;

/// Progress of any number of parties.
pub struct Progress {
    shown: Mutex<Shown>,
}

enum Shown {
    Bars { all: MultiProgress, bars: BTreeMap<String, (String, ProgressBar)> },
    Lines { last: BTreeMap<String, Instant> },
    Nothing,
}

impl Progress {
    /// On a terminal bars, otherwise lines.
    #[must_use]
    pub fn to_standard_error() -> Self {
        let shown = if io::stderr().is_terminal() {
            Shown::Bars { all: MultiProgress::new(), bars: BTreeMap::new() }
        } else {
            Shown::Lines { last: BTreeMap::new() }
        };
        Self { shown: Mutex::new(shown) }
    }

    /// Shows that `who` has done `done` elements of `phase`, of `total` if that is known.
    pub fn update(&self, who: &str, phase: &str, done: u64, total: impl Into<Option<u64>>) {
        let total = total.into();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *shown {
            Shown::Bars { all, bars } => update_bar(all, bars, who, phase, done, total),
            Shown::Lines { last } => {
                let now = Instant::now();
                // The first word comes after a while: a run of a second needs none.
                let before = match last.get(who) {
                    Some(before) => *before,
                    None if last.len() < MAX_PARTIES => *last.entry(who.to_owned()).or_insert(now),
                    None => return,
                };
                if now.duration_since(before) >= BETWEEN_LINES {
                    last.insert(who.to_owned(), now);
                    screen::note(&plain_line(who, phase, done, total));
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Shown::Bars { all, bars } = &*shown {
            for (_, bar) in bars.values() {
                bar.finish_and_clear();
            }
            let _ = all.clear();
        }
        *shown = Shown::Nothing;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn update_bar(
    all: &MultiProgress,
    bars: &mut BTreeMap<String, (String, ProgressBar)>,
    who: &str,
    phase: &str,
    done: u64,
    total: Option<u64>,
) {
    if !bars.contains_key(who) && bars.len() >= MAX_PARTIES {
        return;
    }
    let (current, bar) = bars.entry(who.to_owned()).or_insert_with(|| {
        let bar = all.add(total.map_or_else(ProgressBar::no_length, ProgressBar::new));
        let template = match total {
            Some(_) => "{prefix:>10} {msg:<12} {bar:30} {human_pos}/{human_len} {per_sec}, {eta} left",
            None => "{prefix:>10} {msg:<12} {human_pos}, {per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(who.to_owned());
        (String::new(), bar)
    });
    if current != phase {
        phase.clone_into(current);
        bar.reset();
        bar.set_message(phase.to_owned());
    }
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar.set_position(done.min(total.unwrap_or(u64::MAX)));
}

fn plain_line(who: &str, phase: &str, done: u64, total: Option<u64>) -> String {
    let Some(total) = total else { return format!("{who}: {phase}: {done}") };
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
    format!("{who}: {phase}: {done} of {total} ({percent} %)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_survives_odd_numbers() {
        assert_eq!(plain_line("anhui", "evaluate", 50, Some(200)), "anhui: evaluate: 50 of 200 (25 %)");
        assert_eq!(plain_line("anhui", "evaluate", 0, Some(0)), "anhui: evaluate: 0 of 0 (100 %)");
        assert_eq!(plain_line("students.csv", "rows", 7, None), "students.csv: rows: 7");
        assert!(plain_line("anhui", "evaluate", u64::MAX, Some(2)).ends_with("(100 %)"));
    }

    #[test]
    fn no_number_of_names_fills_the_memory() {
        let progress = Progress { shown: Mutex::new(Shown::Lines { last: BTreeMap::new() }) };
        (0..1000).for_each(|index| progress.update(&format!("p{index}"), "x", 1, 2));
        let shown = progress.shown.lock().unwrap();
        assert!(matches!(&*shown, Shown::Lines { last } if last.len() == MAX_PARTIES));
    }
}
