//! Every message by its description and by its type, and samples of them with every field filled.

use prost::{DecodeError, Message};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use wire::{Bounded, ConvertError, proto};

/// A message's type, behind its name.
pub(crate) struct Typed {
    pub(crate) name: &'static str,
    /// Decodes and encodes again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
    /// Checks the bounds of such a message's bytes, which are not decoded for it.
    pub(crate) check: fn(&[u8]) -> Result<(), ConvertError>,
    /// Decodes what is known to be such a message, and checks its bounds.
    pub(crate) check_decoded: fn(&[u8]) -> Result<(), ConvertError>,
}

macro_rules! typed {
    ($($name:ident)+) => {
        [$(Typed {
            name: stringify!($name),
            again: |bytes| Ok(proto::$name::decode(bytes)?.encode_to_vec()),
            check: <proto::$name as Bounded>::check_bytes,
            check_decoded: |bytes| proto::$name::decode(bytes).unwrap().check_bounds(),
        }),+]
    };
}

/// Every message there is; a test holds that.
pub(crate) static TYPED: [Typed; 86] = typed! {
    AcceptSuccessionRequest AcceptSuccessionResponse AgreementInfo AttachRequest AttachResponse CancelJob
    CancelJobRequest CancelJobResponse Confirm DecideAgreementRequest DecideAgreementResponse DecideJobRequest
    DecideJobResponse DeleteResultRequest DeleteResultResponse EntryKey EntrySummary Envelope ErrorBudget
    ExchangeMessage ExchangeRequest ExchangeResponse ExportResultRequest ExportResultResponse GetAgreementRequest
    GetAgreementResponse GetEntryRequest GetEntryResponse GetJobReceiptsRequest GetJobReceiptsResponse GetJobRequest
    GetJobResponse Heartbeat Hello Job JobAnswered JobEnded JobParty JobReport JobSpec JobStarted
    ListAgreementsRequest ListAgreementsResponse ListJobsRequest ListJobsResponse ListNodesRequest ListNodesResponse
    ListReceiptsRequest ListReceiptsResponse ListResultsRequest ListResultsResponse ListWaitingJobsRequest
    ListWaitingJobsResponse MeterUseRequest MeterUseResponse NodeInfo OpenJob Progress PublishEntryRequest
    PublishEntryResponse ReceiptChain ReceiptEntry Refusal Registered Registration Relay RequestAgreementRequest
    RequestAgreementResponse ResultInfo Reveal RunInput RunParticipant RunTerms SearchEntriesRequest
    SearchEntriesResponse StartJob SubmitJobRequest SubmitJobResponse TellStatementsRequest TellStatementsResponse
    UseLine WaitingJob WatchJobRequest WatchJobResponse WithdrawEntryRequest WithdrawEntryResponse
};

pub(crate) fn typed(name: &str) -> &'static Typed {
    TYPED.iter().find(|typed| typed.name == name).unwrap_or_else(|| panic!("{name} has no line in the table of types"))
}

pub(crate) fn pool() -> DescriptorPool {
    DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).unwrap()
}

/// The descriptions of this project's messages, in the order of names.
pub(crate) fn messages(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let mut ours: Vec<_> = pool.all_messages().filter(|message| message.package_name() == "yuandang.v1").collect();
    ours.sort_by(|one, other| one.name().cmp(other.name()));
    ours
}

/// Samples of a message under their names: one, or one for each body that it may have. What stands
/// in a message within a message is empty: it has a sample of its own.
pub(crate) fn samples(message: &MessageDescriptor) -> Vec<(String, DynamicMessage)> {
    filled(message, 1)
}

fn filled(message: &MessageDescriptor, levels: u32) -> Vec<(String, DynamicMessage)> {
    let mut filled = DynamicMessage::new(message.clone());
    for field in message.fields().filter(|field| field.containing_oneof().is_none()) {
        filled.set_field(&field, sample_of(&field, levels));
    }
    let bodies: Vec<_> = message.oneofs().flat_map(|oneof| oneof.fields().collect::<Vec<_>>()).collect();
    if bodies.is_empty() {
        return vec![(message.name().to_owned(), filled)];
    }
    let with = |field: FieldDescriptor| {
        let mut filled = filled.clone();
        filled.set_field(&field, sample_of(&field, levels));
        (format!("{}.{}", message.name(), field.name()), filled)
    };
    bodies.into_iter().map(with).collect()
}

fn sample_of(field: &FieldDescriptor, levels: u32) -> Value {
    let one = |place: u8| match field.kind() {
        Kind::String if field.is_list() => Value::String(format!("{} {place}", field.name())),
        Kind::String => Value::String(field.name().to_owned()),
        Kind::Bytes => Value::Bytes(vec![u8::try_from(field.number()).unwrap(); 32].into()),
        Kind::Bool => Value::Bool(true),
        Kind::Uint32 => Value::U32(1000 + field.number()),
        Kind::Uint64 => Value::U64((1 << 40) + u64::from(field.number())),
        Kind::Int64 => Value::I64((1 << 41) + i64::from(field.number())),
        Kind::Enum(named) => Value::EnumNumber(named.values().last().unwrap().number()),
        Kind::Message(inner) if levels == 0 => Value::Message(DynamicMessage::new(inner)),
        Kind::Message(inner) => Value::Message(filled(&inner, levels - 1).remove(0).1),
        other => panic!("{}: there is no sample of {other:?}", field.full_name()),
    };
    if field.is_list() { Value::List(vec![one(1), one(2)]) } else { one(1) }
}
