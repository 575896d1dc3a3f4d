//! A result as an object: one request if it is small, otherwise parts that are joined at the end.

use std::{
    io::{self, Write},
    rc::Rc,
};

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use records::{RecordError, Target};

use super::Object;
use crate::{
    background::{self, Order, Orders, Taker},
    fault,
};

/// Bytes of a part; stores want at least 5 MiB of all but the last, and take up to 10,000 parts.
const PART: usize = 8 << 20;

/// An object that is being written.
pub(crate) struct NewObject {
    place: String,
    orders: Orders,
    part: Vec<u8>,
}

impl NewObject {
    /// Begins `object`.
    ///
    /// # Errors
    /// [`RecordError::Exists`] if it is there and `overwrite` is not set; [`RecordError::Io`] if the store
    /// cannot be reached.
    pub(crate) fn create(object: Object, overwrite: bool) -> Result<Self, RecordError> {
        let place = object.place.clone();
        let work = move |taker: Rc<Taker>| -> background::Work {
            Box::pin(async move { Upload { object, overwrite, parts: None }.run(&taker).await })
        };
        let orders = background::write(&place, work)?;
        Ok(Self { place, orders, part: Vec::new() })
    }
}

impl Write for NewObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART {
            let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
            self.orders.give(Bytes::from(part)).map_err(fault::to_io)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for NewObject {
    fn place(&self) -> &str {
        &self.place
    }

    fn commit(mut self: Box<Self>) -> Result<(), RecordError> {
        self.orders.give(Bytes::from(std::mem::take(&mut self.part)))?;
        self.orders.commit()
    }
}

struct Upload {
    object: Object,
    overwrite: bool,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    async fn run(mut self, taker: &Taker) -> Result<(), RecordError> {
        self.check_free().await?;
        taker.ready();
        let result = self.take_all(taker).await;
        if let Some(mut parts) = self.parts.take() {
            // A store charges for parts that belong to nothing.
            let _ = parts.abort().await;
        }
        result
    }

    /// Writes what it is told to. An upload that is still in `self.parts` afterwards is not complete.
    async fn take_all(&mut self, taker: &Taker) -> Result<(), RecordError> {
        // The piece before is held back: the last may be small, and the only one goes in one request.
        let mut held: Option<Bytes> = None;
        loop {
            match taker.next() {
                None => return Ok(()),
                Some(Order::Piece(piece)) => {
                    if let Some(part) = held.replace(piece) {
                        self.put_part(part).await?;
                    }
                }
                Some(Order::Commit) => return self.complete(held.unwrap_or_default()).await,
            }
        }
    }

    async fn put_part(&mut self, part: Bytes) -> Result<(), RecordError> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => {
                let begun = self.object.store.put_multipart(&self.object.key).await;
                none.insert(begun.map_err(|error| self.object.describe(error))?)
            }
        };
        parts.put_part(PutPayload::from(part)).await.map_err(|error| self.object.describe(error))
    }

    async fn complete(&mut self, last: Bytes) -> Result<(), RecordError> {
        if self.parts.is_none() {
            let creates = self.object.creates && !self.overwrite;
            if !creates {
                self.check_free().await?;
            }
            let mode = if creates { PutMode::Create } else { PutMode::Overwrite };
            let options = PutOptions { mode, ..PutOptions::default() };
            let put = self.object.store.put_opts(&self.object.key, PutPayload::from(last), options).await;
            return put.map(drop).map_err(|error| self.object.describe(error));
        }
        if !last.is_empty() {
            self.put_part(last).await?;
        }
        self.check_free().await?;
        if let Some(parts) = &mut self.parts {
            parts.complete().await.map_err(|error| self.object.describe(error))?;
        }
        self.parts = None;
        Ok(())
    }

    /// Whether nothing is in the way.
    async fn check_free(&self) -> Result<(), RecordError> {
        match self.object.store.head(&self.object.key).await {
            Ok(_) if self.overwrite => Ok(()),
            Ok(_) => Err(RecordError::Exists(self.object.place.clone())),
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.object.describe(error)),
        }
    }
}
