//! What travels between two nodes holds no identifier: neither as it stands in the records nor as the digest
//! that the protocols work on, of neither side, matched or not. This is the plain text inside TLS.

use records::{KeySpec, KeyType, Record};

use crate::sides::{Sides, VARIANTS, meet_captured};

const SHANGHAI: [&str; 3] = ["310101199001011234", "340199201105050025", "340199201207070037"];
const ANHUI: [&str; 3] = ["340199201105050025", "340199201207070037", "342301198502020016"];
/// The label of every row of Anhui.
const LABEL: &str = "minimum living allowance";

fn digest(identifier: &str) -> [u8; 16] {
    let mut record = Record::default();
    record.push_field(identifier.as_bytes());
    KeySpec::new(&[KeyType::Raw]).unwrap().key(&record, &[0]).unwrap().key.0
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_holds_an_identifier_or_a_label() {
    let shanghai = SHANGHAI.iter().fold("id,name\n".to_owned(), |text, id| text + id + ",x\n");
    let anhui = ANHUI.iter().fold("id,category\n".to_owned(), |text, id| text + id + "," + LABEL + "\n");
    for (protocol, mode) in VARIANTS {
        let sides = Sides::new(shanghai.as_bytes(), anhui.as_bytes());
        let ((one, other), captured) = meet_captured(sides.both_over(protocol, mode)).await;
        assert_eq!((one.unwrap().matched, other.is_ok()), (Some(2), true), "{protocol}, {mode}");
        for (bytes, reader) in captured.iter().zip(["shanghai", "anhui"]) {
            assert!(bytes.len() > 3 * 32, "the capture is not whole");
            assert!(holds(bytes, b"job-1"), "the capture is not of the plain text");
            for identifier in SHANGHAI.iter().chain(&ANHUI) {
                let shown = holds(bytes, identifier.as_bytes());
                let digest = digest(identifier);
                let digested = holds(bytes, &digest) || holds(bytes, hex::encode(digest).as_bytes());
                assert!(!shown && !digested, "{protocol}, {mode}: what went to {reader} holds {identifier}");
            }
            assert!(!holds(bytes, LABEL.as_bytes()), "{protocol}, {mode}: what went to {reader} holds a label");
        }
    }
}
