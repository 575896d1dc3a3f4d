//! Connections between ends that accept each other, and addresses where there is none.

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tonic::{Code, Request};
use wire::{ConnectError, Peer};

use crate::ends::{dial, mirrored, pin, server, valid};

#[tokio::test]
async fn both_ends_know_each_other_and_share_a_channel_binding() {
    let endpoint = server(valid("anhui", 1)).await;
    let first = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    let Peer { participant, identity: key, channel_binding } = first.peer.clone();
    assert_eq!((participant, key), pin("anhui", 1));
    let seen = mirrored(&first).await;
    assert_eq!(seen.participant, "shanghai");
    assert_eq!(seen.endpoint, channel_binding.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let second = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    assert_ne!(second.peer.channel_binding, channel_binding);
}

#[tokio::test]
async fn each_pinned_participant_is_known_as_itself() {
    let endpoint = server(valid("anhui", 1)).await;
    for (name, seed) in [("shanghai", 2), ("jiangsu", 5)] {
        let connection = dial(&endpoint, &valid(name, seed), 1).await.unwrap();
        assert_eq!(mirrored(&connection).await.participant, name);
    }
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let endpoint = server(valid("anhui", 1)).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut tcp = TcpStream::connect(endpoint.trim_start_matches("https://")).await.unwrap();
        tcp.write_all(&[0x16]).await.unwrap();
        silent.push(tcp);
    }
    assert!(dial(&endpoint, &valid("shanghai", 2), 1).await.is_ok());
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    let error = dial("http://localhost:1", &valid("shanghai", 2), 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Endpoint(_)), "{error}");
}

#[test]
fn a_request_that_came_over_no_such_connection_is_nobodys() {
    assert_eq!(wire::server::peer_of(&Request::new(())).unwrap_err().code(), Code::Unauthenticated);
}
