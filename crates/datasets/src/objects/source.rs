//! Records of an object, which is fetched in ranges; every range must be of the object that was opened.

use std::{ops::Range, rc::Rc, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::{
    arrow::{
        arrow_reader::ArrowReaderOptions,
        async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder},
    },
    errors::ParquetError,
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};
use records::{Encoding, RecordError, RecordSource};

use super::Object;
use crate::{
    CsvSource,
    address::{Format, Options, wrong},
    background::{self, ByteStream, Giver},
    parquet_source::{BATCH_ROWS, Choice, ParquetSource, describe, unless_it_panics_async},
    with_columns,
};

/// Bytes that are fetched at once.
const RANGE: u64 = 4 << 20;

/// Opens `object`. Nothing of a CSV object is fetched but what its header needs.
///
/// # Errors
/// [`RecordError`] if it cannot be read.
pub(crate) fn open(object: Object, format: Format, options: &Options) -> Result<Box<dyn RecordSource>, RecordError> {
    options.admit(&["columns", "encoding"])?;
    let (place, encoding) = (object.place.clone(), options.encoding()?);
    match format {
        Format::Csv => {
            let work = move |giver: Rc<Giver<(), Bytes>>| -> background::Work {
                Box::pin(async move { give_bytes(object, &giver).await })
            };
            let ((), pieces) = background::read(&place, work)?;
            with_columns(CsvSource::with_encoding(place, ByteStream::of(pieces), encoding)?, options)
        }
        Format::Parquet if encoding != Encoding::Unknown => {
            Err(wrong("the option encoding is for CSV; Parquet says itself what it holds"))
        }
        Format::Parquet => {
            let wanted = options.columns()?;
            let work = move |giver: Rc<Giver<Choice, _>>| -> background::Work {
                Box::pin(async move { give_batches(object, wanted.as_deref(), &giver).await })
            };
            let (choice, batches) = background::read(&place, work)?;
            Ok(Box::new(ParquetSource::new(place, choice, Box::new(batches))?))
        }
    }
}

/// An object as it was when it was opened.
#[derive(Clone)]
struct Opened {
    object: Object,
    meta: ObjectMeta,
}

impl Opened {
    async fn of(object: Object) -> Result<Self, RecordError> {
        let meta = object.store.head(&object.key).await.map_err(|error| object.describe(error))?;
        Ok(Self { object, meta })
    }

    async fn range(&self, range: Range<u64>) -> Result<Bytes, RecordError> {
        let length = range.end.saturating_sub(range.start);
        let options = GetOptions {
            if_match: self.meta.e_tag.clone(),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let got = self.object.store.get_opts(&self.object.key, options).await;
        let got = got.map_err(|error| self.object.describe(error))?;
        self.same(&got.meta)?;
        let bytes = got.bytes().await.map_err(|error| self.object.describe(error))?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(self.changed()) }
    }

    /// Whether the object still is the one that was opened.
    async fn check(&self) -> Result<(), RecordError> {
        match self.object.store.head(&self.object.key).await {
            Ok(now) => self.same(&now),
            Err(object_store::Error::NotFound { .. }) => Err(self.changed()),
            Err(error) => Err(self.object.describe(error)),
        }
    }

    fn same(&self, now: &ObjectMeta) -> Result<(), RecordError> {
        let stamp = |meta: &ObjectMeta| (meta.size, meta.e_tag.clone(), meta.last_modified);
        if stamp(now) == stamp(&self.meta) { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> RecordError {
        RecordError::Changed(self.object.place.clone())
    }
}

async fn give_bytes(object: Object, giver: &Giver<(), Bytes>) -> Result<(), RecordError> {
    let opened = Opened::of(object).await?;
    if !giver.ready(()) {
        return Ok(());
    }
    let mut start = 0;
    while start < opened.meta.size {
        let end = opened.meta.size.min(start + RANGE);
        if !giver.give(opened.range(start..end).await?) {
            return Ok(());
        }
        start = end;
    }
    opened.check().await
}

async fn give_batches(
    object: Object,
    wanted: Option<&[String]>,
    giver: &Giver<Choice, arrow_array::RecordBatch>,
) -> Result<(), RecordError> {
    let place = object.place.clone();
    let opened = Opened::of(object).await?;
    let builder = unless_it_panics_async(&place, ParquetRecordBatchStreamBuilder::new(opened.clone())).await?;
    let choice = Choice::of(&place, builder.schema(), builder.parquet_schema(), wanted)?;
    let batches = builder.with_projection(choice.mask.clone()).with_batch_size(BATCH_ROWS).build();
    let mut batches = batches.map_err(|error| describe(&place, error))?;
    if !giver.ready(choice) {
        return Ok(());
    }
    while let Some(batch) = unless_it_panics_async(&place, async { batches.next().await.transpose() }).await? {
        if !giver.give(batch) {
            return Ok(());
        }
    }
    opened.check().await
}

impl AsyncFileReader for Opened {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.range(range).await.map_err(|error| ParquetError::External(Box::new(error))) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let size = self.meta.size;
        async move { ParquetMetaDataReader::new().load_and_finish(self, size).await.map(Arc::new) }.boxed()
    }
}
