//! What stands on the wire, pinned: tests/golden/messages.txt has a sample of every message field by
//! field in hex, the numbers of every enumeration, and the methods of every service.
//!
//! A change of that file is a change of the protocol. `YUANDANG_PIN=1` writes it anew.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage};

use crate::samples::{TYPED, messages, pool, samples, typed};

const GOLDEN: &str = include_str!("../golden/messages.txt");

/// What the file has to say.
fn rendered(pool: &DescriptorPool) -> String {
    let mut text = String::new();
    for (name, sample) in messages(pool).iter().flat_map(samples) {
        writeln!(text, "message {name}").unwrap();
        for (field, value) in sample.fields() {
            let mut alone = DynamicMessage::new(sample.descriptor());
            alone.set_field(&field, value.clone());
            writeln!(text, "  {} {}", field.name(), hex::encode(alone.encode_to_vec())).unwrap();
        }
    }
    for named in pool.all_enums().filter(|named| named.package_name() == "yuandang.v1") {
        writeln!(text, "enum {}", named.name()).unwrap();
        for value in named.values() {
            writeln!(text, "  {} {}", value.name(), value.number()).unwrap();
        }
    }
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let stream = |streams| if streams { "stream " } else { "" };
        let (input, output) = (method.input(), method.output());
        writeln!(
            text,
            "method /{}/{} {}{} to {}{}",
            method.parent_service().full_name(),
            method.name(),
            stream(method.is_client_streaming()),
            input.name(),
            stream(method.is_server_streaming()),
            output.name(),
        )
        .unwrap();
    }
    text
}

/// The pinned samples: names of messages with their bytes.
fn pinned() -> Vec<(&'static str, Vec<u8>)> {
    let mut pinned: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in GOLDEN.lines().take_while(|line| !line.starts_with("enum ")) {
        match line.strip_prefix("message ") {
            Some(name) => pinned.push((name.split('.').next().unwrap(), Vec::new())),
            None => {
                let digits = line.rsplit(' ').next().unwrap();
                pinned.last_mut().unwrap().1.extend(hex::decode(digits).unwrap());
            }
        }
    }
    pinned
}

#[test]
fn what_stands_on_the_wire_is_as_pinned() {
    let rendered = rendered(&pool());
    if std::env::var_os("YUANDANG_PIN").is_some() {
        fs::write(
            Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/golden/messages.txt"),
            &rendered,
        )
        .unwrap();
    }
    for (number, (now, pinned)) in rendered.lines().zip(GOLDEN.lines()).enumerate() {
        assert_eq!(now, pinned, "tests/golden/messages.txt, line {}", number + 1);
    }
    assert_eq!(rendered.lines().count(), GOLDEN.lines().count());
}

#[test]
fn every_message_has_a_pinned_sample_and_a_type() {
    let pool = pool();
    let described: BTreeSet<String> = messages(&pool).iter().map(|message| message.name().to_owned()).collect();
    let sampled: BTreeSet<String> = pinned().into_iter().map(|(name, _)| name.to_owned()).collect();
    let typed: BTreeSet<String> = TYPED.iter().map(|typed| typed.name.to_owned()).collect();
    assert!(described.len() > 30);
    assert_eq!(sampled, described);
    assert_eq!(typed, described);
}

#[test]
fn pinned_bytes_decode_to_the_messages_that_they_are_of() {
    let pool = pool();
    let all = messages(&pool);
    let mut samples = all.iter().flat_map(samples);
    for (name, bytes) in pinned() {
        let (sample, expected) = samples.next().unwrap();
        let decoded = DynamicMessage::decode(expected.descriptor(), bytes.as_slice()).unwrap();
        assert_eq!(decoded, expected, "{sample}");
        assert_eq!(hex::encode((typed(name).again)(&bytes).unwrap()), hex::encode(&bytes), "{sample}");
        assert_eq!((typed(name).check)(&bytes), Ok(()), "{sample}");
    }
}
