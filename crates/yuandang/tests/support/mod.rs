//! Runs the binary as a person would, on small files that are made up here.
#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

pub(crate) mod site;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The binary with an environment that is the same everywhere.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yuandang"));
    command.args(arguments).env_remove("LC_ALL").env_remove("LC_MESSAGES").env_remove("RUST_LOG").env("LANG", "C");
    command
}

/// Runs the binary to its end.
pub(crate) fn yuandang(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// What it wrote to standard error.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What it wrote to standard output.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs it and takes standard output as one JSON value, with nothing else there.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let output = yuandang(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs it, expects it to fail with `status`, and gives what it says.
pub(crate) fn fails(status: i32, arguments: &[&str]) -> String {
    let output = yuandang(arguments);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?} wrote a result");
    said
}

/// A folder with two files that have keys in common: students.csv (id,name) and list.csv (person,kind).
pub(crate) struct Files {
    folder: TempDir,
    students: Vec<[String; 2]>,
    list: Vec<[String; 2]>,
}

impl Files {
    /// `own` students and `own` people on the list, half of them the same; some rows repeat a key, some
    /// have none.
    pub(crate) fn new(own: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let (mut students, mut list) = (Vec::new(), Vec::new());
        for number in 0..own {
            students.push([format!("S{number:05}"), format!("\"name, {number}\"")]);
            list.push([format!("S{:05}", number + own / 2), format!("kind{}", number % 7)]);
        }
        for number in 0..own / 10 {
            students.push([format!("S{:05}", number * 9), format!("again {number}")]);
            students.push([String::new(), format!("nobody {number}")]);
            list.push([format!("S{:05}", own - number * 5), "later".to_owned()]);
        }
        let files = Self { folder, students, list };
        files.write("students.csv", &as_csv("id,name", &files.students));
        files.write("list.csv", &as_csv("person,kind", &files.list));
        files
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Names of all files that are there.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Keys that both files have.
    pub(crate) fn shared(&self) -> BTreeSet<&str> {
        keys(&self.students).intersection(&keys(&self.list)).copied().collect()
    }

    /// The students whose key is on the list, as the receiver's result has them; with the first kind that
    /// the list has for the key if `labelled`.
    pub(crate) fn joined_students(&self, labelled: bool) -> String {
        let mut kinds = BTreeMap::new();
        for [key, kind] in &self.list {
            kinds.entry(key.as_str()).or_insert(kind.as_str());
        }
        let mut text = if labelled { "id,name,kind\n".to_owned() } else { "id,name\n".to_owned() };
        for [key, name] in self.students.iter().filter(|[key, _]| !key.is_empty()) {
            if let Some(kind) = kinds.get(key.as_str()) {
                text += &if labelled { format!("{key},{name},{kind}\n") } else { format!("{key},{name}\n") };
            }
        }
        text
    }

    /// The people on the list whose key is a student's, as the sender's result has them.
    pub(crate) fn joined_list(&self) -> String {
        let shared = self.shared();
        let rows: Vec<_> = self.list.iter().filter(|[key, _]| shared.contains(key.as_str())).cloned().collect();
        as_csv("person,kind", &rows)
    }

    /// Arguments of `match` on the two files, with more of them.
    pub(crate) fn matching(&self, more: &[&str]) -> Vec<String> {
        let (students, list) = (self.path("students.csv"), self.path("list.csv"));
        let mut all: Vec<String> =
            ["match", "--receiver", &students, "--sender", &list, "--key", "id", "--sender-key", "person"]
                .map(str::to_owned)
                .to_vec();
        all.extend(more.iter().map(|&argument| argument.to_owned()));
        all
    }
}

fn keys(rows: &[[String; 2]]) -> BTreeSet<&str> {
    rows.iter().map(|[key, _]| key.as_str()).filter(|key| !key.is_empty()).collect()
}

fn as_csv(header: &str, rows: &[[String; 2]]) -> String {
    rows.iter().fold(format!("{header}\n"), |text, row| text + &row.join(",") + "\n")
}

/// Borrows arguments.
pub(crate) fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Waits until `condition` gives something. Long enough for a slow machine; a test that waits this long
/// has failed.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// The most memory that a process had at once, in bytes (proc(5), VmHWM).
pub(crate) fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}
