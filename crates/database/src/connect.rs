//! How each of the two databases is reached, and what is asked of its connections.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::{
    fs::OpenOptions,
    time::{sleep, timeout},
};
use url::Url;

use crate::Location;

/// How long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// How long a first connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection of the pool is waited for.
const ACQUIRE: Duration = Duration::from_secs(15);
/// SQLITE_BUSY, the lowest byte of its kinds.
const LOCKED: u32 = 5;

/// What every connection to SQLite is told. Whoever waits for a lock does so for [`BUSY`]. `FULL`, since with a file that is
/// written ahead `NORMAL` would lose the last transactions in a power cut.
const SQLITE: &str = "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
/// What a file is told once; it keeps it.
const WRITE_AHEAD: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL";
/// What every connection to PostgreSQL is told. A statement waits for rows of others as long as it may
/// run; a transaction that nobody goes on with gives its rows back. What was committed is on the disk also where the server would
/// not wait for that; where it waits for more, for another server, that stays.
const POSTGRES: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'; \
                        SELECT set_config('synchronous_commit', 'on', false) \
                        WHERE current_setting('synchronous_commit') = 'off'; \
                        SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning'";

/// What of a path may stand in a URL as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Connections to a database that was seen to be there.
pub(crate) async fn connect(location: &Location) -> Result<AnyPool, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let url = match location {
        Location::Memory => parse("sqlite::memory:")?,
        Location::File(path) => file(path).await?,
        Location::Postgres(server) => parse(server.url())?,
    };
    let options = AnyConnectOptions::from_url(&url)?.disable_statement_logging();
    // The pool goes on trying and then says only that it waited too long; one connection says what is wrong.
    match location {
        Location::Memory => {}
        Location::File(_) => set_up(&options).await?,
        Location::Postgres(_) => once(&options).await?.close().await?,
    }
    let (most, settings) = match location {
        // What is in memory is a connection's own.
        Location::Memory => (1, SQLITE),
        Location::File(_) => (4, SQLITE),
        Location::Postgres(_) => (8, POSTGRES),
    };
    let mut pool = AnyPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE);
    if *location == Location::Memory {
        pool = pool.max_lifetime(None).idle_timeout(None);
    }
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) })
    });
    Ok(pool.connect_lazy_with(options))
}

/// The file's URL. The file is made if it is not there, for its owner alone: SQLite gives the files that
/// it puts beside it the same rights.
async fn file(path: &Path) -> Result<Url, sqlx::Error> {
    let path = std::path::absolute(path)?;
    let text = path.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "its path is not UTF-8"))?;
    let url = parse(&format!("sqlite:{}?mode=rw", utf8_percent_encode(text, ENCODED)))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(&path).await?;
    Ok(url)
}

/// Has the file write ahead. Two that make the same file at once lock each other out for a moment, in
/// which SQLite itself does not wait.
async fn set_up(options: &AnyConnectOptions) -> Result<(), sqlx::Error> {
    let began = Instant::now();
    loop {
        match write_ahead(options).await {
            Err(error) if is_locked(&error) && began.elapsed() < BUSY => sleep(Duration::from_millis(20)).await,
            done => return done,
        }
    }
}

async fn write_ahead(options: &AnyConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = once(options).await?;
    sqlx::raw_sql(WRITE_AHEAD).execute(&mut connection).await?;
    connection.close().await
}

async fn once(options: &AnyConnectOptions) -> Result<AnyConnection, sqlx::Error> {
    match timeout(CONNECT, options.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(late("there was no connection", CONNECT)),
    }
}

/// What is told of a wait that was given up.
pub(crate) fn late(what: &str, limit: Duration) -> sqlx::Error {
    let problem = format!("{what} within {} seconds", limit.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, problem).into()
}

fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == LOCKED)
}

/// What the parser says of an address never repeats it.
fn parse(url: &str) -> Result<Url, sqlx::Error> {
    Url::parse(url).map_err(|error| sqlx::Error::Configuration(error.into()))
}
