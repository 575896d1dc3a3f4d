//! The terms of an agreement as an operator writes them (examples/config/agreement.toml), and as they are signed.

use std::path::Path;

use agreement::{Agreement, Pinned, contract::FORM};
use records::standard::DATA_STANDARD;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Reads terms; what need not be written is put in: the form, a nonce, the data standard, the error budget, and the keys that are
/// pinned for the parties.
///
/// # Errors
/// [`Failure`] that names what is wrong.
pub(super) fn read(path: &Path, pinned: &Pinned) -> Result<Agreement, Failure> {
    let place = path.display();
    let text = std::fs::read_to_string(path).map_err(|cause| Failure::usage(format_args!("{place}: {cause}")))?;
    parse(&text, pinned).map_err(|problem| Failure::usage(format_args!("{place}: {problem}")))
}

fn parse(text: &str, pinned: &Pinned) -> Result<Agreement, String> {
    let written: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut terms = match serde_json::to_value(written) {
        Ok(Value::Object(terms)) => terms,
        Ok(_) => return Err("there are no terms".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let otherwise = [
        ("form", Value::from(FORM)),
        ("nonce", Value::from(hex::encode(nonce))),
        ("data_standard", Value::from(DATA_STANDARD)),
        ("lambda", Value::from(40)),
    ];
    for (field, value) in otherwise {
        terms.entry(field).or_insert(value);
    }
    if let Some(Value::Array(parties)) = terms.get_mut("parties") {
        parties.iter_mut().filter_map(Value::as_object_mut).try_for_each(|party| complete(party, pinned))?;
    }
    let agreement: Agreement = serde_json::from_value(Value::Object(terms)).map_err(|error| error.to_string())?;
    agreement.validate().map_err(|error| error.to_string())?;
    Ok(agreement)
}

/// Puts the pinned key of a party in, if none is written.
fn complete(party: &mut Map<String, Value>, pinned: &Pinned) -> Result<(), String> {
    party.entry("label_columns").or_insert(Value::Array(Vec::new()));
    if party.contains_key("identity") {
        return Ok(());
    }
    let name = party.get("participant").and_then(Value::as_str).unwrap_or_default().to_owned();
    let identity = pinned.participants.iter().find(|(participant, _)| participant.as_str() == name);
    let (_, identity) = identity.ok_or_else(|| format!("no identity is pinned for {name:?}"))?;
    party.insert("identity".to_owned(), Value::from(identity.to_string()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use agreement::{IdentityKey, Mode};

    use super::*;

    const SAMPLE: &str = include_str!("../../../../examples/config/agreement.toml");

    fn pinned() -> Pinned {
        let pin = |name: &str, seed| {
            (name.parse().unwrap(), IdentityKey::from_seed(&zeroize::Zeroizing::new([seed; 32])).public())
        };
        Pinned { participants: [pin("shanghai", 1), pin("anhui", 2)].into(), ..Pinned::default() }
    }

    #[test]
    fn the_sample_is_an_agreement_and_no_two_are_the_same() {
        let terms = parse(SAMPLE, &pinned()).unwrap();
        assert_eq!((terms.mode, terms.parties.len(), terms.lambda), (Mode::Labelled, 2, 40));
        assert_eq!(terms.parties[1].identity, pinned().participants[&"anhui".parse().unwrap()]);
        assert_ne!(terms.digest().unwrap(), parse(SAMPLE, &pinned()).unwrap().digest().unwrap());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, wanted) in [
            ("runs = ", "runes = ", "runes"),
            ("\"labelled\"", "\"loud\"", "loud"),
            ("participant = \"anhui\"", "participant = \"hunan\"", "no identity is pinned for \"hunan\""),
            ("purpose = ", "purpose = \"\"\nlegal_ = ", "unknown field"),
            ("retention_days = 30", "retention_days = 0", "kept 1 to"),
        ] {
            assert!(SAMPLE.contains(from), "{from}");
            let problem = parse(&SAMPLE.replacen(from, to, 1), &pinned()).unwrap_err();
            assert!(problem.contains(wanted), "{wanted}: {problem}");
        }
    }
}
