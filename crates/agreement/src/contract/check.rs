//! What an agreement may say.

use std::collections::BTreeSet;

use records::{KeySpec, standard::DATA_STANDARD};

use super::{Agreement, Delivery, FORM, Limits, Party, Reasons};
use crate::{
    canonical::MOST,
    job::{Mode, Protocol},
    participant::Role,
    printable::printable,
};

/// Bytes of a name, of a column, of a line of text, and of a text.
const NAME: usize = 128;
const COLUMN: usize = 256;
const LINE: usize = 512;
const TEXT: usize = 4096;
/// Parties, columns of one kind, documents.
const PARTIES: usize = 16;
const COLUMNS: usize = 64;
const DOCUMENTS: usize = 32;
/// Days that a result may be kept: ten years.
const RETENTION: u32 = 3653;

type Checked = Result<(), String>;

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Text of so many bytes at most, that says something and shows all that it says.
pub(super) fn text(what: &str, text: &str, most: usize) -> Checked {
    must(!text.trim().is_empty(), || format!("{what} is empty"))?;
    must(text.len() <= most, || format!("{what} has more than {most} bytes"))?;
    must(printable(text, most) == text, || format!("{what} has characters that are not seen"))
}

/// A limit that is written: 1 or more.
pub(super) fn limit(what: &str, limit: u64) -> Checked {
    must(limit > 0, || format!("{what} is 0: nothing could run"))?;
    must(limit <= MOST, || format!("{what} is above 2^53 - 1"))
}

pub(super) fn agreement(agreement: &Agreement) -> Checked {
    must(agreement.form == FORM, || {
        format!("the agreement has form {}, and this version knows {FORM}", agreement.form)
    })?;
    text("the name", &agreement.name, NAME)?;
    let nonce = agreement.nonce.as_bytes();
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    must(nonce.len() == 32 && nonce.iter().all(digit), || "the nonce is not of 32 hex digits".to_owned())?;
    parties(agreement)?;
    answers(agreement)?;
    reasons(&agreement.reasons)?;
    must(agreement.validity.from < agreement.validity.until, || "it ends before it begins".to_owned())?;
    limits(&agreement.limits)?;
    delivery(&agreement.delivery, agreement)
}

fn parties(agreement: &Agreement) -> Checked {
    let all = &agreement.parties;
    must((2..=PARTIES).contains(&all.len()), || format!("an agreement has 2 to {PARTIES} parties"))?;
    let names: BTreeSet<_> = all.iter().map(|party| &party.participant).collect();
    must(names.len() == all.len(), || "a participant stands twice among the parties".to_owned())?;
    let keys: BTreeSet<_> = all.iter().map(|party| party.identity.as_bytes()).collect();
    must(keys.len() == all.len(), || "two parties have one identity key".to_owned())?;
    must(names.contains(&agreement.listener), || "the listener is none of the parties".to_owned())?;
    must(all.iter().any(|party| party.role == Role::Receiver), || "nobody is the receiver".to_owned())?;
    must(all.iter().any(|party| party.role == Role::Sender), || "nobody is a sender".to_owned())?;
    all.iter().try_for_each(|one| party(one, agreement))
}

fn party(party: &Party, agreement: &Agreement) -> Checked {
    let who = &party.participant;
    text(&format!("the department of {who}"), &party.department, LINE)?;
    text(&format!("the dataset of {who}"), &party.dataset.name, NAME)?;
    must(party.dataset.version > 0, || format!("versions of datasets begin with 1: {who}"))?;
    for (what, columns) in [("key", &party.key_columns), ("label", &party.label_columns)] {
        must(columns.len() <= COLUMNS, || format!("{who} has more than {COLUMNS} {what} columns"))?;
        columns.iter().try_for_each(|column| text(&format!("a {what} column of {who}"), column, COLUMN))?;
    }
    let key = KeySpec::new(&agreement.key_types).map_err(|_| "a key needs at least one column".to_owned())?;
    must(key.admits(party.key_columns.len()).is_ok(), || {
        format!("{who} needs as many key columns as there are key types, or three for each ebill")
    })?;
    let may_label = party.role == Role::Sender && agreement.mode == Mode::Labelled;
    must(may_label || party.label_columns.is_empty(), || {
        format!("{who} has label columns, which are a sender's alone and go with mode labelled")
    })?;
    must(!may_label || !party.label_columns.is_empty(), || {
        format!("mode labelled needs at least one label column of {who}")
    })?;
    limit(&format!("the most rows of {who}"), party.rows.most)?;
    must(party.rows.least <= party.rows.most, || format!("the least rows of {who} are above its most"))?;
    must(party.padded_size.is_none_or(|size| size > 0 && size <= party.rows.most), || {
        format!("the padded size of {who} is 0 or above its most rows")
    })
}

fn answers(agreement: &Agreement) -> Checked {
    must(agreement.data_standard == DATA_STANDARD, || {
        let theirs = printable(&agreement.data_standard, 32);
        format!("the agreement is under data standard {theirs}, and this version has {DATA_STANDARD}")
    })?;
    must((30..=80).contains(&agreement.lambda), || "the error budget's lambda is 30 to 80 bits".to_owned())?;
    let protocols: BTreeSet<_> = agreement.protocols.iter().map(ToString::to_string).collect();
    must(!protocols.is_empty(), || "no protocol is allowed".to_owned())?;
    must(protocols.len() == agreement.protocols.len(), || "a protocol stands twice".to_owned())?;
    let only_ecdh = agreement.protocols == [Protocol::Ecdh];
    must(agreement.mode != Mode::Cardinality || only_ecdh, || "mode cardinality runs on protocol ecdh alone".to_owned())
}

fn reasons(reasons: &Reasons) -> Checked {
    text("the purpose", &reasons.purpose, TEXT)?;
    text("the legal basis", &reasons.legal_basis, TEXT)?;
    must(reasons.documents.len() <= DOCUMENTS, || format!("it cites more than {DOCUMENTS} documents"))?;
    reasons.documents.iter().try_for_each(|document| text("a document", document, LINE))?;
    reasons.impact_assessment.iter().try_for_each(|reference| text("the impact assessment", reference, LINE))
}

fn limits(limits: &Limits) -> Checked {
    limit("the limit of runs", limits.runs)?;
    limit("the limit of runs a day", limits.runs_per_day)?;
    let optional = [
        ("the shortest interval", limits.shortest_interval),
        ("the smallest result", limits.smallest_result),
        ("the limit of lookups a second", limits.lookups_per_second),
        ("the limit of lookups a day", limits.lookups_per_day),
    ];
    optional.iter().try_for_each(|(what, value)| value.map_or(Ok(()), |value| limit(what, value)))
}

fn delivery(delivery: &Delivery, agreement: &Agreement) -> Checked {
    must((1..=RETENTION).contains(&delivery.retention_days), || format!("results are kept 1 to {RETENTION} days"))?;
    let approving: BTreeSet<_> = delivery.approval.iter().collect();
    must(approving.len() == delivery.approval.len(), || "a party approves jobs twice".to_owned())?;
    must(approving.iter().all(|name| agreement.party_of(name).is_some()), || {
        "jobs are to be approved by somebody who is no party".to_owned()
    })?;
    must(!delivery.gated || agreement.limits.smallest_result.is_some(), || {
        "gated delivery needs a smallest result".to_owned()
    })?;
    must(!delivery.gated || matches!(agreement.mode, Mode::Membership | Mode::Labelled), || {
        "gated delivery goes with modes membership and labelled".to_owned()
    })
}
