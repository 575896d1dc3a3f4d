//! Bounds: what the fields of a message may hold at most, as proto/yuandang/v1 says it, held for the
//! bytes of every message that comes in, before they are decoded.
//!
//! Before, since an element of a list is two bytes on the wire and a hundred in memory: a message that
//! is short enough to be taken in could be decoded to any size. The numbers stand in the messages'
//! description alone; build.rs makes a table of them.

use std::marker::PhantomData;

use prost::{
    DecodeError, Message,
    bytes::Buf,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstDecoder, ProstEncoder};

use crate::{convert::ConvertError, proto};

/// Bytes that one text in a list may have, whatever the list.
pub const MAX_ELEMENT: usize = 256;

/// What one field may hold.
#[derive(Debug)]
pub struct Limit {
    number: u32,
    /// `Message.field`.
    name: &'static str,
    elements: usize,
    /// Of each element.
    bytes: usize,
    /// If the elements are messages, what theirs may hold.
    within: Option<&'static [Limit]>,
}

/// A message whose fields have bounds.
pub trait Bounded: Message + Sized {
    /// What each field may hold that is of no fixed size.
    const LIMITS: &'static [Limit];

    /// Checks that each field in the bytes of such a message is within its bound, and each field of the
    /// messages within. Nothing is decoded for it.
    ///
    /// # Errors
    /// [`ConvertError`] with the first field that is not, as `Message.field`, or with `message` if the
    /// bytes are none.
    fn check_bytes(bytes: &[u8]) -> Result<(), ConvertError> {
        check(bytes, Self::LIMITS)
    }

    /// The same of a message that did not come as bytes.
    ///
    /// # Errors
    /// As [`Bounded::check_bytes`].
    fn check_bounds(&self) -> Result<(), ConvertError> {
        Self::check_bytes(&self.encode_to_vec())
    }
}

include!(concat!(env!("OUT_DIR"), "/bounds.rs"));

/// Goes through the fields of a message with the parts of the decoder itself, so that the two cannot
/// take the same bytes for different fields.
///
/// A message that stands in another counts each time, though a decoder puts its parts together: lists
/// could otherwise grow part by part. And bytes that are no message end here, since the decoder would
/// notice a field that reaches beyond its message only once it has decoded it.
fn check(bytes: &[u8], limits: &'static [Limit]) -> Result<(), ConvertError> {
    let broken = |cause: DecodeError| ConvertError::new("message", cause);
    let mut counts = vec![0_usize; limits.len()];
    let mut rest = bytes;
    while !rest.is_empty() {
        let (number, kind) = decode_key(&mut rest).map_err(broken)?;
        let from = rest;
        skip_field(kind, number, &mut rest, DecodeContext::default()).map_err(broken)?;
        let known = limits.iter().zip(&mut counts).find(|(limit, _)| limit.number == number);
        // One of another kind is refused by the decoder before it takes anything from it.
        let (Some((limit, count)), WireType::LengthDelimited) = (known, kind) else { continue };
        let mut content = from.take(from.len().saturating_sub(rest.len()));
        decode_varint(&mut content).map_err(broken)?;
        let content = content.chunk();
        *count = count.saturating_add(1);
        at_most(limit.name, *count, limit.elements, "elements")?;
        at_most(limit.name, content.len(), limit.bytes, "bytes")?;
        if let Some(within) = limit.within {
            check(content, within)?;
        }
    }
    Ok(())
}

fn at_most(field: &'static str, length: usize, most: usize, unit: &str) -> Result<(), ConvertError> {
    if length > most {
        return Err(ConvertError::new(field, format!("has more than {most} {unit}")));
    }
    Ok(())
}

/// The codec of every service: protobuf, and an error for bytes that are out of bounds. It is
/// `out_of_range`, like the library's own for a message that is too long as a whole.
#[derive(Debug)]
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

/// The decoding half of [`BoundedCodec`].
#[derive(Debug)]
pub struct BoundedDecoder<U>(ProstDecoder<U>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Bounded + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(ProstDecoder::default())
    }
}

impl<U: Bounded + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // The library keeps a message in one piece; were it not so, the decoder would see more than was checked.
        if buffer.chunk().len() != buffer.remaining() {
            return Err(Status::internal("a message is not in one piece"));
        }
        U::check_bytes(buffer.chunk()).map_err(|error| Status::out_of_range(error.to_string()))?;
        self.0.decode(buffer)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}
