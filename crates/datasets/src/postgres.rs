//! PostgreSQL: how a database is reached, what is asked of it, and what its errors mean.
//!
//! | Option | Meaning |
//! |---|---|
//! | `table` | `name` or `schema.name`, exactly as the database has them |
//! | `query` | a `SELECT`, percent-encoded; sources only |
//! | `columns` | the columns to read |
//! | `connect_timeout` | seconds until a connection stands; 10 |
//! | `statement_timeout` | seconds that one pass, or one result, may take; 3600 |
//! | `sslmode`, `sslrootcert` | as in libpq; `prefer` on this machine, `verify-full` to any other |
//! | `host` | the folder of a Unix socket |
//!
//! A password stands in the URL, in `PGPASSWORD`, or in the file that `PGPASSFILE` names. No message shows it.

mod sink;
mod source;
#[cfg(test)]
mod tests;

use std::{io::ErrorKind, time::Duration};

use records::RecordError;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::time::timeout;
use url::Url;

use crate::{
    address::{Options, wrong},
    fault,
};

pub(crate) use self::{sink::TableSink, source::open};

/// How long a server may be silent beyond its own time-out before the connection counts as lost.
const GRACE: Duration = Duration::from_secs(5);

/// A database, and how long may be waited for it.
#[derive(Clone)]
pub(crate) struct Database {
    options: PgConnectOptions,
    place: String,
    connect_timeout: Duration,
    statement_timeout: Duration,
}

impl Database {
    /// The database at `url`, which has no options of its own.
    ///
    /// # Errors
    /// [`RecordError::Address`].
    pub(crate) fn of(url: &str, options: &Options) -> Result<Self, RecordError> {
        // What the parser says never repeats the URL.
        let mut url = Url::parse(url).map_err(|error| wrong(format!("the address of a database: {error}")))?;
        let host = options.text("host")?;
        let mode = options.text("sslmode")?;
        let near = host.as_ref().is_some_and(|host| host.starts_with('/')) || is_this_machine(url.host_str());
        let mode = mode.unwrap_or_else(|| if near { "prefer" } else { "verify-full" }.to_owned());
        let (certificate, connect_timeout) = (options.text("sslrootcert")?, options.seconds("connect_timeout", 10)?);
        url.query_pairs_mut().append_pair("sslmode", &mode).extend_pairs(host.map(|host| ("host", host)));
        if let Some(certificate) = certificate {
            url.query_pairs_mut().append_pair("sslrootcert", &certificate);
        }
        let unusable =
            |_| wrong("the address of a database cannot be used; it is postgres://user@host:port/database?table=…");
        let connection = PgConnectOptions::from_url(&url).map_err(unusable)?;
        let connection = connection.application_name("yuandang").disable_statement_logging();
        let place = format!(
            "postgres://{}:{}/{}",
            connection.get_socket().map_or(connection.get_host().into(), |socket| socket.to_string_lossy()),
            connection.get_port(),
            connection.get_database().unwrap_or_default()
        );
        Ok(Self {
            options: connection,
            place,
            connect_timeout: Duration::from_secs(connect_timeout.into()),
            statement_timeout: Duration::from_secs(options.seconds("statement_timeout", 3600)?.into()),
        })
    }

    /// A connection whose statements end in time.
    async fn connect(&self) -> Result<PgConnection, RecordError> {
        let connecting = timeout(self.connect_timeout, PgConnection::connect_with(&self.options));
        let mut connection = match connecting.await {
            Ok(connected) => connected.map_err(|error| self.describe(error))?,
            Err(_) => {
                let problem = format!("no connection within {} seconds", self.connect_timeout.as_secs());
                return Err(fault::failed(&self.place, ErrorKind::TimedOut, problem));
            }
        };
        let seconds = self.statement_timeout.as_secs();
        self.run(&mut connection, &format!("SET statement_timeout = '{seconds}s'")).await?;
        Ok(connection)
    }

    /// Runs statements that give no rows.
    async fn run(&self, connection: &mut PgConnection, sql: &str) -> Result<(), RecordError> {
        let running = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection);
        self.in_time(running).await.map(drop)
    }

    /// Awaits what the server answers, a little longer than the server itself would.
    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, RecordError> {
        match timeout(self.statement_timeout + GRACE, answer).await {
            Ok(answered) => answered.map_err(|error| self.describe(error)),
            Err(_) => {
                let problem = format!("the server was silent for {} seconds", self.statement_timeout.as_secs());
                Err(fault::failed(&self.place, ErrorKind::TimedOut, problem))
            }
        }
    }

    /// What an error means to an operator. What a server says of data may repeat the data, and is left out.
    fn describe(&self, error: sqlx::Error) -> RecordError {
        let failed = |kind, problem| fault::failed(&self.place, kind, problem);
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                let said = error.message();
                let class = code.get(..2).unwrap_or_default();
                match (code.as_str(), class) {
                    ("57014", _) => failed(
                        ErrorKind::TimedOut,
                        format!(
                            "the server stopped the statement after {} seconds; raise statement_timeout",
                            self.statement_timeout.as_secs()
                        ),
                    ),
                    ("42501", _) => failed(ErrorKind::PermissionDenied, format!("the user lacks a right: {said}")),
                    ("42P07", _) => RecordError::Exists(self.place.clone()),
                    (_, "28") => failed(ErrorKind::PermissionDenied, format!("the server refuses the user: {said}")),
                    ("53100", _) => failed(ErrorKind::StorageFull, format!("the server's disk is full: {said}")),
                    ("42P01" | "42703", _) | (_, "3D" | "3F") => failed(ErrorKind::NotFound, said.to_owned()),
                    (_, "57") => {
                        failed(ErrorKind::ConnectionAborted, format!("the server ended the connection: {said}"))
                    }
                    (_, "08" | "25" | "2B" | "40" | "42" | "53" | "55" | "58") => {
                        failed(ErrorKind::Other, said.to_owned())
                    }
                    _ => failed(
                        ErrorKind::InvalidData,
                        format!(
                            "the server refuses the statement or its data (SQLSTATE {code}); run it in psql to see why"
                        ),
                    ),
                }
            }
            sqlx::Error::Io(cause) if cause.kind() == ErrorKind::UnexpectedEof => {
                failed(ErrorKind::ConnectionAborted, "the server closed the connection".to_owned())
            }
            sqlx::Error::Io(cause) => {
                failed(cause.kind(), format!("cannot be reached, or the connection broke: {cause}"))
            }
            sqlx::Error::Tls(cause) => failed(ErrorKind::Other, format!("TLS: {cause}; see sslmode")),
            _ => failed(ErrorKind::Other, "the server's answer is not understood".to_owned()),
        }
    }
}

fn is_this_machine(host: Option<&str>) -> bool {
    match host {
        None | Some("" | "localhost" | "[::1]") => true,
        Some(host) => host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback()),
    }
}

/// A table: a name, perhaps of a schema.
#[derive(Clone)]
pub(crate) struct Table {
    schema: Option<String>,
    name: String,
}

impl Table {
    /// # Errors
    /// [`RecordError::Address`] if `text` is no name.
    pub(crate) fn of(text: &str) -> Result<Self, RecordError> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        if name.is_empty() || schema == Some("") || name.contains('.') || text.contains('\0') {
            return Err(wrong("a table is named table=name or table=schema.name"));
        }
        Ok(Self { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    /// As it stands in a statement.
    fn sql(&self) -> String {
        self.beside(&self.name)
    }

    /// Another name in the same schema.
    fn beside(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", identifier(schema), identifier(name)),
            None => identifier(name),
        }
    }
}

/// A name as it stands in a statement, whatever it has in it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
