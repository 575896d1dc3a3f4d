//! Records of a table or a query, as the server's own CSV, in one read-only snapshot for each pass.

use std::{io::ErrorKind, rc::Rc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};
use records::{RecordError, RecordSource, find_column};
use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, Statement, TypeInfo, postgres::PgConnection};
use tokio::time::timeout;

use super::{Database, Table, identifier};
use crate::{
    CsvSource,
    address::{Options, wrong},
    background::{self, ByteStream, Giver},
    fault,
};

const OPTIONS: [&str; 8] =
    ["table", "query", "columns", "connect_timeout", "statement_timeout", "sslmode", "sslrootcert", "host"];

/// Bytes that are handed over at a time. The server sends every row by itself, and two threads that meet for each would do
/// little else.
const PIECE: usize = 1 << 16;
/// How long a row is waited for before what there is is handed over.
const PAUSE: Duration = Duration::from_secs(1);

/// Names of the columns, in order.
type Names = Vec<String>;

/// Opens what `options` ask for of the database at `url`. Nothing is read before the first record is.
///
/// # Errors
/// [`RecordError`] if the database, the table or a column cannot be had.
pub(crate) fn open(url: &str, options: &Options) -> Result<Box<dyn RecordSource>, RecordError> {
    options.admit(&OPTIONS)?;
    let mut database = Database::of(url, options)?;
    let from = match (options.text("table")?, options.text("query")?) {
        (Some(table), None) => {
            database.place = format!("{}, table {table}", database.place);
            Table::of(&table)?.sql()
        }
        (None, Some(query)) => {
            database.place += ", the query";
            // The query may end in a comment, which must not take the bracket with it.
            format!("({}\n)", query.trim_end().trim_end_matches(';'))
        }
        _ => return Err(wrong("the address of a database ends in ?table=schema.name or in ?query=SELECT…")),
    };
    let wanted = options.columns()?;
    let place = database.place.clone();
    let work = move |giver: Rc<Giver<Names, Bytes>>| -> background::Work {
        Box::pin(async move { pass(&database, &from, wanted.as_deref(), &giver).await })
    };
    let (names, pieces) = background::read(&place, work)?;
    Ok(Box::new(CsvSource::of_rows(place, names, ByteStream::of(pieces))))
}

async fn pass(
    database: &Database,
    from: &str,
    wanted: Option<&[String]>,
    giver: &Giver<Names, Bytes>,
) -> Result<(), RecordError> {
    let mut connection = database.connect().await?;
    // The order of rows must be that of the next pass: neither scans that join others half-way, nor
    // parallel ones.
    let settings = "SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0; SET datestyle = 'ISO'; \
                    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    database.run(&mut connection, settings).await?;
    let columns = columns(database, &mut connection, from, wanted).await?;
    let select = select(&columns, from);
    if !giver.ready(columns.into_iter().map(|column| column.name).collect()) {
        return Ok(());
    }
    let copy = format!("COPY ({select}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')");
    let mut rows = database.in_time(connection.copy_out_raw(&copy)).await?;
    let mut gathered = BytesMut::with_capacity(PIECE);
    loop {
        // Most rows are there already, and need no clock.
        let there = match rows.next().now_or_never() {
            Some(row) => Ok(row),
            None => timeout(PAUSE, rows.next()).await,
        };
        let next = match there {
            Ok(row) => row.transpose().map_err(|error| database.describe(error))?,
            Err(_) => {
                // The server takes its time: whoever reads gets what there is, and may have gone.
                if !giver.give(gathered.split().freeze()) {
                    return Ok(());
                }
                database.in_time(async { rows.next().await.transpose() }).await?
            }
        };
        let Some(row) = next else { break };
        gathered.extend_from_slice(&row);
        if gathered.len() >= PIECE && !giver.give(gathered.split().freeze()) {
            return Ok(());
        }
    }
    giver.give(gathered.freeze());
    Ok(())
}

struct Described {
    name: String,
    kind: String,
}

/// The columns that are read, with their types.
async fn columns(
    database: &Database,
    connection: &mut PgConnection,
    from: &str,
    wanted: Option<&[String]>,
) -> Result<Vec<Described>, RecordError> {
    let sql = AssertSqlSafe(format!("SELECT * FROM {from} AS q")).into_sql_str();
    let statement = database.in_time((&mut *connection).prepare(sql)).await?;
    let all: Vec<Described> = statement
        .columns()
        .iter()
        .map(|column| Described { name: column.name().to_owned(), kind: column.type_info().name().to_owned() })
        .collect();
    let names: Vec<String> = all.iter().map(|column| column.name.clone()).collect();
    let chosen: Vec<Described> = match wanted {
        None => all,
        Some(wanted) => {
            let index = |name: &String| find_column(&database.place, &names, name);
            let indices: Vec<usize> = wanted.iter().map(index).collect::<Result<_, _>>()?;
            let of =
                |index: &usize| all.get(*index).map(|one| Described { name: one.name.clone(), kind: one.kind.clone() });
            indices.iter().filter_map(of).collect()
        }
    };
    if chosen.is_empty() {
        return Err(fault::failed(&database.place, ErrorKind::InvalidData, "has no columns"));
    }
    Ok(chosen)
}

/// The statement that gives every column as text, as any other kind of source has it.
fn select(columns: &[Described], from: &str) -> String {
    let texts: Vec<String> = columns
        .iter()
        .map(|Described { name, kind }| {
            let column = format!("q.{}", identifier(name));
            let text = match kind.as_str() {
                // RFC 3339; the session is in UTC.
                "TIMESTAMP" | "TIMESTAMPTZ" => format!("replace(to_json({column}) #>> '{{}}', '+00:00', 'Z')"),
                _ => format!("{column}::text"),
            };
            // Missing and empty are one; a row of nothing but that must not be an empty line.
            if columns.len() == 1 { format!("coalesce({text}, '')") } else { format!("nullif({text}, '')") }
        })
        .collect();
    format!("SELECT {} FROM {from} AS q", texts.join(", "))
}
