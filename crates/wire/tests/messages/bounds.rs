//! Every field that comes in has a bound, and the bound holds.

use std::collections::BTreeSet;

use agreement::{JobParty, JobSpec, RunInput, RunParticipant, RunTerms};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use wire::{ConvertError, bounds::MAX_ELEMENT, proto};

use crate::samples::{messages, pool, typed};

/// The messages that services take, with the services' names.
fn requests(pool: &DescriptorPool) -> Vec<(String, MessageDescriptor)> {
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.map(|method| (method.parent_service().name().to_owned(), method.input())).collect()
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
fn every_field_of_bytes_text_or_many_that_a_service_takes_carries_a_bound() {
    let pool = pool();
    let (mut seen, mut fields) = (BTreeSet::new(), Vec::new());
    let requests = requests(&pool);
    let services: BTreeSet<&str> = requests.iter().map(|(service, _)| service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["CoordinationService", "ExchangeService", "JobService"]));
    for (_, request) in &requests {
        reachable(request, &mut seen, &mut fields);
    }
    for deep in ["JobEnded", "Progress", "JobParty", "RunParticipant", "RunInput", "Refusal"] {
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
        let check = |whole: &DynamicMessage| (typed(message.name()).check)(&whole.encode_to_vec());
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
