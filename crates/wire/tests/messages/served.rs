//! The bounds at the door: between a generated client and a generated server, neither of which looks.

use tonic::{Code, Request, Response, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};
use wire::proto::{
    AttachRequest, AttachResponse, JobEnded, JobReport, ListNodesRequest, ListNodesResponse, NodeInfo, Registered,
    Reveal,
    attach_request::Event,
    attach_response::Directive,
    coordination_service_client::CoordinationServiceClient,
    coordination_service_server::{CoordinationService, CoordinationServiceServer},
    job_report::Body,
};

/// Takes anything, and answers an event with a name as long as its transcript.
struct Careless;

#[tonic::async_trait]
impl CoordinationService for Careless {
    type AttachStream = tokio_stream::Once<Result<AttachResponse, Status>>;

    async fn attach(
        &self,
        request: Request<tonic::Streaming<AttachRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let event = request.into_inner().message().await?.and_then(|request| request.event);
        let Some(Event::Report(JobReport { body: Some(Body::Ended(ended)), .. })) = event else {
            return Err(Status::unimplemented(""));
        };
        let coordinator = "c".repeat(ended.cause.len());
        let directive = Some(Directive::Registered(Registered { coordinator }));
        Ok(Response::new(tokio_stream::once(Ok(AttachResponse { directive }))))
    }

    async fn list_nodes(&self, _: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        Ok(Response::new(ListNodesResponse {
            nodes: vec![NodeInfo { endpoint: "e".repeat(257), ..NodeInfo::default() }],
        }))
    }
}

/// The answer to the end of a job with so many bytes of cause and of transcript.
async fn answer(cause: usize, transcript: usize) -> Result<usize, Status> {
    let ended =
        JobEnded { cause: "c".repeat(cause), transcript_hash: vec![0; transcript].into(), ..JobEnded::default() };
    let event = Some(Event::Report(JobReport { body: Some(Body::Ended(ended)), ..JobReport::default() }));
    let mut client = CoordinationServiceClient::new(CoordinationServiceServer::new(Careless));
    let mut answers = client.attach(tokio_stream::once(AttachRequest { event })).await?.into_inner();
    match answers.message().await?.and_then(|answer| answer.directive) {
        Some(Directive::Registered(registered)) => Ok(registered.coordinator.len()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_out_of_bounds_reach_neither_a_service_nor_a_client() {
    assert_eq!(answer(63, 32).await.unwrap(), 63);
    for (cause, transcript, field) in [
        (63, 33, "field JobEnded.transcript_hash: has more than 32 bytes"),
        (513, 32, "field JobEnded.cause: has more than 512 bytes"),
        (64, 32, "field Registered.coordinator: has more than 63 bytes"),
    ] {
        let error = answer(cause, transcript).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::OutOfRange, field));
    }
    let mut client = CoordinationServiceClient::new(CoordinationServiceServer::new(Careless));
    let error = client.list_nodes(ListNodesRequest {}).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::OutOfRange, "field NodeInfo.endpoint: has more than 256 bytes"));
}

#[tokio::test]
async fn bytes_out_of_bounds_are_refused_before_they_are_decoded() {
    // A registration: a participant that is no text, which a decoder would stop at, and a long endpoint.
    let registration = [&[0x0a, 1, 0xff, 0x12, 0x81, 0x02][..], &[b'e'; 257]].concat();
    let mut client = tonic::client::Grpc::new(CoordinationServiceServer::new(Careless));
    let path = "/yuandang.v1.CoordinationService/Attach".parse().unwrap();
    // Its bytes are in field 1, as a registration's are.
    let request = Request::new(tokio_stream::once(Reveal { nonce: registration.into(), clock_seconds: 0 }));
    let error = client.streaming(request, path, ProstCodec::<Reveal, AttachResponse>::default()).await.unwrap_err();
    let expected = "field Registration.endpoint: has more than 256 bytes";
    assert_eq!((error.code(), error.message()), (Code::OutOfRange, expected));
}

#[tokio::test]
async fn questions_about_health_and_messages_are_short() {
    let mut health = HealthClient::new(wire::server::health(&["yuandang.v1.JobService"]).await);
    let mut reflection = ServerReflectionClient::new(wire::server::reflection().unwrap());
    for (length, health_says, reflection_says) in [
        (1000, Code::NotFound, Some(Code::NotFound)),
        // The reflection service ends the stream without a word.
        (1100, Code::OutOfRange, None),
    ] {
        let name = "a".repeat(length);
        let checked = health.check(HealthCheckRequest { service: name.clone() }).await;
        assert_eq!(checked.unwrap_err().code(), health_says);
        let message_request = Some(MessageRequest::FileContainingSymbol(name));
        let request = ServerReflectionRequest { host: String::new(), message_request };
        let mut answers = reflection.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        assert_eq!(answers.message().await.map_err(|status| status.code()).err(), reflection_says);
    }
    let known = health.check(HealthCheckRequest { service: "yuandang.v1.JobService".to_owned() }).await;
    assert!(known.is_ok());
}
