//! Job descriptions: what `job submit --file` reads (examples/config/job.toml).

use std::{path::Path, str::FromStr};

use agreement::{
    Digest, ErrorBudget, JobParty, JobSpec, KeyType, Protocol, Role,
    job::MAX_DEADLINE,
    settings::{self, Section},
};

use crate::failure::Failure;

/// Reads a job description.
///
/// # Errors
/// [`Failure`] that names every problem with its line.
pub fn read(path: &Path) -> Result<JobSpec, Failure> {
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|cause| Failure::usage(format_args!("{place}: {cause}")))?;
    parse(&text, &place)
}

/// The job that a description asks for; `place` is what messages call it.
///
/// # Errors
/// [`Failure`] that names every problem with its line.
pub fn parse(text: &str, place: &str) -> Result<JobSpec, Failure> {
    let spec = settings::read(text, place, spec).map_err(Failure::usage)?;
    spec.validate().map_err(|error| Failure::usage(format_args!("{place}: {error}")))?;
    Ok(spec)
}

fn spec(root: &Section<'_>) -> Option<JobSpec> {
    let (name, mode, listener) = (root.required("name"), root.required("mode"), root.required("listener"));
    let protocol = match root.optional::<String>("protocol").as_deref() {
        // Fixed when the job is submitted: what a choice would rest on, the sizes of the sets and the round
        // trip, is known to the nodes alone, and they do not choose yet. This one does for every mode and size.
        None | Some("auto") => Protocol::Ecdh,
        Some(_) => root.optional("protocol")?,
    };
    let lambda = root.number("lambda", 30..=80, ErrorBudget::default().lambda);
    let deadline = root.number("deadline_seconds", 0..=MAX_DEADLINE, 0);
    let key_types = key_types(root);
    let agreement: Option<Digest> = root.optional("agreement");
    let parties = root.sections("parties", party);
    Some(JobSpec {
        name: name?,
        parties,
        mode: mode?,
        protocol,
        key_types: key_types?,
        error_budget: ErrorBudget { lambda },
        agreement_digest: agreement.map(|digest| *digest.as_bytes()),
        listener: listener?,
        deadline_seconds: Some(deadline).filter(|seconds| *seconds > 0),
    })
}

fn key_types(root: &Section<'_>) -> Option<Vec<KeyType>> {
    let names = root.texts("key_types");
    if names.is_empty() {
        return Some(vec![KeyType::Raw]);
    }
    let parse = |name: &String| name.parse().map_err(|error| root.problem("key_types", error)).ok();
    names.iter().map(parse).collect()
}

fn party(section: &Section<'_>) -> Option<JobParty> {
    let participant = section.required("participant");
    let role = section.required::<RoleName>("role");
    let dataset = section.required("dataset");
    let (key_columns, label_columns) = (section.texts("key_columns"), section.texts("label_columns"));
    let padded_size = section.number("padded_size", 1..=u32::MAX, 0);
    Some(JobParty {
        participant: participant?,
        role: role?.0,
        dataset: dataset?,
        key_columns,
        label_columns,
        padded_size: Some(u64::from(padded_size)).filter(|size| *size > 0),
    })
}

/// A role as it is written.
struct RoleName(Role);

impl FromStr for RoleName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "receiver" => Ok(Self(Role::Receiver)),
            "sender" => Ok(Self(Role::Sender)),
            _ => Err(format!("there is no role {text:?}; the roles are: receiver, sender")),
        }
    }
}

#[cfg(test)]
mod tests {
    use agreement::Mode;

    use super::*;

    const SAMPLE: &str = include_str!("../../../../examples/config/job.toml");

    #[test]
    fn the_sample_is_a_job() {
        let spec = parse(SAMPLE, "job.toml").unwrap();
        assert_eq!((spec.mode, spec.protocol, spec.deadline_seconds), (Mode::Labelled, Protocol::Ecdh, Some(600)));
        assert_eq!(spec.listener.as_str(), "anhui");
        let sender = spec.party(Role::Sender).unwrap();
        assert_eq!((sender.dataset.as_str(), sender.label_columns.len()), ("hardship", 2));
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let text = SAMPLE.replacen("mode = \"labelled\"", "colour = 1\nmode = \"loud\"", 1);
        let line = text.lines().position(|line| line.starts_with("colour")).unwrap() + 1;
        let error = parse(&text, "job.toml").unwrap_err();
        let expected =
            [format!("job.toml:{line}: unknown key colour"), format!("job.toml:{}: mode: there is no", line + 1)];
        assert!(expected.iter().all(|part| error.message.contains(part)), "{error}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (from, to, expected) in [
            ("\"labelled\"", "\"sum\"", "not built yet"),
            ("\"labelled\"", "\"membership\"", "label columns go with mode labelled"),
            ("\"auto\"", "\"vole-malicious\"", "not built yet"),
            ("\"auto\"", "\"fast\"", "there is no protocol"),
            ("[\"resident-id\"]", "[\"shoe-size\"]", "there is no key type"),
            ("\"sender\"", "\"giver\"", "there is no role"),
            ("listener = \"anhui\"", "listener = \"jiangsu\"", "listener"),
        ] {
            assert!(SAMPLE.contains(from), "{from}");
            let error = parse(&SAMPLE.replace(from, to), "job.toml").unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }
}
