//! Pins that are replaced while both ends are connected.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use wire::{ConnectError, Connection, Duty, PinError, Pins};

use crate::ends::{
    MOST_OF_EACH, asked, dial, id, identity, mirrored, of_person, person, pin, pins, server, server_with, valid,
};

/// Dials until there is a place: a server notices a while later that a connection is over.
async fn dial_until(endpoint: &str, own: &wire::Credentials) -> Connection {
    let dialling = async {
        loop {
            match dial(endpoint, own, 1).await {
                Ok(connection) => return connection,
                Err(ConnectError::Unreachable { .. }) => sleep(Duration::from_millis(10)).await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    timeout(Duration::from_secs(30), dialling).await.expect("no place came free")
}

#[tokio::test]
async fn a_server_takes_the_successor_and_closes_what_the_old_identity_opened() {
    let pins = pins();
    let endpoint = server_with(None, &valid("anhui", 1), pins.clone()).await;
    let (old, new) = (valid("shanghai", 2), valid("shanghai", 6));
    let mut open = Vec::new();
    for _ in 0..MOST_OF_EACH {
        open.push(dial(&endpoint, &old, 1).await.unwrap());
    }
    let operator = dial(&endpoint, &of_person("shanghai", 2, &person("k-17", Duty::Operator)), 1).await.unwrap();
    let jiangsu = dial(&endpoint, &valid("jiangsu", 5), 1).await.unwrap();
    for connection in open.iter().chain([&operator, &jiangsu]) {
        mirrored(connection).await;
    }
    let refused = dial(&endpoint, &new, 1).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused}");
    // No identity for two, and what is refused changes nothing.
    let taken = PinError::Identity(id("jiangsu"), id("shanghai"));
    assert_eq!(pins.replace(&id("shanghai"), identity(5).public()), Err(taken));
    mirrored(&open[0]).await;

    assert_eq!(pins.replace(&id("shanghai"), identity(6).public()), Ok(identity(2).public()));
    let refused = dial(&endpoint, &old, 1).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused}");
    assert!(asked(&open[0]).await.is_err() && asked(&operator).await.is_err());
    // The others were closed without a word of theirs: their places are free.
    let mut again = Vec::new();
    for _ in 0..MOST_OF_EACH {
        again.push(dial_until(&endpoint, &new).await);
    }
    for connection in again.iter().chain([&jiangsu]) {
        mirrored(connection).await;
    }
}

#[tokio::test]
async fn a_client_takes_the_successor_and_leaves_the_old_identity() {
    let (old, new) = (server(valid("anhui", 1)).await, server(valid("anhui", 6)).await);
    let pins = Pins::new([pin("anhui", 1), pin("jiangsu", 5)]).unwrap();
    let own = valid("shanghai", 2);
    let anhui = id("anhui");
    let dial = |endpoint| wire::client::connect(endpoint, &own, &pins, &anhui, Duration::from_secs(5));
    let before = dial(&old).await.unwrap();
    mirrored(&before).await;
    pins.replace(&anhui, identity(6).public()).unwrap();
    assert!(asked(&before).await.is_err());
    let error = dial(&old).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongIdentity { .. }), "{error}");
    let after = dial(&new).await.unwrap();
    assert_eq!(after.peer.identity, identity(6).public());
    mirrored(&after).await;
}

#[tokio::test]
async fn connections_of_one_can_be_closed_and_it_may_connect_again() {
    let pins = pins();
    let endpoint = server_with(None, &valid("anhui", 1), pins.clone()).await;
    let shanghai = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    let jiangsu = dial(&endpoint, &valid("jiangsu", 5), 1).await.unwrap();
    mirrored(&shanghai).await;
    pins.close_connections(&id("shanghai"));
    pins.close_connections(&id("hainan"));
    assert!(asked(&shanghai).await.is_err());
    mirrored(&jiangsu).await;
    mirrored(&dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap()).await;
}
