//! Bringing a database to the layout that this version knows, or refusing it.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use sqlx::{AnyPool, Row};

use crate::{DatabaseError, Location, Migration, Transaction};

/// Which layouts a database has had. The name is ours: a DBA may see it beside tables of others.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS yuandang_layout (\
                     version BIGINT PRIMARY KEY, description TEXT NOT NULL, digest TEXT NOT NULL, made_ms BIGINT NOT NULL)";
/// Lets one process at a time lay out a PostgreSQL database; the number means nothing. It may wait longer
/// than other statements, since the one before it may have much to change.
const ONE_AT_A_TIME: &str = "SET LOCAL statement_timeout = '600s'; SELECT pg_advisory_xact_lock(4920512744619873093)";

/// A layout that the database says it has had.
struct Had {
    version: i64,
    description: String,
    digest: String,
}

/// Makes the layouts that the database has not had yet, all in one transaction. So of several processes that
/// start at once one lays the database out, and the others find it done; and one that dies leaves it as it was.
pub(crate) async fn lay_out(
    pool: &AnyPool,
    begin: &'static str,
    location: &Location,
    migrations: &[Migration],
) -> Result<(), DatabaseError> {
    let unusable = |cause| DatabaseError::Unusable { place: location.clone(), cause };
    let mut transaction = pool.begin_with(begin).await.map_err(unusable)?;
    let had = had(&mut transaction, location).await.map_err(unusable)?;
    let missing = missing(location, migrations, &had)?;
    for migration in missing {
        apply(&mut transaction, migration).await.map_err(|cause| DatabaseError::Layout {
            place: location.clone(),
            version: migration.0,
            description: migration.1,
            cause,
        })?;
    }
    transaction.commit().await.map_err(unusable)
}

async fn had(transaction: &mut Transaction, location: &Location) -> Result<Vec<Had>, sqlx::Error> {
    if matches!(location, Location::Postgres(_)) {
        sqlx::raw_sql(ONE_AT_A_TIME).execute(&mut **transaction).await?;
    }
    sqlx::query(TABLE).execute(&mut **transaction).await?;
    let rows = sqlx::query("SELECT version, description, digest FROM yuandang_layout ORDER BY version")
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Had {
                version: row.try_get("version")?,
                description: row.try_get("description")?,
                digest: row.try_get("digest")?,
            })
        })
        .collect()
}

/// The migrations that are still to be made, if those that were made are the first of ours.
fn missing<'a>(
    location: &Location,
    migrations: &'a [Migration],
    had: &[Had],
) -> Result<&'a [Migration], DatabaseError> {
    let place = || location.clone();
    let mut ours = migrations.iter();
    for had in had {
        let Some((version, description, sql)) = ours.next() else {
            let known = migrations.last().map_or(0, |last| last.0);
            return Err(DatabaseError::Newer { place: place(), found: had.version, known });
        };
        if had.version != *version || had.description != *description {
            let found = had.description.clone();
            return Err(DatabaseError::Foreign { place: place(), version: had.version, found });
        }
        if had.digest != digest(sql) {
            return Err(DatabaseError::Changed { place: place(), version: *version, description });
        }
    }
    Ok(ours.as_slice())
}

async fn apply(transaction: &mut Transaction, (version, description, sql): &Migration) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(*sql).execute(&mut **transaction).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sqlx::query("INSERT INTO yuandang_layout (version, description, digest, made_ms) VALUES ($1, $2, $3, $4)")
        .bind(*version)
        .bind(*description)
        .bind(digest(sql))
        .bind(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
        .execute(&mut **transaction)
        .await
        .map(drop)
}

fn digest(sql: &str) -> String {
    hex::encode(Sha256::digest(sql))
}
