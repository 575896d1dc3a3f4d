//! A protocol that is left open until both sides are ready.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use agreement::{Mode, Protocol};
use node::{Facts, ProtocolHook, RunError};
use tokio::sync::Barrier;

use crate::sides::{Sides, meet};

/// Names ECDH once both sides have asked, and keeps what each knew.
fn once_both_ask(asked: &Arc<Barrier>, into: &Arc<Mutex<Vec<Facts>>>) -> ProtocolHook {
    let (asked, into) = (Arc::clone(asked), Arc::clone(into));
    Arc::new(move |facts| {
        into.lock().unwrap().push(facts);
        let asked = Arc::clone(&asked);
        Box::pin(async move {
            asked.wait().await;
            Ok(Protocol::Ecdh)
        })
    })
}

fn naming(chosen: Result<Protocol, &'static str>) -> ProtocolHook {
    Arc::new(move |_| Box::pin(async move { chosen.map_err(str::to_owned) }))
}

#[tokio::test]
async fn both_are_asked_before_either_says_hello_and_only_the_one_that_dials_knows_the_round_trip() {
    let sides = Sides::small();
    let (mut shanghai, mut anhui) = sides.both(Mode::Labelled);
    let (asked, dialler, listener) = (Arc::new(Barrier::new(2)), Arc::default(), Arc::default());
    shanghai.choose = Some(once_both_ask(&asked, &dialler));
    anhui.choose = Some(once_both_ask(&asked, &listener));
    shanghai.network = Some("20,1000".parse().unwrap());
    anhui.network = shanghai.network;
    let (shanghai, anhui) = meet(shanghai, anhui).await;
    let (shanghai, anhui) = (shanghai.unwrap(), anhui.unwrap());
    assert_eq!(shanghai.transcript, anhui.transcript);

    let (dialler, listener) = (dialler.lock().unwrap().clone(), listener.lock().unwrap().clone());
    assert_eq!(listener, [Facts { padded_size: 3, label_size: 16, round_trip: None }]);
    let [Facts { padded_size: 3, label_size: 0, round_trip: Some(round_trip) }] = dialler[..] else {
        panic!("{dialler:?}");
    };
    assert!(round_trip >= Duration::from_millis(20), "{round_trip:?}");
    // Hello, reveal and confirm, blinded there, evaluated and tags back, the last exchange: half a one each.
    let both = shanghai.ended.max(anhui.ended) - shanghai.ready.max(anhui.ready);
    assert!(both >= Duration::from_millis(60), "{both:?}");
}

#[tokio::test]
async fn a_choice_that_this_version_does_not_have_ends_the_run_on_both_sides() {
    for chosen in [Err("the coin fell off the table"), Ok(Protocol::VoleMalicious)] {
        let sides = Sides::small();
        let (mut shanghai, anhui) = sides.both(Mode::Membership);
        shanghai.choose = Some(naming(chosen));
        let (shanghai, anhui) = meet(shanghai, anhui).await;
        let expected = chosen.err().unwrap_or("vole-malicious is not built yet");
        let error = shanghai.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let told = anhui.unwrap_err();
        assert!(matches!(told, RunError::PeerEnded { .. }), "{told:?}");
        assert!(sides.untouched("shanghai") && sides.untouched("anhui"));
    }
}
