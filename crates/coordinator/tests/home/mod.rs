//! Databases of tests: each test body is run against SQLite and against PostgreSQL.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::sync::Arc;

use coordinator::store::Store;
use database::{AnyPool, Location, query};
use tempfile::TempDir;
use throwaway::Postgres;

/// Where the database of one test is, empty at first.
pub(crate) struct Home {
    address: String,
    pub(crate) location: Location,
    _folder: Option<TempDir>,
    _server: Option<Arc<Postgres>>,
}

impl Home {
    pub(crate) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.sqlite");
        let address = format!("sqlite:{}", path.display());
        Self { address, location: Location::File(path), _folder: Some(folder), _server: None }
    }

    pub(crate) fn server() -> Option<Self> {
        let server = Postgres::shared()?;
        let address = server.database();
        let location = address.parse().unwrap();
        Some(Self { address, location, _folder: None, _server: Some(server) })
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }

    /// Does something that no store would do, to a database that one has opened.
    pub(crate) async fn meddle(&self, statement: &'static str) {
        let pool = AnyPool::connect(&self.address).await.unwrap();
        query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

/// Runs each body against both.
macro_rules! on_both {
    ($($body:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                super::$body(super::home::Home::file()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                if let Some(home) = super::home::Home::server() {
                    super::$body(home).await;
                }
            })*
        }
    };
}
