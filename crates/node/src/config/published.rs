//! What a node offers, what it has published of that, and which days its participant works on.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use agreement::{
    IdentityPublicKey, ParticipantId, Signed,
    calendar::{Calendar, Day},
    catalogue::Entry,
    settings::Section,
};
use records::{
    Reason,
    standard::{CalendarDate, Settings},
};

use super::{Dataset, Depth};
use crate::{
    clock,
    quality::{Examining, Rejects},
};

/// A source's address: paths are taken from the configuration's folder, other addresses stay.
fn beside(folder: &Path, source: String) -> String {
    if source.contains(':') { source } else { folder.join(source).display().to_string() }
}

/// What jobs may name.
pub(super) fn datasets(
    root: &Section<'_>,
    folder: &Path,
    own: Option<(&ParticipantId, &IdentityPublicKey)>,
    depth: Depth<'_>,
) -> Vec<Dataset> {
    let mut names: Vec<String> = Vec::new();
    let datasets = root.sections("datasets", |section| {
        let name: Option<String> = section.required("name");
        let source = section.required("source").map(|source| beside(folder, source));
        if let (Depth::Service(datasets), Some(source)) = (depth, &source)
            && let Err(error) = datasets.open(source)
        {
            section.problem("source", error);
        }
        let name = name?;
        if names.contains(&name) {
            section.problem("name", format!("there are two datasets named {name:?}"));
        }
        names.push(name.clone());
        let version = section.number("version", 1..=u32::MAX, 1);
        let examining = Examining { settings: settings(section), rejects: rejects(section, folder, depth) };
        let entry = entry(section, folder, own, (&name, version), depth);
        Some(Dataset { name, source: source?, examining, version, entry })
    });
    for problem in replaced(folder, &datasets) {
        root.problem("datasets", problem);
    }
    datasets
}

/// What is wrong with the files of refused rows: each job replaces one, so it is neither a source nor that of another dataset.
fn replaced(folder: &Path, datasets: &[Dataset]) -> Vec<String> {
    let local = |address: &str| local(folder, address);
    let rejects =
        || datasets.iter().filter_map(|one| Some((&one.name, local(&one.examining.rejects.as_ref()?.address))));
    let mut problems = Vec::new();
    for (number, (name, file)) in rejects().enumerate() {
        for source in datasets.iter().filter(|one| local(&one.source) == file) {
            problems.push(format!("rejects of {name:?} is the source of {:?}, which would be replaced", source.name));
        }
        for (other, _) in rejects().take(number).filter(|(_, others)| *others == file) {
            problems.push(format!("{other:?} and {name:?} have the same file of rejects"));
        }
    }
    problems
}

/// The file of an address, without options, as the system knows it.
fn local(folder: &Path, address: &str) -> PathBuf {
    let address = address.split_once('?').map_or(address, |(address, _)| address);
    // Any other has its folder before it already ([`beside`]).
    let path = address.strip_prefix("file:").map_or_else(|| PathBuf::from(address), |path| folder.join(path));
    let holder = holder(&path).canonicalize().ok();
    holder.zip(path.file_name()).map_or(path.clone(), |(holder, name)| holder.join(name))
}

/// The folder that a file is in.
fn holder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The day on which the set was taken.
fn settings(section: &Section<'_>) -> Settings {
    let day: Option<String> = section.optional("snapshot");
    let snapshot = day.and_then(|day| {
        let read = CalendarDate::read(day.as_bytes());
        read.map_err(|_| section.problem("snapshot", format!("{day:?} is no day; write it as 2026-03-01"))).ok()
    });
    if let Some(day) = snapshot.filter(|day| clock::today().is_some_and(|today| *day > today)) {
        section.problem("snapshot", format!("{day} is in the future"));
    }
    Settings { snapshot }
}

/// Where the rows go that a job refuses, those of the last job: a file of this machine.
fn rejects(section: &Section<'_>, folder: &Path, depth: Depth<'_>) -> Option<Rejects> {
    let path: String = section.optional("rejects")?;
    let kind = Path::new(&path).extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    if path.contains([':', '?']) || !["csv", "parquet"].contains(&kind) {
        section.problem("rejects", "is no path of a file that ends in .csv or .parquet");
        return None;
    }
    let address = folder.join(path);
    let holder = holder(&address);
    if let Depth::Service(_) = depth
        && let Err(error) = tempfile::tempfile_in(holder)
    {
        section.problem("rejects", format!("no file can be made in {}: {error}", holder.display()));
    }
    let address = address.display().to_string();
    Some(Rejects { address, overwrite: true, explain: Reason::english })
}

/// The entry of a dataset in the catalogue, as its provider signed it: agreements are held to it before anybody here offers or
/// approves them. It has to be this node's own, of the dataset and version that stand beside it.
fn entry(
    section: &Section<'_>,
    folder: &Path,
    own: Option<(&ParticipantId, &IdentityPublicKey)>,
    (name, version): (&str, u32),
    depth: Depth<'_>,
) -> Option<Arc<Entry>> {
    let path = folder.join(section.optional::<PathBuf>("catalogue")?);
    if let Depth::Text = depth {
        return None;
    }
    let (me, identity) = own?;
    let wrong = |problem: &dyn std::fmt::Display| {
        section.problem("catalogue", format!("{}: {problem}", path.display()));
    };
    let bytes = std::fs::read(&path).map_err(|error| wrong(&error)).ok()?;
    let signed: Signed<Entry> = Signed::from_bytes(&bytes).map_err(|error| wrong(&error)).ok()?;
    if !signed.is_by(me, identity) {
        wrong(&"it is not signed by this node's identity; publish it with the present key");
        return None;
    }
    let dataset = &signed.statement().dataset;
    if dataset.name != name || dataset.version != version {
        wrong(&format!("it is of dataset {:?} in version {}", dataset.name, dataset.version));
        return None;
    }
    Some(Arc::new(signed.statement().clone()))
}

/// Section `calendar`: holidays, and days of weekends that are worked on. Nothing if a day is none; then that was noted.
pub(super) fn calendar(root: &Section<'_>) -> Option<Calendar> {
    if !root.has("calendar") {
        return Some(Calendar::default());
    }
    root.section("calendar", |section| {
        let days = |key: &str| {
            let parsed = section.texts(key).into_iter().map(|text| text.parse::<Day>()).collect::<Result<Vec<_>, _>>();
            parsed.map_err(|error| section.problem(key, error)).ok()
        };
        let (holidays, workdays) = (days("holidays"), days("workdays"));
        Calendar::new(holidays?, workdays?).map_err(|error| section.problem("workdays", error)).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_however_its_address_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().canonicalize().unwrap();
        let file = here.join("people.csv");
        let beside = file.display().to_string();
        for address in [
            &*beside,
            "file:people.csv",
            "file:./people.csv?columns=id",
            &format!("file://{beside}"),
            &format!("{beside}?columns=id"),
        ] {
            assert_eq!(local(&here, address), file, "{address}");
        }
        // As in a configuration that is named from its own folder.
        let [plain, dotted] = ["people.csv", "./people.csv"].map(|address| local(Path::new(""), address));
        assert_eq!(plain, dotted);
        assert_eq!(holder(Path::new("rejects.csv")), Path::new("."));
    }
}
