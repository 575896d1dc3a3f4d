//! The service of agreements.

use std::sync::Arc;

use agreement::{Agreement, Digest, acts::Change, printable};
use tonic::{Request, Response, Status};
use wire::{
    Peer,
    proto::{
        self, AgreementInfo, DecideAgreementRequest, DecideAgreementResponse, Decision, Envelope, GetAgreementRequest,
        GetAgreementResponse, ListAgreementsRequest, ListAgreementsResponse, RequestAgreementRequest,
        RequestAgreementResponse, TellStatementsRequest, TellStatementsResponse,
        agreement_service_server::{AgreementService, AgreementServiceServer},
    },
};

use super::{Papers, acting::Choice, errands::AT_A_TIME, wording::impersonal};
use crate::{
    access::{Wish, allow},
    book::{BookError, Known},
    clock::now,
};

/// The most bytes of a message: a few statements.
pub(super) const MAX_MESSAGE: usize = 2 << 20;
/// Agreements of a list where the caller does not say, and the most that it may ask for.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 500;
/// The fewest digits by which an agreement can be named.
const SHORTEST: usize = 8;
/// Bytes of a refusal that is told.
const REFUSAL: usize = 256;

/// Answers peers, supervisors and this participant's own people.
pub(crate) struct Desk(pub(crate) Arc<Papers>);

/// The service of a node.
pub(crate) fn service(papers: Arc<Papers>) -> AgreementServiceServer<Desk> {
    AgreementServiceServer::new(Desk(papers))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

pub(super) fn status(error: BookError) -> Status {
    match error {
        BookError::NotTaken(_) | BookError::NotNow(_) | BookError::Statement(_) => {
            Status::failed_precondition(error.to_string())
        }
        other => {
            tracing::error!(error = %other, "the book failed");
            Status::internal("the node's book failed")
        }
    }
}

impl Desk {
    /// The caller, if it may have its wish.
    pub(super) fn wanted<T>(&self, request: &Request<T>, wish: Wish) -> Result<Peer, Status> {
        let caller = wire::server::peer_of(request)?;
        allow(&caller, (self.0.book.participant(), &self.0.book.pinned()), wish)?;
        Ok(caller)
    }

    /// The agreement that is meant by a digest, or by the beginning of one.
    pub(super) async fn named(&self, digest: &str) -> Result<Known, Status> {
        let digits = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digest.len() < SHORTEST || !digits {
            return Err(Status::invalid_argument(
                "an agreement is named by the first eight digits of its digest, or more",
            ));
        }
        let mut found = self.0.book.beginning_with(digest).await.map_err(status)?;
        match (found.pop(), found.is_empty()) {
            (Some(known), true) => Ok(known),
            (Some(_), false) => Err(Status::invalid_argument("several agreements begin so; give more digits")),
            (None, _) => Err(Status::not_found("there is no such agreement here")),
        }
    }

    async fn info(&self, known: &Known) -> Result<AgreementInfo, Status> {
        let book = &self.0.book;
        let used = book.runs(&known.digest).await.map_err(status)?;
        let now = now().map_err(|error| status(error.into()))?;
        let (life, state) = known.state(book, used, now);
        let due = self.0.due(known, (state, used), now).map_err(|error| status(error.into()))?;
        let hold = life.holds.first().map(|hold| format!("{}: {}", hold.by, hold.reason));
        let rejected = life.rejected.as_ref().map(|(who, why)| format!("{who}: {why}"));
        Ok(AgreementInfo {
            digest: known.digest.to_string(),
            name: known.agreement.name.clone(),
            state: state.to_string(),
            missing: life.missing.iter().map(ToString::to_string).collect(),
            why: hold.or(rejected).unwrap_or_default(),
            used,
            runs: known.agreement.limits.runs,
            received_ms: known.received_ms,
            owed: due.map_or(proto::Owed::Unspecified, |due| due.what.into()).into(),
            due: due.map(|due| due.day.to_string()).unwrap_or_default(),
            overdue: due.is_some_and(|due| due.is_over),
        })
    }

    async fn info_of(&self, digest: &Digest) -> Result<Option<AgreementInfo>, Status> {
        match self.0.book.known(digest).await.map_err(status)? {
            Some(known) => self.info(&known).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The handle of a caller that is a person.
pub(super) fn handle(caller: &Peer) -> Option<String> {
    caller.person.as_ref().map(|person| person.handle.to_string())
}

#[tonic::async_trait]
impl AgreementService for Desk {
    async fn tell_statements(
        &self,
        request: Request<TellStatementsRequest>,
    ) -> Result<Response<TellStatementsResponse>, Status> {
        let caller = self.wanted(&request, Wish::Tell)?;
        let TellStatementsRequest { statements, taken, later: not_yet } = request.into_inner();
        let (mut refusals, mut later) = (Vec::new(), Vec::new());
        for Envelope { statement } in statements {
            let digest = Digest::of(&[&statement]).to_string();
            // Goes on if the caller hangs up.
            let papers = Arc::clone(&self.0);
            let taken = tokio::spawn(async move { papers.take_in(&statement).await }).await;
            let taken = taken.map_err(|_| Status::internal("a fault in this program"))?;
            if matches!(taken, Err(BookError::NotNow(_))) {
                later.push(digest);
            }
            refusals.push(match taken {
                Ok(()) => String::new(),
                Err(error @ (BookError::NotTaken(_) | BookError::NotNow(_) | BookError::Statement(_))) => {
                    let refusal = printable(&error.to_string(), REFUSAL);
                    if !matches!(error, BookError::NotNow(_)) {
                        tracing::warn!(caller = %caller.holder(), refusal, "a statement was not taken in");
                    }
                    refusal
                }
                // Not the statement's fault: it is to be brought again.
                Err(error) => return Err(status(error)),
            });
        }
        let mut waiting = Vec::new();
        // What waits is for a peer's node alone.
        if caller.person.is_none() {
            for digest in &taken {
                self.0.book.taken(&caller.participant, digest).await.map_err(status)?;
            }
            for digest in &not_yet {
                self.0.book.not_yet(&caller.participant, digest).await.map_err(status)?;
            }
            let bodies = self.0.book.waiting(&caller.participant, AT_A_TIME).await.map_err(status)?;
            waiting = bodies.into_iter().map(|(_, body)| Envelope { statement: body.into() }).collect();
        }
        Ok(Response::new(TellStatementsResponse { refusals, waiting, later }))
    }

    async fn request_agreement(
        &self,
        request: Request<RequestAgreementRequest>,
    ) -> Result<Response<RequestAgreementResponse>, Status> {
        let caller = self.wanted(&request, Wish::Ask)?;
        let terms = request.into_inner().agreement;
        let agreement = Agreement::from_bytes(&terms).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let digest = self.0.request(agreement, handle(&caller)).await.map_err(status)?;
        Ok(Response::new(RequestAgreementResponse { agreement: self.info_of(&digest).await? }))
    }

    async fn list_agreements(
        &self,
        request: Request<ListAgreementsRequest>,
    ) -> Result<Response<ListAgreementsResponse>, Status> {
        self.wanted(&request, Wish::See)?;
        let most = match request.get_ref().page_size {
            0 => PAGE,
            size => size.min(LONGEST_PAGE),
        };
        let mut agreements = Vec::new();
        for known in self.0.book.agreements(most).await.map_err(status)? {
            agreements.push(self.info(&known).await?);
        }
        Ok(Response::new(ListAgreementsResponse { agreements }))
    }

    async fn get_agreement(
        &self,
        request: Request<GetAgreementRequest>,
    ) -> Result<Response<GetAgreementResponse>, Status> {
        self.wanted(&request, Wish::See)?;
        let known = self.named(&request.get_ref().digest).await?;
        let own = |error: &dyn std::fmt::Display| Status::internal(error.to_string());
        let terms = known.agreement.to_bytes().map_err(|error| own(&error))?.into();
        let envelope = |act: &agreement::Act| {
            act.to_bytes().map(|bytes| Envelope { statement: bytes.into() }).map_err(|error| own(&error))
        };
        let statements = known.acts.iter().map(envelope).collect::<Result<_, _>>()?;
        let agreement = Some(self.info(&known).await?);
        Ok(Response::new(GetAgreementResponse { agreement, terms, statements }))
    }

    async fn decide_agreement(
        &self,
        request: Request<DecideAgreementRequest>,
    ) -> Result<Response<DecideAgreementResponse>, Status> {
        let (choice, wish) = match request.get_ref().decision() {
            Decision::Offer => (Choice::Offer, Wish::Ask),
            Decision::Approve => (Choice::Approve, Wish::Approve),
            Decision::Reject => (Choice::Reject, Wish::Approve),
            Decision::Suspend => (Choice::Stand(Change::Suspension), Wish::Suspend),
            Decision::Resume => (Choice::Stand(Change::Resumption), Wish::Settle),
            Decision::Revoke => (Choice::Stand(Change::Revocation), Wish::Settle),
            Decision::Unspecified => return Err(Status::invalid_argument("no decision was named")),
        };
        let caller = self.wanted(&request, wish)?;
        let DecideAgreementRequest { digest, reason, .. } = request.into_inner();
        impersonal("the reason", &reason)?;
        let known = self.named(&digest).await?;
        // Goes on if the caller hangs up.
        let (papers, person) = (Arc::clone(&self.0), handle(&caller));
        let deciding = tokio::spawn(async move { papers.decide(known.digest, choice, (person, &reason)).await });
        deciding.await.map_err(|_| Status::internal("a fault in this program"))?.map_err(status)?;
        Ok(Response::new(DecideAgreementResponse { agreement: self.info_of(&known.digest).await? }))
    }
}
