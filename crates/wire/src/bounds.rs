//! Bounds: what the fields of a message may hold at most, as proto/yuandang/v1 says it, held for every
//! message that comes in, before anything reads it.
//!
//! The numbers stand in the messages' description alone; build.rs makes the checks of them.

use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstDecoder, ProstEncoder};

use crate::{convert::ConvertError, proto};

/// Bytes that one text in a list may have, whatever the list.
pub const MAX_ELEMENT: usize = 256;

/// A message whose fields have bounds.
pub trait Bounded {
    /// Checks that each field is within its bound, and each field of the messages within.
    ///
    /// # Errors
    /// [`ConvertError`] with the first field that is not, as `Message.field`.
    fn check_bounds(&self) -> Result<(), ConvertError>;
}

include!(concat!(env!("OUT_DIR"), "/bounds.rs"));

fn at_most(field: &'static str, length: usize, most: usize, unit: &str) -> Result<(), ConvertError> {
    if length > most {
        return Err(ConvertError::new(field, format!("has more than {most} {unit}")));
    }
    Ok(())
}

/// The codec of every service: protobuf, and an error for a message that is out of bounds. It is
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
    U: Message + Bounded + Default + Send + 'static,
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

impl<U: Message + Bounded + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let message = self.0.decode(buffer)?;
        if let Some(message) = &message {
            message.check_bounds().map_err(|error| Status::out_of_range(error.to_string()))?;
        }
        Ok(message)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}
