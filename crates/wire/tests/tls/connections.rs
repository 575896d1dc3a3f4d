//! Connections between ends that accept each other, and addresses where there is none.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tonic::{Code, Request};
use wire::{
    ConnectError, Network, Peer,
    proto::{ListNodesRequest, coordination_service_client::CoordinationServiceClient},
};

use crate::ends::{MOST_OF_EACH, dial, dial_over, mirrored, pin, server, server_over, valid};

#[tokio::test]
async fn both_ends_know_each_other_and_share_a_channel_binding() {
    let endpoint = server(valid("anhui", 1)).await;
    let first = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    let Peer { participant, person, identity: key, channel_binding } = first.peer.clone();
    assert_eq!(((participant, key), person), (pin("anhui", 1), None));
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
async fn a_shaped_connection_takes_its_round_trips_and_measures_one() {
    let network: Network = "50,100".parse().unwrap();
    let endpoint = server_over(Some(network), valid("anhui", 1)).await;
    let began = Instant::now();
    let connection = dial_over(network, &endpoint, &valid("shanghai", 2)).await.unwrap();
    // To connect, for TLS, and for the first words of HTTP/2.
    assert!(began.elapsed() >= network.round_trip() * 3, "{:?}", began.elapsed());
    assert!(connection.round_trip >= network.round_trip(), "{:?}", connection.round_trip);
    let asked = Instant::now();
    assert_eq!(mirrored(&connection).await.participant, "shanghai");
    assert!(asked.elapsed() >= network.round_trip(), "{:?}", asked.elapsed());
    // Over loopback as it is, it is measured as well.
    let plain = dial(&server(valid("anhui", 1)).await, &valid("shanghai", 2), 1).await.unwrap();
    assert!(plain.round_trip > Duration::ZERO);
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let endpoint = server(valid("anhui", 1)).await;
    let address = endpoint.trim_start_matches("https://").to_owned();
    let silent = move || {
        let address = address.clone();
        async move {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            tcp.write_all(&[0x16]).await.unwrap();
            tcp
        }
    };
    // More than there is room for, and always new ones.
    let mut held = VecDeque::new();
    for _ in 0..300 {
        held.push_back(silent().await);
    }
    let flood = tokio::spawn(async move {
        loop {
            held.push_back(silent().await);
            drop(held.pop_front());
            sleep(Duration::from_millis(1)).await;
        }
    });
    for _ in 0..5 {
        let connection = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
        assert_eq!(mirrored(&connection).await.participant, "shanghai");
        sleep(Duration::from_millis(20)).await;
    }
    flood.abort();
    assert!(flood.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_participant_has_so_many_connections_and_takes_none_from_another() {
    let endpoint = server(valid("anhui", 1)).await;
    let own = valid("shanghai", 2);
    let mut held = Vec::new();
    for _ in 0..MOST_OF_EACH {
        held.push(dial(&endpoint, &own, 1).await.unwrap());
    }
    let error = dial(&endpoint, &own, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    let other = dial(&endpoint, &valid("jiangsu", 5), 1).await.unwrap();
    assert_eq!(mirrored(&other).await.participant, "jiangsu");
    for connection in &held {
        assert_eq!(mirrored(connection).await.participant, "shanghai");
    }
    // The server notices a while later that one is over.
    drop(held.pop());
    let again = async {
        while dial(&endpoint, &own, 1).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), again).await.unwrap();
}

#[tokio::test]
async fn headers_beyond_a_few_kilobytes_are_refused_and_the_connection_goes_on() {
    let connection = dial(&server(valid("anhui", 1)).await, &valid("shanghai", 2), 1).await.unwrap();
    let mut client = CoordinationServiceClient::new(connection.channel.clone());
    for (length, taken) in [(4 << 10, true), (9 << 10, false), (15 << 10, false)] {
        let mut request = Request::new(ListNodesRequest {});
        request.metadata_mut().insert("much", "m".repeat(length).parse().unwrap());
        assert_eq!(client.list_nodes(request).await.is_ok(), taken, "{length}");
    }
    assert_eq!(mirrored(&connection).await.participant, "shanghai");
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
