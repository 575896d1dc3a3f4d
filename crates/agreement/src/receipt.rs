//! Uses and receipts: what a node signs of what it did, without personal data.
//!
//! A node numbers its receipts and names in each the digest of the one before, so that none can be left out later. What both
//! parties of a run state alike in theirs is compared ([`RunFacts::difference`]).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    acts::handle,
    canonical::{Digest, MOST},
    moment::Moment,
    participant::ParticipantId,
    printable::printable,
    statement::Statement,
};

/// Bytes of a cause, of a purpose, of a case number, and of a job's id.
const CAUSE: usize = 512;
const LINE: usize = 256;
const JOB: usize = 64;

/// "We admitted this job as this use of the agreement." Goes to the peer in the hello of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Of which agreement.
    pub agreement: Digest,
    /// When.
    pub at: Moment,
    /// Which job.
    pub job: String,
    /// Which use it is for the one who signs, from 1.
    pub number: u64,
}

impl Statement for Use {
    const KIND: &'static str = "use";

    fn validate(&self) -> Result<(), String> {
        job(&self.job)?;
        number("a use", self.number)
    }
}

/// What a receipt is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// An agreement was asked for.
    Requested,
    /// An agreement was offered.
    Offered,
    /// An approver approved an agreement or a job.
    Approved,
    /// An agreement or a job was rejected by a person.
    Rejected,
    /// This node's participant consented.
    Consented,
    /// An agreement was suspended.
    Suspended,
    /// An agreement was resumed.
    Resumed,
    /// An agreement was revoked.
    Revoked,
    /// A job was admitted: a use.
    Admitted,
    /// A job was refused by the rule.
    Refused,
    /// A run was done on both sides.
    Succeeded,
    /// A run was not done.
    Failed,
    /// A result was delivered to the folder of results.
    Delivered,
    /// A result was withheld.
    Withheld,
    /// A result was taken out.
    Exported,
    /// A result's key was destroyed.
    Deleted,
    /// The receipts of both sides of a run differ.
    Disputed,
    /// Another identity was accepted for a participant.
    Succession,
}

/// Events with their names.
const EVENTS: [(Event, &str); 18] = [
    (Event::Requested, "requested"),
    (Event::Offered, "offered"),
    (Event::Approved, "approved"),
    (Event::Rejected, "rejected"),
    (Event::Consented, "consented"),
    (Event::Suspended, "suspended"),
    (Event::Resumed, "resumed"),
    (Event::Revoked, "revoked"),
    (Event::Admitted, "admitted"),
    (Event::Refused, "refused"),
    (Event::Succeeded, "succeeded"),
    (Event::Failed, "failed"),
    (Event::Delivered, "delivered"),
    (Event::Withheld, "withheld"),
    (Event::Exported, "exported"),
    (Event::Deleted, "deleted"),
    (Event::Disputed, "disputed"),
    (Event::Succession, "succession"),
];

impl Event {
    /// Whether a run ends with it: such receipts are exchanged between its parties.
    #[must_use]
    pub fn ends_a_run(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(EVENTS.iter().find(|(event, _)| event == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = EVENTS.iter().find(|(_, name)| *name == text);
        found.map(|(event, _)| *event).ok_or_else(|| format!("there is no event {text:?}"))
    }
}

/// "We did this."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// What.
    pub event: Event,
    /// When.
    pub at: Moment,
    /// Its number among this node's receipts, from 1.
    pub number: u64,
    /// The digest of the receipt before it; nothing for the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<Digest>,
    /// Of which agreement.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agreement: Option<Digest>,
    /// Of which job.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub job: Option<String>,
    /// Which use of the agreement it is here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub use_number: Option<u64>,
    /// What the run was bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunFacts>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// The person who did it, by the handle of its certificate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<String>,
    /// Of an export: what for, and in which case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub export: Option<Export>,
}

/// What an export names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// What the result is taken out for.
    pub purpose: String,
    /// The number of the case.
    pub case: String,
}

/// What both parties state alike of a run that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// SHA-256 of the terms.
    pub terms: Digest,
    /// The inputs, in the order of the agreement's parties.
    pub inputs: Vec<InputFacts>,
    /// The job's transcript.
    pub transcript: Digest,
}

/// What stands of a party's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFacts {
    /// Whose.
    pub participant: ParticipantId,
    /// Its commitment.
    pub commitment: Digest,
    /// Its size after padding.
    pub padded_size: u64,
    /// Which use of the agreement it is for that party.
    pub use_number: u64,
}

impl RunFacts {
    /// The first thing that another party's receipt says otherwise, by its name.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let each = |alike: fn(&InputFacts, &InputFacts) -> bool| {
            self.inputs.len() == other.inputs.len()
                && self.inputs.iter().zip(&other.inputs).all(|(one, other)| alike(one, other))
        };
        [
            (self.terms == other.terms, "the terms"),
            (each(|one, other| one.participant == other.participant), "the parties"),
            (each(|one, other| one.commitment == other.commitment), "an input commitment"),
            (each(|one, other| one.padded_size == other.padded_size), "a padded size"),
            (each(|one, other| one.use_number == other.use_number), "a use number"),
            (self.transcript == other.transcript, "the transcript"),
        ]
        .into_iter()
        .find_map(|(alike, name)| (!alike).then_some(name))
    }
}

impl Receipt {
    /// A receipt of `event` that says nothing else yet. The store gives it its number and the one before.
    #[must_use]
    pub fn of(event: Event, at: Moment) -> Self {
        Self {
            event,
            at,
            number: 0,
            previous: None,
            agreement: None,
            job: None,
            use_number: None,
            run: None,
            cause: None,
            person: None,
            export: None,
        }
    }

    /// The first thing that another party's receipt of the same run says otherwise, by its name.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.agreement != other.agreement {
            return Some("the agreement");
        }
        match (&self.run, &other.run) {
            (Some(one), Some(other)) => one.difference(other),
            (None, None) => None,
            _ => Some("whether the run was done"),
        }
    }
}

fn number(what: &str, number: u64) -> Result<(), String> {
    if (1..=MOST).contains(&number) { Ok(()) } else { Err(format!("numbers of {what} begin with 1")) }
}

fn job(job: &str) -> Result<(), String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !job.is_empty() && job.len() <= JOB && job.bytes().all(known) {
        Ok(())
    } else {
        Err(format!("a job's id is 1 to {JOB} letters, digits and - _ ."))
    }
}

fn seen(what: &str, text: &str, most: usize) -> Result<(), String> {
    if !text.is_empty() && text.len() <= most && printable(text, most) == text {
        Ok(())
    } else {
        Err(format!("{what} is 1 to {most} bytes of text that is seen"))
    }
}

impl Statement for Receipt {
    const KIND: &'static str = "receipt";

    fn validate(&self) -> Result<(), String> {
        number("receipts", self.number)?;
        if self.previous.is_some() != (self.number > 1) {
            return Err("a receipt names the one before it, and the first has none".to_owned());
        }
        self.job.iter().try_for_each(|id| job(id))?;
        self.use_number.map_or(Ok(()), |use_number| number("uses", use_number))?;
        self.cause.iter().try_for_each(|cause| seen("a cause", cause, CAUSE))?;
        self.person.iter().try_for_each(|person| handle(person))?;
        if let Some(run) = &self.run {
            if !(2..=16).contains(&run.inputs.len()) {
                return Err("a run has the inputs of 2 to 16 parties".to_owned());
            }
            run.inputs.iter().try_for_each(|input| number("uses", input.use_number))?;
        }
        match (&self.export, self.event) {
            (Some(export), Event::Exported) => {
                seen("the purpose of an export", &export.purpose, LINE)?;
                seen("the case of an export", &export.case, LINE)
            }
            (None, Event::Exported) => Err("an export names a purpose and a case".to_owned()),
            (Some(_), _) => Err("only an export names a purpose and a case".to_owned()),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::tests::key, statement::Signed};

    type Edit = (&'static str, fn(&mut RunFacts));

    fn facts() -> RunFacts {
        let input = |name: &str, byte, use_number| InputFacts {
            participant: name.parse().unwrap(),
            commitment: Digest::from_bytes([byte; 32]),
            padded_size: 1000,
            use_number,
        };
        RunFacts {
            terms: Digest::from_bytes([1; 32]),
            inputs: vec![input("shanghai", 2, 4), input("anhui", 3, 5)],
            transcript: Digest::from_bytes([4; 32]),
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            number: 2,
            previous: Some(Digest::from_bytes([9; 32])),
            agreement: Some(Digest::from_bytes([8; 32])),
            job: Some("job-1".to_owned()),
            use_number: Some(5),
            run: Some(facts()),
            ..Receipt::of(Event::Succeeded, "2026-03-01T00:00:00Z".parse().unwrap())
        }
    }

    fn sign(receipt: Receipt) -> Result<Signed<Receipt>, crate::StatementError> {
        Signed::sign(receipt, &"anhui".parse().unwrap(), &key(2))
    }

    #[test]
    fn a_receipt_is_read_as_it_is_written_and_its_bytes_are_pinned() {
        let signed = sign(receipt()).unwrap();
        let bytes = signed.to_bytes().unwrap();
        assert_eq!(Signed::<Receipt>::from_bytes(&bytes).unwrap(), signed);
        let (hash, text) = (|byte: u8| format!("{byte:02x}").repeat(32), String::from_utf8(bytes).unwrap());
        let input = |name: &str, byte, number: u64| {
            format!(
                r#"{{"commitment":"{}","padded_size":1000,"participant":"{name}","use_number":{number}}}"#,
                hash(byte)
            )
        };
        let wanted = format!(
            r#""statement":{{"agreement":"{}","at":"2026-03-01T00:00:00Z","event":"succeeded","job":"job-1","number":2,"previous":"{}","run":{{"inputs":[{},{}],"terms":"{}","transcript":"{}"}},"use_number":5}}}}"#,
            hash(8),
            hash(9),
            input("shanghai", 2, 4),
            input("anhui", 3, 5),
            hash(1),
            hash(4),
        );
        assert!(text.ends_with(&wanted), "{text}\n{wanted}");
    }

    #[test]
    fn what_differs_between_two_receipts_is_named() {
        assert_eq!(facts().difference(&facts()), None);
        let edits: [Edit; 6] = [
            ("the terms", |facts| facts.terms = Digest::from_bytes([7; 32])),
            ("the parties", |facts| drop(facts.inputs.pop())),
            ("an input commitment", |facts| facts.inputs[0].commitment = Digest::from_bytes([7; 32])),
            ("a padded size", |facts| facts.inputs[1].padded_size = 999),
            ("a use number", |facts| facts.inputs[1].use_number = 6),
            ("the transcript", |facts| facts.transcript = Digest::from_bytes([7; 32])),
        ];
        for (wanted, edit) in edits {
            let mut other = facts();
            edit(&mut other);
            assert_eq!(facts().difference(&other), Some(wanted));
        }
    }

    #[test]
    fn receipts_of_another_agreement_or_without_a_run_differ() {
        assert_eq!(receipt().difference(&Receipt { number: 7, use_number: Some(4), ..receipt() }), None);
        let of_another = Receipt { agreement: Some(Digest::from_bytes([7; 32])), ..receipt() };
        assert_eq!(receipt().difference(&of_another), Some("the agreement"));
        assert_eq!(receipt().difference(&Receipt { run: None, ..receipt() }), Some("whether the run was done"));
    }

    #[test]
    fn receipts_that_cannot_be_are_not_signed() {
        let edits: [fn(&mut Receipt); 9] = [
            |receipt| receipt.number = 0,
            |receipt| receipt.number = 1,
            |receipt| receipt.previous = None,
            |receipt| receipt.job = Some("../x".to_owned()),
            |receipt| receipt.cause = Some(String::new()),
            |receipt| receipt.cause = Some("a\nb".to_owned()),
            |receipt| receipt.person = Some("王伟".to_owned()),
            |receipt| receipt.event = Event::Exported,
            |receipt| receipt.export = Some(Export { purpose: "aid".to_owned(), case: "7".to_owned() }),
        ];
        for (place, edit) in edits.iter().enumerate() {
            let mut receipt = receipt();
            edit(&mut receipt);
            assert!(sign(receipt).is_err(), "{place}");
        }
        let export = Export { purpose: "aid".to_owned(), case: "2026/7".to_owned() };
        sign(Receipt { event: Event::Exported, export: Some(export), ..receipt() }).unwrap();
    }

    #[test]
    fn events_go_by_their_names() {
        for (event, name) in EVENTS {
            assert_eq!(event.to_string(), name);
            assert_eq!(name.parse(), Ok(event));
            assert_eq!(serde_json::to_string(&event).unwrap(), format!("\"{name}\""));
        }
    }

    #[test]
    fn a_use_names_its_job_and_number() {
        let sign = |job: &str, number| {
            let at = "2026-03-01T00:00:00Z".parse().unwrap();
            let statement = Use { agreement: Digest::from_bytes([8; 32]), at, job: job.to_owned(), number };
            Signed::sign(statement, &"anhui".parse().unwrap(), &key(2))
        };
        assert!(sign("job-1", 1).is_ok());
        assert!(sign("job-1", 0).is_err() && sign("", 1).is_err() && sign("a/b", 1).is_err());
    }
}
