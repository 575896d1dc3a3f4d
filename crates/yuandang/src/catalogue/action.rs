//! The actions and their options.

use std::path::PathBuf;

use agreement::{
    KeyType, ParticipantId,
    catalogue::{Domain, SharingType},
};
use clap::Subcommand;
use wire::proto::{EntryKey, GetEntryRequest, SearchEntriesRequest, catalogue_service_client::CatalogueServiceClient};

use super::{
    import::{self, Import},
    publisher::{Publisher, Signing},
    sample::Sampling,
    show,
};
use crate::{
    desk,
    failure::Failure,
    job::connect::Target,
    screen::{self, Format},
    stop,
    text::{self, Lang},
};

/// What to do with the catalogue.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Publish all entries of a file; say what is wrong with those that cannot be, and end with status 3
    Import {
        /// CSV with a header, or a JSON list (.json): examples/catalogue.csv is one
        file: String,
        /// That some rows are wrong is no failure
        #[arg(long)]
        partial: bool,
        /// Look at everything, and publish nothing
        #[arg(long)]
        dry_run: bool,
        /// How datasets are looked at
        #[command(flatten)]
        sampling: Sampling,
        /// Who signs
        #[command(flatten)]
        signing: Signing,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Publish one entry of a file, or a new version of it
    Publish {
        /// CSV with a header, or a JSON list (.json)
        file: String,
        /// The dataset of the entry, if the file has several
        #[arg(long, value_name = "NAME")]
        dataset: Option<String>,
        /// How the dataset is looked at
        #[command(flatten)]
        sampling: Sampling,
        /// Who signs
        #[command(flatten)]
        signing: Signing,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Search what is published, newest first
    Search {
        /// Up to four words that stand in name, abstract, department, code or data items
        words: Vec<String>,
        /// legal-persons, natural-persons, e-certificates, education-culture, transport, housing,
        /// employment-social-security or medical-insurance
        #[arg(long, value_name = "NAME")]
        domain: Option<Domain>,
        /// The participant that provides it
        #[arg(long, value_name = "NAME")]
        provider: Option<ParticipantId>,
        /// unconditional, conditional or not-shared
        #[arg(long, value_name = "TYPE")]
        sharing: Option<SharingType>,
        /// By what it can be matched: resident-id, uscc, ebill…
        #[arg(long, value_name = "T")]
        key_type: Option<KeyType>,
        /// The most that are listed, up to 100
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// The page, as the one before it said
        #[arg(long, default_value_t = 0)]
        page: u64,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Show one entry as its provider signed it
    Show {
        /// The provider and its dataset: anhui/hardship
        #[arg(value_name = "PROVIDER/DATASET")]
        entry: String,
        /// Its version [default: the newest]
        #[arg(long)]
        version: Option<u32>,
        /// Keep the signed statement in a file, as `datasets.catalogue` of a node's configuration names it
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Take a dataset out of the catalogue
    Withdraw {
        /// Its name at the node
        dataset: String,
        /// Its version, which must be the newest [default: the newest]
        #[arg(long)]
        version: Option<u32>,
        /// Why, for everybody who sees the entry
        #[arg(long)]
        reason: String,
        /// Who signs
        #[command(flatten)]
        signing: Signing,
        /// Which coordinator, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// See what is wrong with a file of entries; nothing leaves this machine
    Check {
        /// CSV with a header, or a JSON list (.json)
        file: String,
        /// A node's configuration: its datasets are held to what the entries say of them
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// How datasets are looked at
        #[command(flatten)]
        sampling: Sampling,
        /// How the answer is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        desk::ask(async {
            let stop = stop::on_signal()?;
            tokio::select! {
                outcome = self.act(lang, stop.clone()) => outcome,
                () = stop.cancelled() => Err(Failure::other("stopped; what was published before stays")),
            }
        })
    }

    async fn act(self, lang: Lang, stop: tokio_util::sync::CancellationToken) -> Result<(), Failure> {
        match self {
            Self::Import { file, partial, dry_run, sampling, signing, target } => {
                let import = Import { file, partial, dry_run, sampling, signing, target };
                import.run(lang, stop).await
            }
            Self::Publish { file, dataset, sampling, signing, target } => {
                import::publish(file, dataset, sampling, (&signing, &target), (lang, stop)).await
            }
            Self::Search { words, domain, provider, sharing, key_type, limit, page, target } => {
                let request = SearchEntriesRequest {
                    text: words.join(" "),
                    domain: domain.map(|domain| domain.to_string()).unwrap_or_default(),
                    participant: provider.map(|provider| provider.to_string()).unwrap_or_default(),
                    sharing: sharing.map(|sharing| sharing.to_string()).unwrap_or_default(),
                    key_type: key_type.map(|key_type| key_type.to_string()).unwrap_or_default(),
                    page_size: limit,
                    page,
                };
                let mut client = CatalogueServiceClient::new(target.connect().await?.channel);
                let answer = client.search_entries(request).await?.into_inner();
                show::page(answer, target.format, lang)
            }
            Self::Show { entry, version, save, target } => {
                let key = named(&entry, version)?;
                let config = target.node()?;
                let mut client = CatalogueServiceClient::new(target.connect_from(config.as_ref()).await?.channel);
                let answer = client.get_entry(GetEntryRequest { key: Some(key.clone()) }).await?.into_inner();
                show::one(&key, &answer, config.as_ref(), target.format, lang)?;
                // What does not hold was refused above.
                save.map_or(Ok(()), |path| {
                    let failed = |cause| Failure::usage(format_args!("{}: {cause}", path.display()));
                    std::fs::write(&path, &answer.envelope).map_err(failed)
                })
            }
            Self::Withdraw { dataset, version, reason, signing, target } => {
                let config = target.node()?;
                let publisher = Publisher::new(&signing, &target, config.as_ref())?;
                let mut client = CatalogueServiceClient::new(target.connect_from(config.as_ref()).await?.channel);
                let version = publisher.withdraw(&mut client, (dataset.clone(), version), reason).await?;
                match target.format {
                    Format::Json => screen::json(&serde_json::json!({ "dataset": dataset, "version": version })),
                    Format::Text => screen::line(&text::catalogue::withdrawn(lang, &dataset, version)),
                }
            }
            Self::Check { file, config, sampling, format } => {
                import::check(file, config, sampling, format, (lang, stop)).await
            }
        }
    }
}

/// A provider and its dataset, whose name may have a slash itself.
fn named(text: &str, version: Option<u32>) -> Result<EntryKey, Failure> {
    let named = text.split_once('/').filter(|(provider, dataset)| !provider.is_empty() && !dataset.is_empty());
    let (provider, dataset) = named.ok_or_else(|| {
        Failure::usage(format_args!("{text:?} names no entry: write provider and dataset, such as anhui/hardship"))
    })?;
    let version = version.unwrap_or(0);
    Ok(EntryKey { participant: provider.to_owned(), dataset: dataset.to_owned(), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_by_its_provider_and_dataset() {
        let key = named("anhui/306001/0001", None).unwrap();
        assert_eq!((key.participant.as_str(), key.dataset.as_str(), key.version), ("anhui", "306001/0001", 0));
        assert_eq!(named("anhui/hardship", Some(3)).unwrap().version, 3);
        for wrong in ["anhui", "/hardship", "anhui/", ""] {
            assert!(named(wrong, None).is_err(), "{wrong}");
        }
    }
}
