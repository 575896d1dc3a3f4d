//! Results as a table of text columns, in one transaction.
//!
//! When a result begins, the server is asked whether it could be written, and left again: the run between
//! may take hours. The rows then come in one `COPY`, into a new table that takes the name of the old one in
//! the same transaction.

use std::{
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use records::{Record, RecordError, RecordSink, SinkHeader};
use sqlx::{
    Connection, Row,
    postgres::{PgConnection, PgCopyIn},
};

use super::{Database, Table, identifier};
use crate::{
    address::{Options, wrong},
    background::{self, Order, Orders, Taker},
    csv_row::push_csv_field,
    label_names::ResultColumns,
    parquet_sink::not_text,
};

const OPTIONS: [&str; 6] = ["table", "connect_timeout", "statement_timeout", "sslmode", "sslrootcert", "host"];

/// Bytes that are gathered before they are sent.
const PIECE: usize = 256 * 1024;

/// What PostgreSQL keeps of a name.
const LONGEST_NAME: usize = 63;

/// A table that is being written.
pub(crate) struct TableSink {
    place: String,
    orders: Orders,
    columns: ResultColumns,
    gathered: Vec<u8>,
    rows: u64,
}

impl TableSink {
    /// Begins the table that `options` name in the database at `url`, for records of `header` with `labels`
    /// as further columns.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be written.
    pub(crate) fn create(
        url: &str,
        options: &Options,
        header: &SinkHeader,
        labels: &[String],
        overwrite: bool,
    ) -> Result<Self, RecordError> {
        options.admit(&OPTIONS)?;
        let mut database = Database::of(url, options)?;
        let Some(name) = options.text("table")? else {
            return Err(wrong("the address of a result in a database ends in ?table=schema.name"));
        };
        let table = Table::of(&name)?;
        database.place = format!("{}, table {name}", database.place);
        let place = database.place.clone();
        let columns = ResultColumns::of(&place, header, labels)?;
        let names: Vec<String> = columns.own.names.iter().chain(&columns.labels).cloned().collect();
        if names.iter().chain([&table.name]).any(|name| name.len() > LONGEST_NAME) {
            return Err(wrong(format!(
                "{place}: PostgreSQL has no names of more than {LONGEST_NAME} bytes; rename columns"
            )));
        }
        let job = TableJob { database, table, columns: definition(&names), overwrite };
        let work =
            move |taker: std::rc::Rc<Taker>| -> background::Work { Box::pin(async move { job.run(&taker).await }) };
        let orders = background::write(&place, work)?;
        Ok(Self { place, orders, columns, gathered: Vec::with_capacity(PIECE), rows: 0 })
    }
}

/// Columns as `CREATE TABLE` has them.
fn definition(names: &[String]) -> String {
    let columns: Vec<String> = names.iter().map(|name| format!("{} text", identifier(name))).collect();
    columns.join(", ")
}

impl RecordSink for TableSink {
    fn write(&mut self, record: &Record, labels: &[&[u8]]) -> Result<(), RecordError> {
        self.columns.admit(&self.place, labels)?;
        let row = self.rows + 1;
        let own = (0..self.columns.own.names.len()).map(|index| record.field(index).unwrap_or_default());
        for (index, value) in own.chain(labels.iter().copied()).enumerate() {
            if std::str::from_utf8(value).is_err() {
                return Err(not_text(&self.place, row));
            }
            if value.contains(&0) {
                let place = format!("{}, row {row} of the result", self.place);
                let problem = "a value has a zero byte, which PostgreSQL does not keep".to_owned();
                return Err(RecordError::Malformed { place, problem });
            }
            if index > 0 {
                self.gathered.push(b',');
            }
            // Alone on a line this would be the end of the data.
            if value == b"\\." {
                self.gathered.extend_from_slice(b"\"\\.\"");
            } else {
                push_csv_field(&mut self.gathered, value);
            }
        }
        self.gathered.push(b'\n');
        self.rows = row;
        if self.gathered.len() >= PIECE {
            let piece = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE));
            self.orders.give(Bytes::from(piece))?;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<u64, RecordError> {
        self.orders.give(Bytes::from(std::mem::take(&mut self.gathered)))?;
        self.orders.commit()?;
        Ok(self.rows)
    }
}

struct TableJob {
    database: Database,
    table: Table,
    columns: String,
    overwrite: bool,
}

impl TableJob {
    async fn run(self, taker: &Taker) -> Result<(), RecordError> {
        self.try_out().await?;
        taker.ready();
        let Some(mut order) = taker.next() else { return Ok(()) };
        let database = &self.database;
        let mut connection = database.connect().await?;
        let new = if self.overwrite { fresh_name() } else { self.table.name.clone() };
        let sql_name = self.table.beside(&new);
        database.run(&mut connection, &format!("BEGIN; CREATE TABLE {sql_name} ({})", self.columns)).await?;
        let copy = format!("COPY {sql_name} FROM STDIN (FORMAT csv, ENCODING 'UTF8')");
        let mut rows: PgCopyIn<&mut PgConnection> = database.in_time(connection.copy_in_raw(&copy)).await?;
        loop {
            match order {
                Order::Commit => break,
                Order::Piece(piece) => drop(database.in_time(rows.send(piece)).await?),
            }
            // Closing the connection undoes the transaction.
            let Some(next) = taker.next() else { return Ok(()) };
            order = next;
        }
        database.in_time(rows.finish()).await?;
        if self.overwrite {
            let (old, name) = (self.table.sql(), identifier(&self.table.name));
            let replace = format!("DROP TABLE IF EXISTS {old}; ALTER TABLE {sql_name} RENAME TO {name}");
            database.run(&mut connection, &replace).await?;
        }
        database.run(&mut connection, "COMMIT").await?;
        let _ = connection.close().await;
        Ok(())
    }

    /// Whether the table could be written now.
    async fn try_out(&self) -> Result<(), RecordError> {
        let database = &self.database;
        let mut connection = database.connect().await?;
        let exists =
            sqlx::query("SELECT to_regclass($1) IS NOT NULL").bind(self.table.sql()).fetch_one(&mut connection);
        let exists: bool = database.in_time(async { exists.await?.try_get(0) }).await?;
        if exists && !self.overwrite {
            return Err(RecordError::Exists(database.place.clone()));
        }
        let name = self.table.beside(&fresh_name());
        database.run(&mut connection, &format!("BEGIN; CREATE TABLE {name} ({}); ROLLBACK", self.columns)).await?;
        let _ = connection.close().await;
        Ok(())
    }
}

/// A name that no other table has.
fn fresh_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    format!("yuandang_new_{}_{now}", process::id())
}
