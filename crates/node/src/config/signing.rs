//! What a node signs with, where its book is, and who may hold its agreements.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use agreement::{IdentityKey, IdentityPublicKey, ParticipantId, settings::Section};
use database::Location;

use super::{Depth, Identities};

/// Years for which receipts may be kept.
const LEAST_YEARS: u32 = 3;
const MOST_YEARS: u32 = 1000;

/// This node's private key, if it has one to sign with.
pub(super) fn signing_key(
    section: &Section<'_>,
    folder: &Path,
    identity: Option<IdentityPublicKey>,
    depth: Depth<'_>,
) -> Option<Arc<IdentityKey>> {
    let path = folder.join(section.optional::<PathBuf>("signing_key")?);
    if let Depth::Text = depth {
        return None;
    }
    let wrong = |error: &dyn std::fmt::Display| section.problem("signing_key", error);
    let pem = wire::credentials::read_secret(&path).map_err(|error| wrong(&error)).ok()?;
    let key = IdentityKey::from_pem(&pem).map_err(|error| wrong(&format!("{}: {error}", path.display()))).ok()?;
    if identity.is_some_and(|identity| identity != key.public()) {
        wrong(&format!("{} is the key of another identity than public", path.display()));
        return None;
    }
    Some(Arc::new(key))
}

/// Where the book is.
pub(super) fn database(root: &Section<'_>, folder: &Path) -> Option<Location> {
    let text: String = root.optional("database").unwrap_or_else(|| "book.sqlite".to_owned());
    match text.parse::<Location>() {
        Ok(location) => Some(location.in_folder(folder)),
        Err(error) => {
            root.problem("database", error);
            None
        }
    }
}

/// Years for which receipts are kept. Records of how personal data were handled stand for three at least (个人信息保护法 56).
pub(super) fn receipts_years(root: &Section<'_>) -> u16 {
    let years = root.number("receipts_years", 0..=MOST_YEARS, LEAST_YEARS);
    if years < LEAST_YEARS {
        let reason = "the law has records of how personal data were handled kept (PIPL, article 56)";
        root.problem("receipts_years", format!("receipts are kept for {LEAST_YEARS} years at least: {reason}"));
    }
    u16::try_from(years).unwrap_or(u16::MAX)
}

pub(super) fn supervisors(
    root: &Section<'_>,
    identities: &mut Identities,
) -> BTreeMap<ParticipantId, IdentityPublicKey> {
    let listed = root.sections("supervisors", |section| {
        let participant: Option<ParticipantId> = section.required("participant");
        let identity: Option<IdentityPublicKey> = section.required("identity");
        if let Some(identity) = identity {
            let whose = participant.as_ref().map_or("another supervisor", ParticipantId::as_str);
            identities.add(section, "identity", whose, identity);
        }
        Some((participant?, identity?))
    });
    listed.into_iter().collect()
}
