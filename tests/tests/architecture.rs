//! The house rules that a compiler does not hold: who may depend on whom, and how large a file grows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What each crate may depend on, of this workspace. The ledger will join when it is built.
const ARROWS: [(&str, &[&str]); 12] = [
    ("psi", &[]),
    ("records", &[]),
    ("database", &[]),
    ("throwaway", &[]),
    ("session", &["psi"]),
    ("agreement", &["records"]),
    ("datasets", &["records"]),
    ("wire", &["agreement"]),
    ("coordinator", &["wire", "agreement", "database"]),
    ("node", &["session", "psi", "wire", "records", "agreement", "database"]),
    ("testkit", &["node", "coordinator", "session", "wire", "datasets", "agreement", "records"]),
    ("yuandang", &["node", "coordinator", "datasets", "session", "psi", "wire", "records", "agreement"]),
];

/// Crates that know no network, no runtime and no clock.
const PURE: [&str; 3] = ["psi", "records", "agreement"];

fn root() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    // What the build of this test resolved is on disk already; what other platforms need is not.
    let options = ["--offline", "--locked", "--filter-platform", &host()].map(str::to_owned).to_vec();
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec().unwrap()
}

/// The platform that this was built on.
fn host() -> String {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// For each crate of the workspace, what it depends on outside its tests and build.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let normal = |package: &cargo_metadata::Package| {
        let of_kind = package.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal);
        of_kind.map(|one| one.name.clone()).collect()
    };
    metadata.workspace_packages().iter().map(|package| (package.name.to_string(), normal(package))).collect()
}

#[test]
fn crates_depend_on_each_other_only_as_allowed() {
    let dependencies = dependencies(&metadata());
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    for (from, to) in &dependencies {
        // These two may use anything.
        if from == "yuandang-tests" || from == "yuandang-examples" {
            continue;
        }
        let allowed = allowed.get(from.as_str()).unwrap_or_else(|| panic!("crate {from} has no line in the table"));
        for to in to.iter().map(String::as_str).filter(|to| ours.contains(to)) {
            assert!(allowed.contains(to), "{from} must not depend on {to}");
        }
    }
}

#[test]
fn pure_crates_know_no_network_and_no_runtime() {
    let dependencies = dependencies(&metadata());
    for one in PURE {
        for foreign in ["tokio", "tonic", "rustls", "sqlx", "tempfile", "getrandom"] {
            assert!(!dependencies[one].contains(foreign), "{one} must not depend on {foreign}");
        }
    }
}

#[test]
fn a_coordinator_cannot_compute_a_protocol_step() {
    let dependencies = dependencies(&metadata());
    let mut closure = BTreeSet::new();
    let mut due = vec!["coordinator".to_owned()];
    while let Some(next) = due.pop() {
        if closure.insert(next.clone()) {
            due.extend(dependencies.get(&next).into_iter().flatten().cloned());
        }
    }
    assert!(closure.contains("wire") && closure.contains("agreement"));
    for foreign in ["psi", "session", "node", "curve25519-dalek"] {
        assert!(!closure.contains(foreign), "the coordinator can reach {foreign}");
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "fixtures" {
                files(&path, into);
            }
        } else {
            into.push(path);
        }
    }
}

/// Names in backticks that look like those of tests.
fn named_tests(page: &str) -> BTreeSet<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.len() > 20 && text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    quoted.filter(is_name).collect()
}

#[test]
fn every_test_that_the_page_of_threats_names_is_there() {
    let mut all = Vec::new();
    files(&root(), &mut all);
    let sources = all.iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let code: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let page = fs::read_to_string(root().join("docs/THREATS.md")).unwrap();
    let named = named_tests(&page);
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

/// Paths in backticks from the root: those of files, and of folders with code.
fn named_paths(page: &str) -> BTreeSet<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| {
        let of_file = text.ends_with(".rs") || text.ends_with(".md");
        text.contains('/')
            && !text.contains(' ')
            && (of_file || text.starts_with("crates/") || text.starts_with("tests/"))
    };
    quoted.filter(is_path).collect()
}

#[test]
fn every_file_that_the_page_of_threats_names_is_there() {
    let page = fs::read_to_string(root().join("docs/THREATS.md")).unwrap();
    let named = named_paths(&page);
    assert!(named.len() > 20, "{named:?}");
    for path in named {
        assert!(root().join(path).exists(), "there is no {path}");
    }
}

#[test]
fn no_file_outgrows_its_purpose() {
    let mut all = Vec::new();
    files(&root(), &mut all);
    let sources: Vec<_> = all.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    assert!(sources.len() > 50);
    for path in sources {
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
    }
}
