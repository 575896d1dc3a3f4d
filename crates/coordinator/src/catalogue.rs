//! The service that keeps the catalogue: signed entries, as their providers publish and withdraw them.

use agreement::{
    KeyType, ParticipantId, Signed, Statement, StatementError,
    catalogue::{Domain, Entry, SharingType, Withdrawal},
};
use tonic::{Request, Response, Status};
use wire::{
    Peer, Pins,
    proto::{
        EntryKey, EntrySummary, GetEntryRequest, GetEntryResponse, PublishEntryRequest, PublishEntryResponse,
        SearchEntriesRequest, SearchEntriesResponse, WithdrawEntryRequest, WithdrawEntryResponse,
        catalogue_service_server::CatalogueService,
    },
};

use crate::access::{Wish, allow};
use shelf::{Kept, Query, Shelf, ShelfError, Summary, Words};

pub mod shelf;

/// Entries on a page where the caller does not say, and the most that it may ask for.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 100;

/// Answers those who publish and search.
pub(crate) struct Catalogue {
    pub(crate) pins: Pins,
    pub(crate) shelf: Shelf,
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over by map_err")]
fn status(error: ShelfError) -> Status {
    let words = error.to_string();
    match error {
        ShelfError::Unknown => Status::not_found(words),
        ShelfError::Differs { .. } => Status::already_exists(words),
        ShelfError::Older { .. } | ShelfError::NotNewest { .. } | ShelfError::Withdrawn { .. } => {
            Status::failed_precondition(words)
        }
        ShelfError::Full => Status::resource_exhausted(words),
        ShelfError::Database(_) | ShelfError::Broken(_) => {
            tracing::error!(error = %words, "the catalogue's store failed");
            Status::internal("the coordinator's store failed")
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over by map_err")]
fn wrong(what: impl ToString) -> Status {
    Status::invalid_argument(what.to_string())
}

impl Catalogue {
    /// A statement that the caller brings, if its participant signed it with the identity that is pinned here.
    fn own<T: Statement>(
        &self,
        caller: &Peer,
        envelope: &[u8],
        wish: for<'a> fn(&'a ParticipantId) -> Wish<'a>,
    ) -> Result<Signed<T>, Status> {
        // Who may not publish at all does not have its statements read.
        allow(caller, &self.pins, wish(&caller.participant))?;
        let signed = Signed::<T>::from_bytes(envelope).map_err(|error| match error {
            StatementError::Signature => Status::permission_denied(error.to_string()),
            error => wrong(error),
        })?;
        allow(caller, &self.pins, wish(signed.signer()))?;
        let pinned = self.pins.identity(signed.signer());
        if pinned.is_none_or(|identity| !signed.is_by(signed.signer(), &identity)) {
            let words =
                format!("the statement is not signed by the identity that is pinned here for {}", signed.signer());
            return Err(Status::permission_denied(words));
        }
        Ok(signed)
    }
}

#[tonic::async_trait]
impl CatalogueService for Catalogue {
    async fn publish_entry(
        &self,
        request: Request<PublishEntryRequest>,
    ) -> Result<Response<PublishEntryResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        let entry: Signed<Entry> = self.own(&caller, &request.get_ref().envelope, |who| Wish::PublishEntry(who))?;
        let digest = entry.digest().map_err(wrong)?;
        let known = self.shelf.publish(&entry).await.map_err(status)?;
        let dataset = &entry.statement().dataset;
        if !known {
            tracing::info!(
                dataset = %dataset.name, version = dataset.version, by = %caller.holder(), "entry published"
            );
        }
        let key = key_of(entry.signer(), &dataset.name, dataset.version);
        let digest = digest.as_bytes().to_vec().into();
        Ok(Response::new(PublishEntryResponse { key: Some(key), digest, known }))
    }

    async fn withdraw_entry(
        &self,
        request: Request<WithdrawEntryRequest>,
    ) -> Result<Response<WithdrawEntryResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        let withdrawal: Signed<Withdrawal> =
            self.own(&caller, &request.get_ref().envelope, |who| Wish::WithdrawEntry(who))?;
        self.shelf.withdraw(&withdrawal).await.map_err(status)?;
        let dataset = &withdrawal.statement().dataset;
        tracing::info!(dataset = %dataset.name, version = dataset.version, by = %caller.holder(), "entry withdrawn");
        let key = key_of(withdrawal.signer(), &dataset.name, dataset.version);
        Ok(Response::new(WithdrawEntryResponse { key: Some(key) }))
    }

    async fn search_entries(
        &self,
        request: Request<SearchEntriesRequest>,
    ) -> Result<Response<SearchEntriesResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        allow(&caller, &self.pins, Wish::SearchEntries)?;
        let query = query_of(request.get_ref())?;
        let found = self.shelf.search(&query).await.map_err(status)?;
        Ok(Response::new(SearchEntriesResponse {
            entries: found.entries.into_iter().map(summary_of).collect(),
            next_page: found.next.map_or(0, |next| u64::try_from(next).unwrap_or(0)),
            total: found.total,
        }))
    }

    async fn get_entry(&self, request: Request<GetEntryRequest>) -> Result<Response<GetEntryResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        allow(&caller, &self.pins, Wish::GetEntry)?;
        let key = request.into_inner().key.ok_or_else(|| wrong("the request names no entry"))?;
        let participant: ParticipantId = key.participant.parse().map_err(wrong)?;
        let version = Some(key.version).filter(|version| *version > 0);
        let Kept { envelope, withdrawal, published, newest, taken_ms } =
            self.shelf.get(&participant, &key.dataset, version).await.map_err(status)?;
        Ok(Response::new(GetEntryResponse {
            envelope: envelope.into(),
            withdrawal: withdrawal.unwrap_or_default().into(),
            published,
            newest_version: newest,
            taken_ms,
        }))
    }
}

/// What a request looks for, checked.
fn query_of(request: &SearchEntriesRequest) -> Result<Query, Status> {
    fn named<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<Option<T>, Status> {
        if text.is_empty() {
            Ok(None)
        } else {
            text.parse().map(Some).map_err(|error: T::Err| wrong(error.to_string()))
        }
    }
    let page_size = match request.page_size {
        0 => PAGE,
        size => size.min(LONGEST_PAGE),
    };
    Ok(Query {
        words: Words::of(&request.text).map_err(wrong)?,
        domain: named::<Domain>(&request.domain)?,
        participant: named::<ParticipantId>(&request.participant)?,
        sharing: named::<SharingType>(&request.sharing)?,
        key_type: named::<KeyType>(&request.key_type)?,
        most: page_size,
        before: if request.page == 0 { None } else { Some(i64::try_from(request.page).map_err(wrong)?) },
    })
}

fn key_of(participant: &ParticipantId, dataset: &str, version: u32) -> EntryKey {
    EntryKey { participant: participant.to_string(), dataset: dataset.to_owned(), version }
}

fn summary_of(summary: Summary) -> EntrySummary {
    EntrySummary {
        key: Some(EntryKey { participant: summary.participant, dataset: summary.dataset, version: summary.version }),
        name: summary.name,
        code: summary.code,
        domain: summary.domain,
        sharing: summary.sharing,
        department: summary.department,
        r#abstract: summary.beginning,
        key_types: summary.key_types,
        taken_ms: summary.taken_ms,
    }
}
