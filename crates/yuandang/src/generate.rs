//! `yuandang generate`: made-up residents, or keys of random text, in two CSV files with a known overlap.

mod dirt;
pub mod strings;

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use datasets::push_csv_row;
use records::residents::{
    Dirt, HARDSHIP_COLUMNS, LIST_COLUMNS, ListPlan, PopulationPlan, Populations, Province, ResidentLists,
    STUDENT_COLUMNS, seed_from_number,
};
use tokio_util::sync::CancellationToken;

use crate::{
    failure::{Failure, Status},
    progress::Progress,
    screen, stop,
    text::{self, Lang},
};
use strings::{STRING_COLUMNS, StringPlan};

/// How many rows are written between two words of progress.
const ROWS_BETWEEN_PROGRESS: u64 = 1024;

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rows of students.csv
    #[arg(long, value_name = "N", default_value_t = 10_000, conflicts_with = "pair")]
    students: u64,
    /// Rows of hardship.csv
    #[arg(long, value_name = "N", default_value_t = 3_000, conflicts_with = "pair")]
    hardship: u64,
    /// Residents, or keys, that are in both files
    #[arg(long, value_name = "K", default_value_t = 300)]
    overlap: u64,
    /// Make up keys of 1 to 100 characters instead of residents: receiver.csv and sender.csv
    #[arg(long, group = "pair", requires_all = ["receiver", "sender"], conflicts_with = "dirt")]
    strings: bool,
    /// Make plain lists of residents for large benchmarks, sixty bytes a row: receiver.csv and sender.csv
    #[arg(long, group = "pair", requires_all = ["receiver", "sender"])]
    residents: bool,
    /// Rows of receiver.csv
    #[arg(long, value_name = "N", requires = "pair")]
    receiver: Option<u64>,
    /// Rows of sender.csv
    #[arg(long, value_name = "N", requires = "pair")]
    sender: Option<u64>,
    /// Percent of the residents' rows that are written differently and have the same key, and percent that are
    /// damaged and have none [default: none]
    #[arg(long, value_name = "VARIANTS[,DAMAGED]", value_parser = dirt::parse)]
    dirt: Option<Dirt>,
    /// The same seed gives the same files
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder that gets the files
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    overwrite: bool,
}

impl Arguments {
    /// Writes both files.
    ///
    /// # Errors
    /// [`Failure`] if the numbers do not fit together or a file cannot be written.
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
        runtime.block_on(async {
            let stop = stop::on_signal()?;
            let work = tokio::task::spawn_blocking(move || self.write(lang, &stop));
            work.await.map_err(Failure::other)?
        })
    }

    fn write(&self, lang: Lang, stop: &CancellationToken) -> Result<(), Failure> {
        let progress = Progress::to_standard_error();
        let mut writer = Writer { folder: &self.out_dir, overwrite: self.overwrite, progress: &progress, stop };
        let dirt = self.dirt.unwrap_or_default();
        let written = match (self.receiver, self.sender) {
            (Some(receiver), Some(sender)) if self.residents => {
                let plan = ListPlan { receiver, sender, shared: self.overlap };
                let lists = ResidentLists::new(seed_from_number(self.seed), plan, dirt).map_err(Failure::usage)?;
                let [ours, theirs] = lists.rows();
                vec![
                    (writer.file("receiver.csv", &LIST_COLUMNS, receiver, ours)?, receiver),
                    (writer.file("sender.csv", &LIST_COLUMNS, sender, theirs)?, sender),
                ]
            }
            (Some(receiver), Some(sender)) => {
                let plan = StringPlan { receiver, sender, shared: self.overlap, seed: self.seed };
                let [ours, theirs] = plan.files()?;
                vec![
                    (writer.file("receiver.csv", &STRING_COLUMNS, receiver, ours)?, receiver),
                    (writer.file("sender.csv", &STRING_COLUMNS, sender, theirs)?, sender),
                ]
            }
            _ => {
                let residents = residents(self.students, self.hardship, self.overlap, self.seed)?.with_dirt(dirt);
                vec![
                    (writer.students(&residents, self.students)?, self.students),
                    (writer.hardship_list(&residents, self.hardship)?, self.hardship),
                ]
            }
        };
        progress.finish();
        written.iter().try_for_each(|(path, rows)| screen::line(&text::generated(lang, *rows, path)))
    }
}

/// The made-up students of Shanghai and the hardship list of Anhui.
///
/// # Errors
/// If the numbers do not fit together.
pub fn residents(students: u64, hardship: u64, shared: u64, seed: u64) -> Result<Populations, Failure> {
    let plan = PopulationPlan { students, hardship, shared, study: Province::Shanghai, home: Province::Anhui };
    Populations::new(seed_from_number(seed), plan).map_err(Failure::usage)
}

/// Writes CSV files into a folder. Each shows under its name once it is whole.
pub struct Writer<'a> {
    /// The folder; it is made if it is not there.
    pub folder: &'a Path,
    /// Whether files that are there are replaced.
    pub overwrite: bool,
    /// Is told how far it is.
    pub progress: &'a Progress,
    /// Ends it.
    pub stop: &'a CancellationToken,
}

impl Writer<'_> {
    /// Writes students.csv, which has `count` rows.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn students(&mut self, residents: &Populations, count: u64) -> Result<PathBuf, Failure> {
        self.file("students.csv", &STUDENT_COLUMNS, count, residents.students())
    }

    /// Writes hardship.csv, which has `count` rows.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn hardship_list(&mut self, residents: &Populations, count: u64) -> Result<PathBuf, Failure> {
        self.file("hardship.csv", &HARDSHIP_COLUMNS, count, residents.hardship_list())
    }

    /// Writes one file and gives its path.
    ///
    /// # Errors
    /// If it is there already, or cannot be written.
    pub fn file<const N: usize>(
        &mut self,
        name: &str,
        columns: &[&str; N],
        count: u64,
        rows: impl Iterator<Item = [String; N]>,
    ) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        let cannot = |cause: std::io::Error| Failure::new(Status::Usage, format_args!("{}: {cause}", path.display()));
        fs::create_dir_all(self.folder).map_err(cannot)?;
        if path.exists() && !self.overwrite {
            return Err(Failure::usage(format_args!(
                "{} exists already; add --overwrite to replace it",
                path.display()
            )));
        }
        let file = tempfile::Builder::new().prefix(".generate-").tempfile_in(self.folder).map_err(cannot)?;
        let mut out = BufWriter::new(file);
        let mut line = Vec::new();
        push_csv_row(&mut line, columns.iter().map(|column| column.as_bytes()));
        line.push(b'\n');
        for (number, row) in (1..).zip(rows) {
            push_csv_row(&mut line, row.iter().map(|value| value.as_bytes()));
            line.push(b'\n');
            if line.len() > 1 << 16 {
                out.write_all(&line).map_err(cannot)?;
                line.clear();
            }
            if number % ROWS_BETWEEN_PROGRESS == 0 {
                self.progress.update(name, "rows", number, count);
                if self.stop.is_cancelled() {
                    return Err(Failure::stopped());
                }
            }
        }
        out.write_all(&line).map_err(cannot)?;
        let file = out.into_inner().map_err(|error| cannot(error.into_error()))?;
        open_to_all(file.as_file()).map_err(cannot)?;
        let kept = if self.overwrite { file.persist(&path) } else { file.persist_noclobber(&path) };
        kept.map_err(|error| cannot(error.error))?;
        Ok(path)
    }
}

/// Temporary files are their owner's alone; these are as readable as any other new file.
fn open_to_all(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
