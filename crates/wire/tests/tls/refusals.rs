//! Who is refused in the handshake, on either side.

use std::time::{Duration, SystemTime};

use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::transport::server::Connected;
use wire::ConnectError;

use crate::{
    ends::{DAY, credentials, dial, mirrored, pins, server, valid},
    impostors::{answer, changed, impostor, impostors},
};

#[tokio::test]
async fn a_server_refuses_impostors_in_the_handshake_and_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let incoming = wire::server::incoming(listener, &valid("anhui", 1), pins(), 4, Duration::from_secs(5)).unwrap();
    tokio::pin!(incoming);
    let alert = answer(&endpoint, None).await.unwrap_err();
    assert!(alert.ends_with("alert: CertificateRequired"), "no certificate: {alert}");
    for (what, shown, _, expected) in impostors("shanghai", 2, &ServerAuth) {
        let alert = answer(&endpoint, Some(shown)).await.expect_err(what);
        assert!(alert.ends_with(&format!("alert: {expected}")), "{what}: {alert}");
    }
    // Nobody came in before this one, though it alone was let in last.
    let calling = tokio::spawn(async move { answer(&endpoint, Some(changed("shanghai", 2, |_| {}))).await });
    let first = incoming.next().await.unwrap().unwrap();
    assert_eq!(first.connect_info().participant.as_str(), "shanghai");
    drop(first);
    calling.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_client_refuses_impostors_in_the_handshake() {
    let (own, mut all) = (valid("shanghai", 2), impostors("anhui", 1, &ClientAuth));
    all.push(("another pinned participant", changed("jiangsu", 5, |_| {}), "UnknownIssuer", "UnknownCA"));
    for (what, shown, expected, _) in all {
        match dial(&impostor(shown).await, &own, 1).await.expect_err(what) {
            ConnectError::WrongIdentity { cause, .. } => assert!(cause.contains(expected), "{what}: {cause}"),
            other => panic!("{what}: {other}"),
        }
    }
    // One that shows what it should is believed, and then hangs up.
    let error = dial(&impostor(changed("anhui", 1, |_| {})).await, &own, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn who_is_refused_learns_that_it_is_its_certificate() {
    let endpoint = server(valid("anhui", 1)).await;
    let now = SystemTime::now();
    for (what, stranger) in [
        ("unpinned", valid("zhejiang", 3)),
        ("by another identity", valid("shanghai", 3)),
        ("expired", credentials("shanghai", 2, now - 3 * DAY, 2)),
        ("not yet valid", credentials("shanghai", 2, now + DAY, 2)),
    ] {
        let error = dial(&endpoint, &stranger, 1).await.expect_err(what);
        assert!(matches!(error, ConnectError::Refused { .. }), "{what}: {error}");
    }
    let good = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    assert_eq!(mirrored(&good).await.participant, "shanghai");
}

#[tokio::test]
async fn a_server_is_believed_only_under_the_name_and_the_identity_that_the_client_pins() {
    let own = valid("shanghai", 2);
    let sound = server(valid("anhui", 1)).await;
    assert!(dial(&sound, &own, 1).await.is_ok());
    let unlike_the_pin = dial(&sound, &own, 9).await;
    let of_another_name = dial(&server(valid("jiangsu", 5)).await, &own, 1).await;
    for refused in [unlike_the_pin, of_another_name] {
        let error = refused.unwrap_err();
        assert!(matches!(error, ConnectError::WrongIdentity { .. }), "{error}");
    }
}
