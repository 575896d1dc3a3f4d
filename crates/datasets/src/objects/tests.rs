//! Tests of objects: against stores in memory and in a folder, and against a moto server where Python has it.

use object_store::{ObjectStoreExt, PutPayload, local::LocalFileSystem, memory::InMemory};
use records::{Record, RecordSink, SinkHeader};
use throwaway::ObjectServer;

use super::*;
use crate::address::{Address, Format, Options};

const PEOPLE: &str = "id,name\n7,张三\n8,\n9,\"a, \"\"b\"\"\"\n";

fn name(key: &str) -> ObjectName {
    ObjectName { store: Store::S3, bucket: "bucket".to_owned(), key: key.to_owned() }
}

fn object(store: &Arc<dyn ObjectStore>, key: &str) -> Object {
    Object::in_store(Arc::clone(store), "s3", &name(key)).unwrap()
}

fn options(text: &str) -> Options {
    Address::parse(&format!("s3://b/k?{text}"), std::path::Path::new("")).unwrap().options
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn put(store: &Arc<dyn ObjectStore>, key: &str, bytes: impl Into<PutPayload>) {
    wait(store.put(&Key::from(key), bytes.into())).unwrap();
}

fn get(store: &Arc<dyn ObjectStore>, key: &str) -> Vec<u8> {
    wait(async { store.get(&Key::from(key)).await.unwrap().bytes().await.unwrap().to_vec() })
}

fn format(key: &str) -> Format {
    Format::of(std::path::Path::new(key))
}

fn all(object: Object, text: &str) -> Result<Vec<String>, RecordError> {
    let format = format(object.key.as_ref());
    let mut source = open(object, format, &options(text))?;
    let (mut record, mut rows) = (Record::default(), vec![String::from_utf8(source.header().raw).unwrap()]);
    while source.read(&mut record)? {
        rows.push(String::from_utf8(record.raw().to_vec()).unwrap());
    }
    Ok(rows)
}

fn begin(object: Object, overwrite: bool) -> Result<Box<dyn RecordSink>, RecordError> {
    let format = format(object.key.as_ref());
    crate::begin(Box::new(NewObject::create(object, overwrite)?), format, &SinkHeader::of_line(b"id,name"), &[])
}

fn write(object: Object, overwrite: bool, rows: usize) -> Result<u64, RecordError> {
    let mut sink = begin(object, overwrite)?;
    let mut record = Record::default();
    for row in 0..rows {
        let line = format!("{row},{row:0>90}");
        record.set_plain(line.as_bytes(), line.find(',').into_iter());
        sink.write(&record, &[])?;
    }
    sink.commit()
}

fn stores() -> (tempfile::TempDir, [Arc<dyn ObjectStore>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    (folder, [Arc::new(InMemory::new()), Arc::new(local)])
}

/// What any store has to do.
fn round_trips(store: &Arc<dyn ObjectStore>) {
    put(store, "people.csv", PEOPLE);
    assert_eq!(all(object(store, "people.csv"), "").unwrap(), ["id,name", "7,张三", "8,", "9,\"a, \"\"b\"\"\""]);
    assert_eq!(all(object(store, "people.csv"), "columns=name").unwrap()[1..], ["张三", "\"\"", "\"a, \"\"b\"\"\""]);

    // Small, and in parts: 100,000 rows are 9.6 MB.
    for (rows, key) in [(3, "small.csv"), (100_000, "large.csv"), (3, "small.parquet"), (100_000, "large.parquet")] {
        assert_eq!(write(object(store, key), false, rows).unwrap(), rows as u64);
        let read = all(object(store, key), "").unwrap();
        assert_eq!(read.len(), rows + 1, "{key}");
        assert_eq!(read[rows], format!("{},{:0>90}", rows - 1, rows - 1));
        assert!(matches!(write(object(store, key), false, rows), Err(RecordError::Exists(_))));
        assert_eq!(write(object(store, key), true, 1).unwrap(), 1);
        assert_eq!(all(object(store, key), "columns=id").unwrap(), ["id", "0"]);
    }
    let error = all(object(store, "absent.csv"), "").unwrap_err().to_string();
    assert_eq!(error, "s3://bucket/absent.csv: there is no such object, or no such bucket");
}

#[test]
fn what_is_written_is_read_in_both_formats() {
    let (_folder, stores) = stores();
    stores.iter().for_each(round_trips);
}

#[test]
fn an_object_that_is_given_up_or_in_the_way_is_not_written() {
    let (folder, stores) = stores();
    for store in &stores {
        let mut sink = begin(object(store, "out.csv"), false).unwrap();
        let mut record = Record::default();
        record.set_raw(&vec![b'x'; 10 << 20]);
        sink.write(&record, &[]).unwrap();
        sink.write(&record, &[]).unwrap();
        drop(sink);
        assert!(all(object(store, "out.csv"), "").is_err());
        // Somebody else was faster.
        for rows in [1, 200_000] {
            let mut sink = begin(object(store, "race.csv"), false).unwrap();
            for _ in 0..rows {
                sink.write(
                    &{
                        let mut record = Record::default();
                        record.set_plain(&[b'x'; 99], std::iter::empty());
                        record
                    },
                    &[],
                )
                .unwrap();
            }
            put(store, "race.csv", "theirs");
            assert!(matches!(sink.commit(), Err(RecordError::Exists(_))));
            assert_eq!(get(store, "race.csv"), b"theirs");
            wait(store.delete(&Key::from("race.csv"))).unwrap();
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing half-written is left");
}

#[test]
fn an_object_that_changes_while_it_is_read_is_told() {
    let (_folder, stores) = stores();
    let rows = |byte: &str| format!("id,name\n{}", format!("1,{}\n", byte.repeat(97)).repeat(200_000));
    for store in &stores {
        put(store, "a.csv", rows("x"));
        let mut source = open(object(store, "a.csv"), Format::Csv, &options("")).unwrap();
        let mut record = Record::default();
        assert!(source.read(&mut record).unwrap());
        put(store, "a.csv", rows("y"));
        let error = loop {
            match source.read(&mut record) {
                Ok(true) => {}
                Ok(false) => panic!("two objects passed for one"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, RecordError::Changed(_)), "{error}");
    }
}

#[test]
fn a_damaged_parquet_object_is_an_error() {
    let (_folder, stores) = stores();
    for store in &stores {
        write(object(store, "a.parquet"), false, 1000).unwrap();
        let whole = get(store, "a.parquet");
        put(store, "cut.parquet", whole[..whole.len() / 2].to_vec());
        put(store, "text.parquet", PEOPLE);
        for key in ["cut.parquet", "text.parquet"] {
            let error = all(object(store, key), "").unwrap_err().to_string();
            assert!(error.contains("is not Parquet, or damaged"), "{error}");
        }
    }
}

#[test]
fn an_s3_server_does_what_the_other_stores_do() {
    let Some(server) = ObjectServer::start("bucket") else { return };
    let builder = AmazonS3Builder::new()
        .with_endpoint(server.endpoint())
        .with_allow_http(true)
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .with_region("us-east-1")
        .with_bucket_name("bucket")
        .with_conditional_put(S3ConditionalPut::ETagMatch);
    let store: Arc<dyn ObjectStore> = Arc::new(builder.build().unwrap());
    round_trips(&store);
}

#[test]
fn settings_that_are_missing_are_named() {
    if set("AWS_ACCESS_KEY_ID").is_none() && set("OSS_ENDPOINT").is_none() {
        let error = Object::of(&name("a.csv")).err().unwrap().to_string();
        assert!(error.contains("needs AWS_ACCESS_KEY_ID"), "{error}");
        let error = Object::of(&ObjectName { store: Store::Oss, ..name("a.csv") }).err().unwrap().to_string();
        assert_eq!(error, "oss:// needs OSS_ENDPOINT in the environment");
    }
}
