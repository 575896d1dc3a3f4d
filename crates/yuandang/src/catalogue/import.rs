//! Files of entries on their way into the catalogue: read, held to their datasets, signed, published.

use std::path::PathBuf;

use agreement::catalogue::{Entry, Field};
use node::NodeConfig;
use tokio_util::sync::CancellationToken;
use wire::proto::catalogue_service_client::CatalogueServiceClient;

use super::{
    file::{self, Row},
    publisher::{Publisher, Signing, Taken},
    report::{self, Report},
    sample::{Sampling, Unlike},
};
use crate::{
    failure::{Failure, Status},
    job::connect::Target,
    screen::{self, Format},
    text::{self, Lang},
};

/// Options of `import`.
pub(super) struct Import {
    pub(super) file: String,
    pub(super) partial: bool,
    pub(super) dry_run: bool,
    pub(super) sampling: Sampling,
    pub(super) signing: Signing,
    pub(super) target: Target,
}

/// Whether a dataset that is not at this node is wrong to have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    Wrong,
    Right,
}

/// A file that has been gone through: entries that can be published, with their rows, and what is known of the others.
struct Gone {
    right: Vec<(Row, Entry)>,
    report: Report,
}

/// Reads a file and holds its entries to their datasets. It may take long, so it is for a thread that may block.
fn go_through(
    file: &str,
    (sampling, elsewhere): (&Sampling, Elsewhere),
    config: Option<&NodeConfig>,
    (lang, stop): (Lang, &CancellationToken),
) -> Result<Gone, Failure> {
    let listing = file::read(file)?;
    let mut report = Report { ignored_columns: listing.ignored, ..Report::default() };
    let mut right = Vec::new();
    for mut row in listing.rows {
        report.rows += 1;
        let mut entry = match std::mem::replace(&mut row.entry, Err(Vec::new())) {
            Ok(entry) => entry,
            Err(problems) => {
                let said = problems.iter().map(|one| (one.field, report::fault(lang, &one.fault)));
                report.wrong(&row, said.collect::<Vec<_>>());
                continue;
            }
        };
        match sampling.hold(&entry, config, stop)? {
            Ok(sampled) => entry.sampled = sampled,
            Err(Unlike::NotHere) if elsewhere == Elsewhere::Right => {}
            Err(unlike) => {
                report.wrong(&row, [(report::field_of(&unlike), text::catalogue::unlike(lang, &unlike))]);
                continue;
            }
        }
        report.right += 1;
        right.push((row, entry));
    }
    Ok(Gone { right, report })
}

/// The same on a thread of its own.
async fn gone_through(
    file: String,
    (sampling, elsewhere): (Sampling, Elsewhere),
    config: Option<NodeConfig>,
    (lang, stop): (Lang, CancellationToken),
) -> Result<Gone, Failure> {
    let work = move || go_through(&file, (&sampling, elsewhere), config.as_ref(), (lang, &stop));
    tokio::task::spawn_blocking(work).await.map_err(Failure::other)?
}

impl Import {
    pub(super) async fn run(self, lang: Lang, stop: CancellationToken) -> Result<(), Failure> {
        let config = self.target.node()?;
        let publisher = Publisher::new(&self.signing, &self.target, config.as_ref())?;
        let how = (self.sampling, Elsewhere::Wrong);
        let Gone { right, mut report } = gone_through(self.file, how, config.clone(), (lang, stop)).await?;
        report.dry_run = self.dry_run;
        if !self.dry_run && !right.is_empty() {
            let mut client = CatalogueServiceClient::new(self.target.connect_from(config.as_ref()).await?.channel);
            for (row, entry) in right {
                match publisher.publish(&mut client, entry).await {
                    Ok(Taken::New) => report.published += 1,
                    Ok(Taken::Known) => report.known += 1,
                    Ok(Taken::Refused(why)) => {
                        report.right -= 1;
                        report.wrong(&row, [(Field::Dataset, why)]);
                    }
                    Err(failure) => {
                        let after = text::catalogue::broken_off(lang, row.number, report.published);
                        return Err(Failure::new(failure.status, format_args!("{after}: {}", failure.message)));
                    }
                }
            }
        }
        report.end(self.target.format, lang, self.partial)
    }
}

/// Publishes one entry of a file.
pub(super) async fn publish(
    file: String,
    dataset: Option<String>,
    sampling: Sampling,
    (signing, target): (&Signing, &Target),
    (lang, stop): (Lang, CancellationToken),
) -> Result<(), Failure> {
    let config = target.node()?;
    let publisher = Publisher::new(signing, target, config.as_ref())?;
    let work = {
        let (config, stop) = (config.clone(), stop.clone());
        move || chosen(&file, dataset.as_deref(), &sampling, config.as_ref(), (lang, &stop))
    };
    let entry = tokio::task::spawn_blocking(work).await.map_err(Failure::other)??;
    let (name, version) = (entry.dataset.name.clone(), entry.dataset.version);
    let sampled = entry.sampled;
    let mut client = CatalogueServiceClient::new(target.connect_from(config.as_ref()).await?.channel);
    let known = match publisher.publish(&mut client, entry).await? {
        Taken::New => false,
        Taken::Known => true,
        Taken::Refused(why) => return Err(Failure::usage(why)),
    };
    match target.format {
        Format::Json => screen::json(&serde_json::json!({
            "dataset": name, "version": version, "sampled": sampled, "known": known,
        })),
        Format::Text => screen::line(&text::catalogue::published(lang, (&name, version), known, sampled)),
    }
}

/// The entry of a file that is to be published, held to its dataset. Other rows of the file do not matter.
fn chosen(
    file: &str,
    dataset: Option<&str>,
    sampling: &Sampling,
    config: Option<&NodeConfig>,
    (lang, stop): (Lang, &CancellationToken),
) -> Result<Entry, Failure> {
    let mut rows = file::read(file)?.rows;
    let place = match dataset {
        Some(dataset) => rows.iter().position(|row| row.called == dataset),
        None => (rows.len() == 1).then_some(0),
    };
    let Some(row) = place.map(|place| rows.swap_remove(place)) else {
        return Err(Failure::usage(text::catalogue::which(lang, file, dataset, rows.len())));
    };
    let wrong = |faults: Vec<(Field, String)>| {
        let mut report = Report::default();
        report.wrong(&row_of(&row), faults);
        Failure::new(Status::Data, text::catalogue::all_wrong(lang, &report.wrong))
    };
    let mut entry = match &row.entry {
        Ok(entry) => entry.clone(),
        Err(problems) => {
            return Err(wrong(problems.iter().map(|one| (one.field, report::fault(lang, &one.fault))).collect()));
        }
    };
    match sampling.hold(&entry, config, stop)? {
        Ok(sampled) => entry.sampled = sampled,
        Err(unlike) => return Err(wrong(vec![(report::field_of(&unlike), text::catalogue::unlike(lang, &unlike))])),
    }
    Ok(entry)
}

fn row_of(row: &Row) -> Row {
    Row { number: row.number, called: row.called.clone(), entry: Err(Vec::new()) }
}

/// Says what is wrong with a file, here alone.
pub(super) async fn check(
    file: String,
    config: Option<PathBuf>,
    sampling: Sampling,
    format: Format,
    (lang, stop): (Lang, CancellationToken),
) -> Result<(), Failure> {
    let config = config.map(|path| NodeConfig::load(&path).map_err(Failure::usage)).transpose()?;
    let Gone { mut report, .. } = gone_through(file, (sampling, Elsewhere::Right), config, (lang, stop)).await?;
    report.dry_run = true;
    report.end(format, lang, false)
}
