//! A supervisor as it stands in its configuration (examples/config/supervisor.toml): it has no node of its own, and tells each
//! node that the file lists.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use agreement::{
    IdentityKey, IdentityPublicKey, ParticipantId, Signed, Statement, printable,
    settings::{self, Problems, Section},
};
use tokio::{task::JoinSet, time::timeout};
use wire::{
    Credentials, Duty, Pins,
    proto::{Envelope, TellStatementsRequest, agreement_service_client::AgreementServiceClient},
};

use crate::{
    failure::{Failure, Status},
    identity::read_identity,
};

/// How long one node may take, from dialling to its answer.
const CALL: Duration = Duration::from_secs(10);
/// The most nodes that a file lists: all are called at once.
const NODES: usize = 256;
/// Bytes of a node's words that are shown.
const ANSWER: usize = 512;

/// Who speaks, and to whom.
pub(super) struct Supervisor {
    participant: ParticipantId,
    key: IdentityKey,
    /// What it shows in a TLS handshake.
    pub(super) credentials: Credentials,
    nodes: Vec<Node>,
    pins: Pins,
}

/// A node that is told.
#[derive(Clone)]
struct Node {
    participant: ParticipantId,
    endpoint: String,
}

/// The same before any file that it names was read.
struct Draft {
    participant: ParticipantId,
    signing_key: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    nodes: Vec<Node>,
    pins: Pins,
}

/// What became of a statement at one node.
pub(super) struct Told {
    /// Whose node.
    pub(super) node: ParticipantId,
    /// Nothing if it took it; otherwise what kind of failure that is, and in which words.
    pub(super) failure: Option<(Status, String)>,
}

impl Supervisor {
    /// Reads the file and the credentials that it names, relative to its folder.
    ///
    /// # Errors
    /// [`Failure`] with all that is wrong.
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|cause| Failure::usage(format_args!("{place}: {cause}")))?;
        let Draft { participant, signing_key, certificate, key, nodes, pins } =
            parse(&text, &place).map_err(Failure::usage)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let identity = read_identity(&folder.join(signing_key))?;
        let credentials = Credentials::read_caller(&participant, &folder.join(certificate), &folder.join(key))
            .map_err(|error| Failure::usage(format_args!("{place}: {error}")))?;
        // Every node would turn it away, and say no more than that.
        credentials
            .verify(&identity.public(), SystemTime::now())
            .map_err(|error| Failure::usage(format_args!("{place}: {error}")))?;
        if let Some(person) = credentials.person().filter(|person| person.duty != Duty::Supervisor) {
            let duty = person.duty;
            return Err(Failure::usage(format_args!("{place}: the duty in the certificate is {duty}, not supervisor")));
        }
        Ok(Self { participant, key: identity, credentials, nodes, pins })
    }

    /// The identity that nodes have pinned for it.
    pub(super) fn identity(&self) -> IdentityPublicKey {
        self.key.public()
    }

    /// Keeps only these nodes.
    ///
    /// # Errors
    /// [`Failure`] for one that the file does not list.
    pub(super) fn only(&mut self, names: &[ParticipantId]) -> Result<(), Failure> {
        if let Some(stranger) = names.iter().find(|name| !self.nodes.iter().any(|node| node.participant == **name)) {
            return Err(Failure::usage(format_args!("no node of {stranger} stands in the supervisor's file")));
        }
        self.nodes.retain(|node| names.contains(&node.participant));
        Ok(())
    }

    /// Signs a statement.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be.
    pub(super) fn sign<T: Statement>(&self, statement: T) -> Result<Vec<u8>, Failure> {
        let signed = Signed::sign(statement, &self.participant, &self.key).map_err(Failure::usage)?;
        signed.to_bytes().map_err(Failure::other)
    }

    /// Tells all nodes at once, each for a bounded time; gives what each answers, in the order of the file.
    pub(super) async fn tell(&self, statement: &[u8]) -> Vec<Told> {
        let mut calls = JoinSet::new();
        for (place, node) in self.nodes.iter().cloned().enumerate() {
            let (credentials, pins) = (self.credentials.clone(), self.pins.clone());
            let statement = statement.to_vec();
            calls.spawn(async move {
                let called = timeout(CALL, call(&node, &credentials, &pins, statement)).await;
                let late = || {
                    let words = format!("{} did not answer within {} seconds", node.endpoint, CALL.as_secs());
                    Err((Status::Unreachable, words))
                };
                let failure = called.unwrap_or_else(|_| late()).err();
                (place, Told { node: node.participant, failure })
            });
        }
        let mut told = calls.join_all().await;
        told.sort_by_key(|(place, _)| *place);
        told.into_iter().map(|(_, told)| told).collect()
    }
}

/// Tells one node.
async fn call(node: &Node, credentials: &Credentials, pins: &Pins, statement: Vec<u8>) -> Result<(), (Status, String)> {
    let connecting = wire::client::connect(&node.endpoint, credentials, pins, &node.participant, CALL);
    let connection = connecting.await.map_err(|error| {
        let failure = Failure::from(error);
        (failure.status, printable(&failure.message, ANSWER))
    })?;
    let mut client = AgreementServiceClient::new(connection.channel);
    let statements = vec![Envelope { statement: statement.into() }];
    let answer = client.tell_statements(TellStatementsRequest { statements, ..TellStatementsRequest::default() }).await;
    let answer = answer.map_err(|status| {
        let words = printable(status.message(), ANSWER);
        (Failure::of_node(status).status, words)
    })?;
    match answer.into_inner().refusals.as_slice() {
        [refusal] if refusal.is_empty() => Ok(()),
        [refusal] => Err((Status::Refused, printable(refusal, ANSWER))),
        _ => Err((Status::Peer, "it does not say whether it took the statement".to_owned())),
    }
}

fn parse(text: &str, place: &str) -> Result<Draft, Problems> {
    settings::read(text, place, draft)
}

fn draft(root: &Section<'_>) -> Option<Draft> {
    let participant = root.required("participant");
    let signing_key = root.required("signing_key");
    let (certificate, key) = (root.required("certificate"), root.required("key"));
    let nodes = root.sections("nodes", |section| {
        let participant: Option<ParticipantId> = section.required("participant");
        let identity: Option<IdentityPublicKey> = section.required("identity");
        let endpoint: Option<String> = section.required("endpoint");
        if let Some(endpoint) = &endpoint
            && !is_endpoint(endpoint)
        {
            section.problem("endpoint", "an endpoint is written https://host:port");
        }
        Some((Node { participant: participant?, endpoint: endpoint? }, identity?))
    });
    if nodes.is_empty() || nodes.len() > NODES {
        root.problem("nodes", format!("a supervisor tells 1 to {NODES} nodes"));
    }
    let pins = Pins::new(nodes.iter().map(|(node, identity)| (node.participant.clone(), *identity)));
    let pins = pins.map_err(|error| root.problem("nodes", error)).ok();
    let nodes = nodes.into_iter().map(|(node, _)| node).collect();
    Some(Draft {
        participant: participant?,
        signing_key: signing_key?,
        certificate: certificate?,
        key: key?,
        nodes,
        pins: pins?,
    })
}

fn is_endpoint(text: &str) -> bool {
    let address = text.strip_prefix("https://").and_then(|rest| rest.rsplit_once(':'));
    address.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../../examples/config/supervisor.toml");

    #[test]
    fn the_sample_is_a_supervisor_of_two_nodes() {
        let draft = parse(SAMPLE, "supervisor.toml").unwrap();
        let names: Vec<&str> = draft.nodes.iter().map(|node| node.participant.as_str()).collect();
        assert_eq!((draft.participant.as_str(), names), ("supervisor", vec!["shanghai", "anhui"]));
        for (node, identity) in draft.nodes.iter().zip(draft.pins.all().iter().rev()) {
            assert!(SAMPLE.contains(&identity.1.to_string()), "{}", node.participant);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (from, to, wanted) in [
            ("participant = \"supervisor\"", "name = \"supervisor\"", "participant is missing"),
            ("signing_key = ", "sign = ", "signing_key is missing"),
            ("certificate = ", "cert = ", "certificate is missing"),
            ("key = \"supervisor.key\"", "", "key is missing"),
            ("https://node.anhui", "http://node.anhui", "nodes.endpoint: an endpoint is written"),
            ("participant = \"anhui\"", "participant = \"shanghai\"", "shanghai is pinned twice"),
            ("[[nodes]]", "[[node]]", "a supervisor tells 1 to 256 nodes"),
        ] {
            assert!(SAMPLE.contains(from), "{from}");
            let Err(problems) = parse(&SAMPLE.replace(from, to), "s.toml") else { panic!("{wanted}") };
            assert!(problems.to_string().contains(wanted), "{wanted}: {problems}");
        }
    }
}
