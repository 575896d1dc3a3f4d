//! Tests against a PostgreSQL server of their own, where `initdb` is on the path.

use std::{fs, sync::Arc, time::Instant};

use records::{Datasets, Record, RecordError, SinkHeader};
use throwaway::{PASSWORD, Postgres, USER};

use super::*;
use crate::Files;

/// The server, where there is one.
struct Server(Arc<Postgres>);

fn server() -> Option<Server> {
    Postgres::shared().map(Server)
}

impl Server {
    /// The address of the database, with `options` behind it.
    fn address(&self, options: &str) -> String {
        self.address_of(USER, options)
    }

    fn address_of(&self, user: &str, options: &str) -> String {
        format!("{}&{options}", self.0.address(user, "postgres"))
    }

    fn sql(&self, sql: &str) {
        self.0.sql(sql);
    }
}

fn all(address: &str) -> Result<(Vec<String>, SinkHeader, Vec<Record>), RecordError> {
    let mut source = Files::new().open(address)?;
    let (mut record, mut records) = (Record::default(), Vec::new());
    while source.read(&mut record)? {
        records.push(record.clone());
    }
    assert!(!source.read(&mut record)?, "the end stays the end");
    Ok((source.columns().to_vec(), source.header(), records))
}

fn raws(address: &str) -> Vec<String> {
    all(address).unwrap().2.iter().map(|record| String::from_utf8(record.raw().to_vec()).unwrap()).collect()
}

fn error(address: &str) -> String {
    let error = all(address).unwrap_err().to_string();
    assert!(!error.contains(PASSWORD), "{error}");
    error
}

#[test]
fn a_table_gives_the_records_that_a_csv_file_of_it_gives() {
    let Some(server) = server() else { return };
    server.sql(
        "CREATE TABLE people (id bigint, name text, born date, alive boolean, amount numeric(10,2), seen timestamptz, \"odd, \"\"name\" char(3));
         INSERT INTO people VALUES (7, '张三', '2024-02-29', true, 12.3, '2024-02-29 08:00:00+08', 'x'),
         (8, '', NULL, false, NULL, NULL, NULL), (9, E'a, \"b\"\\n', '1970-01-01', NULL, -0.05, '2024-02-29 00:00:00.5Z', 'y')",
    );
    let file = server.0.folder().join("people.csv");
    let text = "id,name,born,alive,amount,seen,\"odd, \"\"name\"\n7,张三,2024-02-29,true,12.30,2024-02-29T00:00:00Z,x\n8,,,false,,,\n9,\"a, \"\"b\"\"\n\",1970-01-01,,-0.05,2024-02-29T00:00:00.5Z,y\n";
    fs::write(&file, text).unwrap();
    for columns in ["", "columns=born,id,name", "columns=name"] {
        let (names, header, rows) = all(&server.address(&format!("table=people&{columns}"))).unwrap();
        let (csv_names, csv_header, csv_rows) = all(&format!("{}?{columns}", file.display())).unwrap();
        assert_eq!((names, header.raw), (csv_names, csv_header.raw));
        assert!(rows == csv_rows, "{columns}");
    }
    let query = "query=SELECT id, id %252 = 1 AS odd FROM public.people ORDER BY id DESC; ";
    assert_eq!(raws(&server.address(query)), ["9,true", "8,false", "7,true"]);
    let commented = "query=SELECT 1 AS one -- all of it";
    assert_eq!(raws(&server.address(commented)), ["1"]);
}

#[test]
fn what_is_not_there_or_not_allowed_is_named() {
    let Some(server) = server() else { return };
    server.sql("CREATE TABLE secret (id text); CREATE ROLE guest LOGIN");
    for (address, expected) in [
        (server.address("table=absent"), "table absent: relation \"absent\" does not exist"),
        (server.address("table=secret&columns=name"), "there is no column \"name\"; the columns are: id"),
        (server.address_of("guest", "table=secret"), "the user lacks a right: permission denied for table secret"),
        (server.address_of("nobody_known", "table=secret"), "the server refuses the user: "),
        (server.address("query=SELEC 1"), "syntax error"),
        (server.address("query=DELETE FROM secret RETURNING id"), "syntax error"),
        (server.address("query=SELECT 1 AS a, 2 AS a"), "column reference \"a\" is ambiguous"),
        (server.address("query=SELECT 'X31019919850101001'::int AS id"), "(SQLSTATE 22P02); run it in psql"),
    ] {
        let error = error(&address);
        assert!(error.contains(expected) && !error.contains("31019919850101001"), "{error}");
    }
    assert!(error(&server.address("a=1")).contains("the address has an option \"a\""));
    assert!(error(&server.address("")).contains("ends in ?table=schema.name"));
}

#[test]
fn a_server_that_is_down_or_slow_is_told() {
    let error_of = |address: &str| error(address);
    let error = error_of("postgres://u:p4ssw0rd@127.0.0.1:1/d?table=t");
    assert!(error.starts_with("postgres://127.0.0.1:1/d, table t: cannot be reached"), "{error}");
    // Nobody answers, and nobody refuses.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = error_of(&format!("postgres://u:p4ssw0rd@127.0.0.1:{port}/d?table=t&connect_timeout=1"));
    assert!(error.ends_with("no connection within 1 seconds"), "{error}");
    let Some(server) = server() else { return };
    let started = Instant::now();
    let error = error_of(&server.address("query=SELECT pg_sleep(60)::text AS a&statement_timeout=1"));
    assert!(error.ends_with("the server stopped the statement after 1 seconds; raise statement_timeout"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_connection_that_drops_in_the_middle_is_an_error_and_not_an_end() {
    let Some(server) = server() else { return };
    let address = server.address("query=SELECT n, repeat('x', 500) AS dropped FROM generate_series(1, 2000000) n");
    let mut source = Files::new().open(&address).unwrap();
    let mut record = Record::default();
    assert!(source.read(&mut record).unwrap());
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%AS dropped%' AND pid <> pg_backend_pid()");
    let error = loop {
        match source.read(&mut record) {
            Ok(true) => {}
            Ok(false) => panic!("a part of the rows passed for the whole"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("the server ended the connection") || error.contains("closed the connection"), "{error}");
}

#[test]
fn many_rows_pass_in_bounded_pieces_and_may_be_left() {
    let Some(server) = server() else { return };
    let address = server.address("query=SELECT n FROM generate_series(1, 300000) n");
    let mut source = Files::new().open(&address).unwrap();
    let (mut record, mut rows) = (Record::default(), 0_u64);
    while source.read(&mut record).unwrap() {
        rows += 1;
        assert_eq!(record.raw(), rows.to_string().as_bytes());
    }
    assert_eq!(rows, 300_000);
    let mut source = Files::new().open(&address).unwrap();
    assert!(source.read(&mut record).unwrap());
}

fn header(line: &str) -> SinkHeader {
    SinkHeader::of_line(line.as_bytes())
}

fn record(fields: &[&str]) -> Record {
    let mut record = Record::default();
    fields.iter().for_each(|field| record.push_field(field.as_bytes()));
    record
}

#[test]
fn a_result_is_a_table_whole_or_not_there() {
    let Some(server) = server() else { return };
    let files = Files::new();
    let address = server.address("table=public.result");
    let create = |overwrite| files.create(&address, &header("id,name"), &["name".to_owned()], overwrite);
    let write = |overwrite, rows: &[[&str; 3]]| {
        let mut sink = create(overwrite)?;
        for [id, name, label] in rows {
            sink.write(&record(&[id, name]), &[label.as_bytes()])?;
        }
        sink.commit()
    };
    let mut given_up = create(false).unwrap();
    given_up.write(&record(&["1", "a"]), &[b"b"]).unwrap();
    drop(given_up);
    assert!(error(&address).contains("does not exist"));

    let rows = [["1", "张, \"三\"", "\\."], ["2", "", "x\ny"], ["\\.", "", ""]];
    assert_eq!(write(false, &rows).unwrap(), 3);
    let (names, _, read) = all(&address).unwrap();
    assert_eq!(names, ["id", "name", "name_peer"]);
    let expected = rows.map(|row| row.map(|value| value.as_bytes().to_vec()).to_vec());
    assert_eq!(read.iter().map(|row| row.fields().map(<[u8]>::to_vec).collect()).collect::<Vec<Vec<_>>>(), expected);

    assert!(matches!(write(false, &rows), Err(RecordError::Exists(_))));
    // Given up, an old table stays; written anew, it is replaced.
    let mut given_up = create(true).unwrap();
    for _ in 0..100_000 {
        given_up.write(&record(&["3", "c"]), &[b"d"]).unwrap();
    }
    drop(given_up);
    assert_eq!(all(&address).unwrap().2.len(), 3);
    assert_eq!(write(true, &rows[..1]).unwrap(), 1);
    assert_eq!(all(&address).unwrap().2.len(), 1);
    let left = server.address("query=SELECT count(*) AS n FROM pg_class WHERE relname LIKE 'yuandang_new%25'");
    assert_eq!(raws(&left), ["0"]);
}

#[test]
fn a_table_that_cannot_be_written_is_refused_before_anything_is_computed() {
    let Some(server) = server() else { return };
    server.sql("CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let create =
        |address: &str, line: &str| Files::new().create(address, &header(line), &[], false).err().unwrap().to_string();
    let error = create(&server.address_of("reader", "table=mine"), "id");
    assert!(error.contains("the user lacks a right: permission denied for schema public"), "{error}");
    assert!(create(&server.address("table=absent.mine"), "id").contains("schema \"absent\" does not exist"));
    assert!(create(&server.address("table=mine"), &"名".repeat(22)).contains("more than 63 bytes"));
    assert!(create(&server.address("query=SELECT 1"), "id").contains("the address has an option \"query\""));
    let address = server.address("table=zero");
    let mut sink = Files::new().create(&address, &header("id"), &[], false).unwrap();
    assert!(sink.write(&record(&["a\0b"]), &[]).unwrap_err().to_string().contains("zero byte"));
}
