//! What each side holds after the demonstration's job, read from its own folder, and the check that it
//! is what it should be: no more and no less.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use datasets::{Files, push_csv_row};
use records::{Datasets, Record, RecordSource};

use super::{
    participants::{COORDINATOR, PROVINCES, RECEIVER, SENDER, padded},
    world::Figures,
};
use crate::failure::Failure;

/// Bytes of a resident ID.
const ID_LENGTH: usize = 18;

/// How many rows of the result are shown.
const SAMPLES: usize = 4;

/// One row of the result, as it is shown.
pub struct Sample {
    /// The resident's name.
    pub name: String,
    /// The resident ID.
    pub id: String,
    /// The first label.
    pub category: String,
    /// The second label.
    pub valid_to: String,
}

/// What was found.
pub struct Findings {
    /// Rows of Shanghai's result.
    pub matched: u64,
    /// The first of them.
    pub samples: Vec<Sample>,
    /// People on Anhui's list that Shanghai learned nothing of.
    pub others: u64,
    /// The size that Anhui saw.
    pub padded_students: u64,
    /// The size that Shanghai saw.
    pub padded_hardship: u64,
    /// What Shanghai's node counted.
    pub figures: Figures,
    /// From submitting the job to its end.
    pub seconds: f64,
    /// Files that were searched.
    pub files: usize,
    /// What is not as it should be; nothing, one hopes.
    problems: Vec<String>,
}

type Id = [u8; ID_LENGTH];

impl Findings {
    /// Reads every participant's folder below `folder`, and the result that was taken out of Shanghai's node. The figures
    /// are of Shanghai's and of Anhui's node.
    pub(super) fn of(
        folder: &Path,
        (result, seconds): (&Path, f64),
        [ours, theirs]: [Figures; 2],
    ) -> Result<Self, Failure> {
        let join = Join::of(&folder.join(RECEIVER).join("students.csv"), &folder.join(SENDER).join("hardship.csv"))?;
        let mut problems = Vec::new();
        let text = fs::read(result).map_err(|cause| Failure::other(format_args!("{}: {cause}", result.display())))?;
        let delivered = text.split(|&byte| byte == b'\n').skip(1).filter(|line| !line.is_empty());
        if !delivered.eq(join.lines.iter().map(Vec::as_slice)) {
            problems.push("Shanghai's result is not that of a plain join of both lists".to_owned());
        }
        if ours.transcript.is_empty() || ours.transcript != theirs.transcript {
            problems.push("the two nodes do not hold the same transcript hash".to_owned());
        }
        let files = search(folder, &join, &mut problems)?;
        Ok(Self {
            matched: join.lines.len() as u64,
            samples: samples(result)?,
            others: (join.theirs.len() - join.both) as u64,
            padded_students: padded(join.ours.len() as u64),
            padded_hardship: padded(join.theirs.len() as u64),
            figures: ours,
            seconds,
            files,
            problems,
        })
    }

    /// Whether everything is as it should be.
    ///
    /// # Errors
    /// What is not.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.problems.is_empty() { Ok(()) } else { Err(Failure::other(self.problems.join("; "))) }
    }
}

/// The plain join of both lists, made with both at hand as nobody in the run had.
struct Join {
    /// What Shanghai's result must hold, line by line.
    lines: Vec<Vec<u8>>,
    ours: HashSet<Id>,
    theirs: HashSet<Id>,
    /// How many stand on both.
    both: usize,
}

impl Join {
    fn of(students: &Path, hardship: &Path) -> Result<Self, Failure> {
        let mut labels = HashMap::new();
        let mut record = Record::default();
        let mut list = open(hardship)?;
        let columns = ["id_no", "category", "valid_to"].map(|name| list.column(name));
        let [id, category, valid_to] = columns;
        let (id, category, valid_to) = (id?, category?, valid_to?);
        while list.read(&mut record)? {
            let label = [category, valid_to].map(|column| record.field(column).unwrap_or_default().to_vec());
            labels.insert(id_of(&record, id)?, label);
        }
        let (mut lines, mut ours, mut both) = (Vec::new(), HashSet::new(), 0);
        let mut list = open(students)?;
        let id = list.column("id_no")?;
        while list.read(&mut record)? {
            let id = id_of(&record, id)?;
            ours.insert(id);
            if let Some(label) = labels.get(&id) {
                both += 1;
                let mut line = record.raw().to_vec();
                line.push(b',');
                push_csv_row(&mut line, label);
                lines.push(line);
            }
        }
        Ok(Self { lines, ours, theirs: labels.into_keys().collect(), both })
    }

    /// Whether a file of `side` must not hold `id`.
    fn is_foreign(&self, side: &str, id: &Id) -> bool {
        let (ours, theirs) = (self.ours.contains(id), self.theirs.contains(id));
        match side {
            RECEIVER => theirs && !ours,
            SENDER => ours && !theirs,
            _ => ours || theirs,
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn RecordSource>, Failure> {
    Ok(Files::new().open(&path.display().to_string())?)
}

fn id_of(record: &Record, column: usize) -> Result<Id, Failure> {
    let value = record.field(column).unwrap_or_default();
    value.try_into().map_err(|_| Failure::other("a made-up resident has an ID of the wrong length"))
}

fn samples(result: &Path) -> Result<Vec<Sample>, Failure> {
    let mut source = open(result)?;
    let [name, id, category, valid_to] = ["name", "id_no", "category", "valid_to"].map(|name| source.column(name));
    let (name, id, category, valid_to) = (name?, id?, category?, valid_to?);
    let mut samples = Vec::new();
    let mut record = Record::default();
    while samples.len() < SAMPLES && source.read(&mut record)? {
        let text = |column| String::from_utf8_lossy(record.field(column).unwrap_or_default()).into_owned();
        samples.push(Sample { name: text(name), id: text(id), category: text(category), valid_to: text(valid_to) });
    }
    Ok(samples)
}

/// Searches every file of every participant for identifiers that it must not hold. Gives how many files
/// there are.
fn search(folder: &Path, join: &Join, problems: &mut Vec<String>) -> Result<usize, Failure> {
    let mut searched = 0;
    for side in PROVINCES.into_iter().chain([COORDINATOR]) {
        let mut files = Vec::new();
        files_below(&folder.join(side), &mut files)?;
        for file in files {
            let content = fs::read(&file).map_err(Failure::other)?;
            searched += 1;
            let mut windows = content.windows(ID_LENGTH).filter_map(|window| Id::try_from(window).ok());
            if windows.any(|id| join.is_foreign(side, &id)) {
                problems.push(format!("{} holds an identifier that is not {side}'s", file.display()));
            }
        }
        let mut delivered = Vec::new();
        if side != RECEIVER && side != COORDINATOR {
            files_below(&folder.join(side).join("results"), &mut delivered)?;
        }
        if !delivered.is_empty() {
            problems.push(format!("{side} was delivered a result"));
        }
    }
    Ok(searched)
}

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::other)? {
        let path = entry.map_err(Failure::other)?.path();
        if path.is_dir() {
            files_below(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(folder: &Path) -> Join {
        let id = |number: u32| format!("3401992012070700{number:02}");
        let students = format!("id_no,name\n{},a\n{},\"b, c\"\n{},d\n", id(1), id(2), id(3));
        let hardship = format!("id_no,name,category,valid_to\n{},b,低保,20251231\n{},e,特困,20261231\n", id(2), id(4));
        fs::write(folder.join("s.csv"), students).unwrap();
        fs::write(folder.join("h.csv"), hardship).unwrap();
        Join::of(&folder.join("s.csv"), &folder.join("h.csv")).unwrap()
    }

    #[test]
    fn the_plain_join_is_what_a_person_would_write() {
        let folder = tempfile::tempdir().unwrap();
        let join = join(folder.path());
        assert_eq!(join.lines, ["340199201207070002,\"b, c\",低保,20251231".as_bytes()]);
        assert_eq!((join.ours.len(), join.theirs.len(), join.both), (3, 2, 1));
    }

    #[test]
    fn an_identifier_in_the_wrong_place_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let join = join(folder.path());
        for side in PROVINCES.into_iter().chain([COORDINATOR]) {
            fs::create_dir_all(folder.path().join(side).join("results")).unwrap();
        }
        let mut problems = Vec::new();
        fs::write(folder.path().join(RECEIVER).join("students.csv"), "340199201207070001,340199201207070002").unwrap();
        assert_eq!(search(folder.path(), &join, &mut problems).unwrap(), 1);
        assert!(problems.is_empty(), "{problems:?}");
        for (side, id) in [(RECEIVER, 4), (SENDER, 1), (COORDINATOR, 2), ("jiangsu", 4)] {
            let log = folder.path().join(side).join("x.log");
            fs::write(&log, format!("seen G34019920120707000{id} today")).unwrap();
            let mut problems = Vec::new();
            search(folder.path(), &join, &mut problems).unwrap();
            assert_eq!(problems.len(), 1, "{side}: {problems:?}");
            fs::remove_file(log).unwrap();
        }
    }
}
