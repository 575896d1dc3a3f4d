//! What holds on both databases: layouts, transactions, and several hands at once. Each body is run against
//! SQLite and against PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use database::{Database, DatabaseError, Location, Migration, Row, SqlError, query};
use tempfile::TempDir;
use throwaway::Postgres;

const FIRST: Migration = (
    1,
    "pots",
    "CREATE TABLE pots (name TEXT PRIMARY KEY, coins BIGINT NOT NULL);
     CREATE TABLE coins (pot TEXT NOT NULL REFERENCES pots (name), number BIGINT NOT NULL, PRIMARY KEY (pot, number));
     INSERT INTO pots (name, coins) VALUES ('red', 0);",
);
const SECOND: Migration = (2, "colours", "ALTER TABLE pots ADD COLUMN colour TEXT; UPDATE pots SET colour = name");

/// Where the database of one test is, empty at first.
struct Home {
    location: Location,
    _folder: Option<TempDir>,
    _server: Option<Arc<Postgres>>,
}

impl Home {
    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { location: Location::File(folder.path().join("a ?b#%41.db")), _folder: Some(folder), _server: None }
    }

    fn server() -> Option<Self> {
        let server = Postgres::shared()?;
        Some(Self { location: server.database().parse().unwrap(), _folder: None, _server: Some(server) })
    }

    async fn open(&self, migrations: &[Migration]) -> Result<Database, DatabaseError> {
        Database::open(&self.location, migrations).await
    }
}

/// Runs each body against both.
macro_rules! on_both {
    ($($body:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                super::$body(super::Home::file()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                if let Some(home) = super::Home::server() {
                    super::$body(home).await;
                }
            })*
        }
    };
}

on_both! {
    a_layout_is_made_once_and_goes_on
    a_step_that_fails_leaves_nothing
    many_may_open_an_empty_database_at_once
    a_newer_a_changed_and_a_foreign_database_are_refused_and_left
    of_many_at_one_row_each_sees_what_the_last_one_left
    what_is_not_committed_did_not_happen
    rows_of_no_pot_are_refused
    one_text_gives_the_same_on_both
}

async fn coins(database: &Database, pot: &'static str) -> i64 {
    let row = query("SELECT coins FROM pots WHERE name = $1").bind(pot).fetch_one(database.pool()).await.unwrap();
    row.try_get(0).unwrap()
}

/// Puts a coin into a pot, as its next number.
async fn put(database: &Database, pot: &str) -> Result<i64, SqlError> {
    let mut transaction = database.begin().await?;
    let row = query("UPDATE pots SET coins = coins + 1 WHERE name = $1 RETURNING coins")
        .bind(pot)
        .fetch_one(&mut *transaction)
        .await?;
    let number: i64 = row.try_get(0)?;
    query("INSERT INTO coins (pot, number) VALUES ($1, $2)").bind(pot).bind(number).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(number)
}

async fn a_layout_is_made_once_and_goes_on(home: Home) {
    for _ in 0..2 {
        let database = home.open(&[FIRST]).await.unwrap();
        assert_eq!(coins(&database, "red").await, 0, "the layout was made twice");
        database.close().await;
    }
    for _ in 0..2 {
        let database = home.open(&[FIRST, SECOND]).await.unwrap();
        let row = query("SELECT colour FROM pots").fetch_one(database.pool()).await.unwrap();
        assert_eq!(row.try_get::<String, _>(0).unwrap(), "red");
        let had = query("SELECT version, description FROM yuandang_layout ORDER BY version")
            .fetch_all(database.pool())
            .await
            .unwrap();
        let had: Vec<(i64, String)> = had.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(had, [(1, "pots".to_owned()), (2, "colours".to_owned())]);
        database.close().await;
    }
}

async fn a_step_that_fails_leaves_nothing(home: Home) {
    let broken: Migration = (2, "colours", "ALTER TABLE pots ADD COLUMN colour TEXT; UPDATE nothing SET colour = name");
    let error = home.open(&[FIRST, broken]).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Layout { version: 2, description: "colours", .. }), "{error}");
    assert!(error.to_string().contains("layout 2 (colours)") && error.to_string().contains("nothing"), "{error}");
    // The first was not made either: it can be another one now.
    let other: Migration = (1, "cups", "CREATE TABLE pots (name TEXT PRIMARY KEY, coins BIGINT NOT NULL)");
    home.open(&[other]).await.unwrap().close().await;
}

async fn many_may_open_an_empty_database_at_once(home: Home) {
    let opening = (0..6).map(|_| {
        let location = home.location.clone();
        tokio::spawn(async move { Database::open(&location, &[FIRST, SECOND]).await })
    });
    for opened in opening.collect::<Vec<_>>() {
        let database = opened.await.unwrap().unwrap();
        assert_eq!(coins(&database, "red").await, 0);
        database.close().await;
    }
}

async fn a_newer_a_changed_and_a_foreign_database_are_refused_and_left(home: Home) {
    home.open(&[FIRST, SECOND]).await.unwrap().close().await;
    let changed: Migration = (1, "pots", "CREATE TABLE pots (name TEXT PRIMARY KEY, coins BIGINT NOT NULL)");
    let foreign: Migration = (1, "jobs", FIRST.2);
    let third: Migration = (3, "cups", "CREATE TABLE cups (name TEXT PRIMARY KEY)");
    for (migrations, words) in [
        (&[FIRST][..], "has layout 2, and this version knows layouts up to 1 only"),
        (&[], "has layout 1, and this version knows layouts up to 0 only"),
        (&[changed, SECOND, third], "got its layout 1 (pots) from a build that this one does not continue"),
        (&[foreign, SECOND, third], "belongs to another program: its layout 1 is \"pots\""),
        (&[FIRST, third], "belongs to another program: its layout 2 is \"colours\""),
    ] {
        let error = home.open(migrations).await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(&home.location.to_string()), "{error}");
        assert!(!error.contains(throwaway::PASSWORD), "{error}");
    }
    let database = home.open(&[FIRST, SECOND]).await.unwrap();
    assert!(query("SELECT * FROM cups").fetch_optional(database.pool()).await.is_err(), "a refused opening wrote");
    database.close().await;
}

async fn of_many_at_one_row_each_sees_what_the_last_one_left(home: Home) {
    // Two processes: SQLite's lock is not that of a pool.
    let databases = [home.open(&[FIRST]).await.unwrap(), home.open(&[FIRST]).await.unwrap()];
    let putting = (0..32).map(|number| {
        let database = databases[number % 2].clone();
        tokio::spawn(async move { put(&database, "red").await })
    });
    let mut numbers = Vec::new();
    for put in putting.collect::<Vec<_>>() {
        numbers.push(put.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=32).collect::<Vec<i64>>());
    assert_eq!(coins(&databases[0], "red").await, 32);
    for database in databases {
        database.close().await;
    }
}

async fn what_is_not_committed_did_not_happen(home: Home) {
    let database = home.open(&[FIRST]).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    query("UPDATE pots SET coins = 7").execute(&mut *transaction).await.unwrap();
    drop(transaction);
    assert_eq!(coins(&database, "red").await, 0);
    assert_eq!(put(&database, "red").await.unwrap(), 1);
    database.close().await;
    assert!(matches!(database.begin().await, Err(SqlError::PoolClosed)));
}

async fn rows_of_no_pot_are_refused(home: Home) {
    let database = home.open(&[FIRST]).await.unwrap();
    let insert = "INSERT INTO coins (pot, number) VALUES ($1, $2)";
    let error = query(insert).bind("blue").bind(1_i64).execute(database.pool()).await.unwrap_err();
    assert!(error.as_database_error().unwrap().is_foreign_key_violation(), "{error}");
    query(insert).bind("red").bind(1_i64).execute(database.pool()).await.unwrap();
    let error = query(insert).bind("red").bind(1_i64).execute(database.pool()).await.unwrap_err();
    assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
    database.close().await;
}

async fn one_text_gives_the_same_on_both(home: Home) {
    let database = home.open(&[FIRST, SECOND]).await.unwrap();
    let statement = "INSERT INTO pots (name, coins, colour) VALUES ($1, $2, $3)";
    for (name, coins, colour) in [("blau", i64::MAX, Some("蓝")), ("none", i64::MIN, None), ("", -1, Some(""))] {
        query(statement).bind(name).bind(coins).bind(colour).execute(database.pool()).await.unwrap();
    }
    let rows = query("SELECT name, coins, colour FROM pots ORDER BY coins LIMIT $1").bind(3_i64);
    let rows = rows.fetch_all(database.pool()).await.unwrap();
    let rows: Vec<(String, i64, Option<String>)> =
        rows.iter().map(|row| (row.get("name"), row.get("coins"), row.get("colour"))).collect();
    let expected = [("none", i64::MIN, None), ("", -1, Some("")), ("red", 0, Some("red"))];
    assert_eq!(rows, expected.map(|(name, coins, colour)| (name.to_owned(), coins, colour.map(str::to_owned))));
    let counts = query("SELECT COUNT(*), COUNT(CASE WHEN coins < $1 THEN 1 END), MAX(coins) FROM pots").bind(0_i64);
    let counts = counts.fetch_one(database.pool()).await.unwrap();
    assert_eq!((counts.get::<i64, _>(0), counts.get::<i64, _>(1), counts.get::<i64, _>(2)), (4, 2, i64::MAX));
    let none = query("SELECT MAX(coins) FROM pots WHERE name = $1").bind("no such").fetch_one(database.pool()).await;
    assert_eq!(none.unwrap().get::<Option<i64>, _>(0), None);
    database.close().await;
}

#[tokio::test]
async fn what_is_in_memory_is_its_own_and_keeps_on_one_connection() {
    let first = Database::open(&Location::Memory, &[FIRST]).await.unwrap();
    let second = Database::open(&Location::Memory, &[FIRST]).await.unwrap();
    for number in 1..=3 {
        assert_eq!(put(&first, "red").await.unwrap(), number);
    }
    assert_eq!((coins(&first, "red").await, coins(&second, "red").await), (3, 0));
    assert_eq!(first.pool().size(), 1);
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn who_waits_for_a_server_that_vanished_is_told_in_the_end() {
    let database = Database::open(&Location::Memory, &[FIRST]).await.unwrap();
    assert_eq!(database.in_time(put(&database, "red")).await.unwrap(), 1);
    // From here on time goes by itself when there is nothing else to do.
    tokio::time::pause();
    let error = database.in_time(std::future::pending::<Result<(), SqlError>>()).await.unwrap_err();
    assert!(error.to_string().contains("the database did not answer within 90 seconds"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_and_those_beside_it_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("kept.db"));
    let database = Database::open(&location, &[FIRST]).await.unwrap();
    put(&database, "red").await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{} has {mode:o}", entry.path().display());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort_unstable();
    assert_eq!(names, ["kept.db", "kept.db-shm", "kept.db-wal"]);
    database.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    let text = "shanghai,anhui\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = Database::open(&Location::File(path.clone()), &[FIRST]).await.unwrap_err().to_string();
    assert!(error.contains("file is not a database") && error.contains(path.to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let below = Location::File(path.join("below"));
    assert!(matches!(Database::open(&below, &[FIRST]).await, Err(DatabaseError::Unusable { .. })));
}

#[tokio::test]
async fn a_server_that_refuses_is_named_without_the_password() {
    let away = "postgres://u:p4ssw0rd@127.0.0.1:1/jobs".parse().unwrap();
    let error = Database::open(&away, &[FIRST]).await.unwrap_err();
    assert!(error.to_string().starts_with("the database postgres://127.0.0.1:1/jobs cannot be used: "), "{error}");
    assert!(!format!("{error} {error:?}").contains("p4ssw0rd"), "{error:?}");
    let Some(server) = Postgres::shared() else { return };
    for (user, database, words) in [
        (throwaway::USER, "absent", "database \"absent\" does not exist"),
        ("nobody_known", "postgres", "role \"nobody_known\" does not exist"),
    ] {
        let location = server.address(user, database).parse().unwrap();
        let error = Database::open(&location, &[FIRST]).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains(throwaway::PASSWORD), "{error:?}");
    }
}

#[tokio::test]
async fn a_schema_of_its_own_will_do() {
    let Some(server) = Postgres::shared() else { return };
    let address = server.database();
    for schema in ["one", "two"] {
        let database = Database::open(&address.parse().unwrap(), &[]).await.unwrap();
        query(if schema == "one" { "CREATE SCHEMA one" } else { "CREATE SCHEMA two" })
            .execute(database.pool())
            .await
            .unwrap();
        database.close().await;
        let location = format!("{address}&options=-c%20search_path%3D{schema}").parse().unwrap();
        let database = Database::open(&location, &[FIRST]).await.unwrap();
        assert_eq!(put(&database, "red").await.unwrap(), 1);
        database.close().await;
    }
}

#[tokio::test]
async fn a_statement_of_a_server_ends_and_a_transaction_reads_what_is_committed() {
    let Some(home) = Home::server() else { return };
    let database = home.open(&[FIRST]).await.unwrap();
    for (setting, expected) in [
        ("SHOW statement_timeout", "30s"),
        ("SHOW idle_in_transaction_session_timeout", "1min"),
        ("SHOW transaction_isolation", "read committed"),
    ] {
        let row = query(setting).fetch_one(database.pool()).await.unwrap();
        assert_eq!(row.get::<String, _>(0), expected, "{setting}");
    }
    database.close().await;
}

#[tokio::test]
async fn what_is_committed_is_on_the_disk() {
    let shown = async |location: Location, setting: &'static str| {
        let database = Database::open(&location, &[]).await.unwrap();
        let row = query(setting).fetch_one(database.pool()).await.unwrap();
        database.close().await;
        row.try_get::<String, _>(0).unwrap_or_else(|_| row.get::<i64, _>(0).to_string())
    };
    let home = Home::file();
    assert_eq!(shown(home.location.clone(), "PRAGMA synchronous").await, "2");
    let Some(server) = Postgres::shared() else { return };
    // What a server is told to do is not weakened, and one that would not wait does.
    for (told, wanted) in [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        let address = format!("{}&options=-c%20synchronous_commit%3D{told}", server.database());
        assert_eq!(shown(address.parse().unwrap(), "SHOW synchronous_commit").await, wanted, "{told}");
    }
}
