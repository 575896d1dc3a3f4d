//! `yuandang check`: what is wrong with a record set, before anything of it is matched, and what a job with
//! it would take.
//!
//! All that it prints is counts. Rows that are refused go to a file of their own, if that is asked for.

mod chart;
mod estimate;
mod html;
mod report;
mod snapshot;

use std::path::PathBuf;

use agreement::KeyType;
use clap::Args;
use datasets::Files;
use node::{
    Space,
    quality::{self, Question, Rejects},
};
use records::{
    KeySpec, Reason,
    standard::{CalendarDate, Settings},
};
use session::ComputePool;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

pub use chart::{Bar, Colour, LINE, Paint, columns_of, wrapped};
pub use estimate::Estimate;
pub use report::{Refused, Report, Share, Warned};
pub use snapshot::{Age, Origin};

use crate::{
    failure::{Failure, Status},
    logs,
    match_files::{check_output, threads},
    progress::Progress,
    screen::{self, Format},
    space::SpaceArguments,
    stop,
    text::{self, Lang},
};
use snapshot::SnapshotDate;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The record set: a CSV file with a header
    #[arg(value_name = "FILE")]
    source: String,
    /// The columns that identify a record
    #[arg(long, value_name = "COL", value_delimiter = ',', required = true)]
    key: Vec<String>,
    /// What the key columns hold, one for each: raw, resident-id, uscc, organisation-code, ebill,
    /// birth-certificate, mobile, name, date, region [default: raw]
    #[arg(long, value_name = "T", value_delimiter = ',')]
    key_type: Vec<KeyType>,
    /// When the data was taken: a day, after which nobody in it can be born, or a column whose newest date
    /// tells it [default: when the file was last changed]
    #[arg(long, value_name = "COL|YYYYMMDD")]
    snapshot_date: Option<SnapshotDate>,
    /// Where refused rows go, each with the reason behind it; this file holds personal data
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Where the report goes as a page for a browser; it holds counts alone
    #[arg(long, value_name = "REPORT.html")]
    output: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    overwrite: bool,
    /// End with status 3 if more than so many percent of the rows are refused or have no key
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_above: Option<f64>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Threads that compute [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    space: SpaceArguments,
    #[command(flatten)]
    plan: estimate::PlanArguments,
}

/// Reads a share in percent.
///
/// # Errors
/// In words, if it is none.
pub fn percent(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=100.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is not 0 to 100 percent"))
}

impl Arguments {
    /// Examines the record set and says what it is like.
    ///
    /// # Errors
    /// [`Failure`] if the arguments are wrong, the record set cannot be read, or too many of its rows are of no
    /// use.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        logs::to_standard_error(LevelFilter::WARN);
        self.admits()?;
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
        runtime.block_on(async {
            let stop = stop::on_signal()?;
            let work = tokio::task::spawn_blocking(move || {
                let report = self.report(lang, &stop);
                if stop.is_cancelled() { Err(Failure::stopped()) } else { self.deliver(lang, &report?) }
            });
            work.await.map_err(Failure::other)?
        })
    }

    /// Checks what can be checked before anything is read.
    fn admits(&self) -> Result<(), Failure> {
        let key = KeySpec::new(&self.key_types()).map_err(Failure::usage)?;
        key.admits(self.key.len()).map_err(|error| Failure::usage(format_args!("--key: {error}")))?;
        for output in self.rejects.iter().chain(&self.output) {
            check_output(output, self.overwrite, &[&self.source])?;
        }
        if self.rejects.is_some() && self.rejects == self.output {
            return Err(Failure::usage("--rejects and --output are the same file"));
        }
        match &self.snapshot_date {
            Some(SnapshotDate::Day(day)) if *day > snapshot::today()? => {
                Err(Failure::usage(format_args!("--snapshot-date: {day} is in the future")))
            }
            _ => self.plan.admits(),
        }
    }

    fn key_types(&self) -> Vec<KeyType> {
        if self.key_type.is_empty() { vec![KeyType::Raw; self.key.len()] } else { self.key_type.clone() }
    }

    fn report(&self, lang: Lang, stop: &CancellationToken) -> Result<Report, Failure> {
        let files = Files::new();
        let today = snapshot::today()?;
        let question = self.question(lang, today);
        let space = Space::from(self.space.ordered());
        let threads = threads(self.threads);
        let pool = ComputePool::new(threads).map_err(Failure::other)?;
        let progress = Progress::to_standard_error();
        let on_rows = |rows| progress.update("check", "rows", rows, None);
        let quality = quality::examine(&files, &question, &space, &pool, stop, &on_rows)?;
        progress.finish();
        let given = self.snapshot_date.as_ref();
        let age = snapshot::age(given, quality.dates, today, || files.modified(&self.source))?;
        let estimate = self.plan.estimate(&quality, threads, &space)?;
        let file = self.rejects.as_ref().map(|path| path.display().to_string());
        Ok(Report::new(&question, quality, age, file, estimate))
    }

    fn question(&self, lang: Lang, today: CalendarDate) -> Question {
        let rejects = self.rejects.as_ref().map(|path| Rejects {
            address: path.to_string_lossy().into_owned(),
            overwrite: self.overwrite,
            explain: match lang {
                Lang::En => Reason::english,
                Lang::Zh => Reason::chinese,
            },
        });
        let (snapshot, dates) = match &self.snapshot_date {
            Some(SnapshotDate::Day(day)) => (Some(*day), None),
            Some(SnapshotDate::Column(column)) => (None, Some((column.clone(), today))),
            None => (None, None),
        };
        Question {
            source: self.source.clone(),
            key_columns: self.key.clone(),
            key_types: self.key_types(),
            settings: Settings { snapshot },
            dates,
            rejects,
        }
    }

    fn deliver(&self, lang: Lang, report: &Report) -> Result<(), Failure> {
        if let Some(output) = &self.output {
            let path = Files::new().local_path(&output.to_string_lossy())?;
            let path = path.ok_or_else(|| Failure::usage("--output is a file on this machine"))?;
            html::write(&path, &html::page(lang, report, snapshot::today()?), self.overwrite)?;
        }
        match self.format {
            Format::Json => screen::json(report)?,
            Format::Text => screen::line(&text::check::report(lang, report, self.output.as_deref(), Paint::found()))?,
        }
        match self.fail_above {
            Some(most) if report.unusable().percent() > most => Err(Failure::new(
                Status::Data,
                format_args!(
                    "{} of {} rows are refused or have no key: more than the {most} percent of --fail-above",
                    report.unusable().part,
                    report.rows
                ),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_none_and_all() {
        assert_eq!((percent("0"), percent("2.5"), percent("100")), (Ok(0.0), Ok(2.5), Ok(100.0)));
        for wrong in ["-1", "100.1", "NaN", "inf", "few", ""] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
