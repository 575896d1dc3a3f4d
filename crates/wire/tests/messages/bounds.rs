//! Every field that comes in has a bound, and the bound holds.

use std::collections::BTreeSet;

use agreement::{JobParty, JobSpec, RunInput, RunParticipant, RunTerms};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use wire::{ConvertError, bounds::MAX_ELEMENT, proto};

use crate::samples::{messages, pool, typed};

/// The messages that services take and give, with the services' names.
fn travelling(pool: &DescriptorPool) -> Vec<(String, MessageDescriptor)> {
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let named = methods.map(|method| (method.parent_service().name().to_owned(), [method.input(), method.output()]));
    named.flat_map(|(service, both)| both.map(|message| (service.clone(), message))).collect()
}

fn bound(field: &FieldDescriptor) -> Option<usize> {
    let option = field.parent_pool().get_extension_by_name("yuandang.v1.max_len").unwrap();
    let options = field.options();
    let most = options.has_extension(&option).then(|| options.get_extension(&option).as_u32().unwrap());
    most.map(|most| usize::try_from(most).unwrap())
}

/// `message` and all that may stand within it.
fn reachable(message: &MessageDescriptor, into: &mut BTreeSet<String>, fields: &mut Vec<FieldDescriptor>) {
    if into.insert(message.name().to_owned()) {
        for field in message.fields() {
            if let Kind::Message(inner) = field.kind() {
                reachable(&inner, into, fields);
            }
            fields.push(field);
        }
    }
}

#[test]
fn every_field_of_bytes_text_or_many_that_a_service_takes_or_gives_carries_a_bound() {
    let pool = pool();
    let (mut seen, mut fields) = (BTreeSet::new(), Vec::new());
    let travelling = travelling(&pool);
    let services: BTreeSet<&str> = travelling.iter().map(|(service, _)| service.as_str()).collect();
    let all = [
        "AgreementService",
        "ApprovalService",
        "CatalogueService",
        "CoordinationService",
        "ExchangeService",
        "IdentityService",
        "JobService",
        "ReceiptService",
        "ResultService",
    ];
    assert_eq!(services, BTreeSet::from(all));
    for (_, message) in &travelling {
        reachable(message, &mut seen, &mut fields);
    }
    for deep in ["JobEnded", "Progress", "JobParty", "RunParticipant", "RunInput", "Refusal", "EntryKey"] {
        assert!(seen.contains(deep), "{deep} is not reached");
    }
    let mut bounded = 0;
    for field in fields {
        if field.is_list() || field.is_map() || matches!(field.kind(), Kind::Bytes | Kind::String) {
            assert!(bound(&field).is_some_and(|most| most > 0), "{} has no bound", field.full_name());
            bounded += 1;
        }
    }
    assert!(bounded > 30, "only {bounded} fields were looked at");
}

/// Messages of this type in which one field, of it or of a message within, holds `extra` more than
/// it may, each with that field's name.
fn stretched(message: &MessageDescriptor, extra: usize) -> Vec<(String, DynamicMessage)> {
    let mut all = Vec::new();
    for field in message.fields() {
        let mut add = |name: String, value: Value| {
            let mut whole = DynamicMessage::new(message.clone());
            let value = if field.is_list() && value.as_list().is_none() { Value::List(vec![value]) } else { value };
            whole.set_field(&field, value);
            all.push((name, whole));
        };
        let name = format!("{}.{}", message.name(), field.name());
        let text = |length: usize| Value::String("a".repeat(length));
        if let Some(most) = bound(&field).map(|most| most + extra) {
            let value = match field.kind() {
                Kind::Message(inner) => Value::List(vec![Value::Message(DynamicMessage::new(inner)); most]),
                Kind::String if field.is_list() => Value::List(vec![text(1); most]),
                Kind::String => text(most),
                Kind::Bytes => Value::Bytes(vec![0; most].into()),
                other => panic!("{name}: a bound of {other:?} means nothing"),
            };
            add(name.clone(), value);
        }
        match field.kind() {
            Kind::String if field.is_list() => add(name, text(MAX_ELEMENT + extra)),
            Kind::Message(inner) => {
                stretched(&inner, extra).into_iter().for_each(|(name, within)| add(name, Value::Message(within)));
            }
            _ => {}
        }
    }
    all
}

#[test]
fn a_message_is_refused_if_any_field_within_it_holds_more_than_its_bound() {
    let pool = pool();
    let mut checked = 0;
    for message in messages(&pool) {
        let check = |whole: &DynamicMessage| {
            let bytes = whole.encode_to_vec();
            let of_bytes = (typed(message.name()).check)(&bytes);
            assert_eq!((typed(message.name()).check_decoded)(&bytes), of_bytes);
            of_bytes
        };
        for (field, whole) in stretched(&message, 0) {
            assert_eq!(check(&whole), Ok(()), "{} with just as much in {field}", message.name());
        }
        for (field, whole) in stretched(&message, 1) {
            let error = check(&whole).expect_err(&field);
            assert_eq!(error.field, field, "in {}", message.name());
            assert!(error.problem.starts_with("has more than "), "{error}");
            checked += 1;
        }
    }
    assert!(checked > 150, "only {checked} were looked at");
}

/// `content` as the field of this number, as often as said.
fn repeated(number: u8, content: &[u8], times: usize) -> Vec<u8> {
    let mut one = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut one).unwrap();
    one.extend_from_slice(content);
    one.repeat(times)
}

/// What the bytes of such a message are refused for.
fn refused(name: &str, bytes: &[u8]) -> String {
    let error = (typed(name).check)(bytes).expect_err(name);
    format!("{}: {}", error.field, error.problem)
}

#[test]
fn many_small_elements_are_refused_by_their_bytes_alone() {
    // Two bytes each, and a hundred once decoded.
    let hello = |terms: Vec<u8>| repeated(1, &repeated(1, &repeated(1, &terms, 1), 1), 1);
    let participants = hello(repeated(3, &[], 500_000));
    assert_eq!(refused("ExchangeRequest", &participants), "RunTerms.participants: has more than 16 elements");
    let label_columns = hello(repeated(9, &[], 500_000));
    assert_eq!(refused("ExchangeRequest", &label_columns), "RunTerms.label_columns: has more than 64 elements");
    assert_eq!(
        refused("ListJobsResponse", &repeated(1, &[], 501)),
        "ListJobsResponse.jobs: has more than 500 elements"
    );
}

#[test]
fn parts_of_a_message_do_not_add_up_to_more_than_the_whole_may_hold() {
    // A decoder puts the participants of both terms into one list.
    let terms = repeated(3, &[], 10);
    assert!((typed("Hello").check)(&repeated(1, &terms, 1)).is_ok());
    assert_eq!(refused("Hello", &repeated(1, &terms, 2)), "Hello.terms: has more than 1 elements");
    let report = repeated(3, &[], 2);
    assert_eq!(refused("JobReport", &report), "JobReport.progress: has more than 1 elements");
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let check = typed("RunTerms").check;
    // A number, four bytes, eight bytes and a text, each in a field that is not known, before one that is.
    let mut later =
        vec![0x80, 0x08, 0x07, 0x85, 0x08, 1, 2, 3, 4, 0x81, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0x08, 1, 9];
    assert_eq!(check(&later), Ok(()));
    later.extend(repeated(3, &[], 17));
    assert_eq!(refused("RunTerms", &later), "RunTerms.participants: has more than 16 elements");
    assert!((typed("RunTerms").again)(&later).is_ok(), "it is a message all the same");
}

#[test]
fn bytes_that_are_no_message_never_reach_the_decoder() {
    for broken in [&[0x1a][..], &[0x1a, 5, 0], &[0x1a, 0xff], &[0x1b], &[0x02, 0]] {
        assert!(refused("RunTerms", broken).starts_with("message: failed to decode"), "{broken:x?}");
    }
    // The decoder notices only after it that a field reaches beyond the message it stands in.
    let hello = repeated(1, &repeated(1, &repeated(3, &[], 17), 1), 1);
    let (inside, beyond) = hello.split_at(1);
    let beyond = [&repeated(1, inside, 1), beyond].concat();
    assert!(refused("ExchangeRequest", &beyond).starts_with("message: failed to decode"));
}

/// What a conversion says of a message that is of its type.
type Conversion = (&'static str, fn(&[u8]) -> Result<(), ConvertError>);

macro_rules! conversions {
    ($($name:ident)+) => {
        [$((stringify!($name), |bytes| $name::try_from(proto::$name::decode(bytes).unwrap()).map(drop))),+]
    };
}

#[test]
fn conversions_refuse_what_is_out_of_bounds_by_themselves() {
    let pool = pool();
    let conversions: [Conversion; 5] = conversions!(JobParty JobSpec RunInput RunParticipant RunTerms);
    for (name, convert) in conversions {
        let message = pool.get_message_by_name(&format!("yuandang.v1.{name}")).unwrap();
        for (field, whole) in stretched(&message, 1) {
            assert_eq!(convert(&whole.encode_to_vec()).expect_err(&field).field, field, "in {name}");
        }
    }
}
