//! Why a database cannot be used, in words for whoever runs it.

use crate::Location;

/// Why a database was not opened. No message shows a user's password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached, or it is no database.
    #[error("the database {place} cannot be used: {cause}")]
    Unusable {
        /// Where it is.
        place: Location,
        /// What the database or the network says.
        cause: sqlx::Error,
    },
    /// Its layout could not be brought to that of this version. It is as it was.
    #[error("the database {place} was not given layout {version} ({description}): {cause}")]
    Layout {
        /// Where it is.
        place: Location,
        /// The number of the layout.
        version: i64,
        /// What the layout is for.
        description: &'static str,
        /// What the database says.
        cause: sqlx::Error,
    },
    /// A later version of this program has used it.
    #[error(
        "the database {place} has layout {found}, and this version knows layouts up to {known} only: start the \
         version that used it last, or bring back the copy that was made before that"
    )]
    Newer {
        /// Where it is.
        place: Location,
        /// The layout that it has.
        found: i64,
        /// The last that this version knows.
        known: i64,
    },
    /// Another program has used it.
    #[error(
        "the database {place} belongs to another program: its layout {version} is {found:?}. A node and a \
         coordinator need a database, or a schema, each"
    )]
    Foreign {
        /// Where it is.
        place: Location,
        /// The number of the layout.
        version: i64,
        /// What the layout calls itself.
        found: String,
    },
    /// It was laid out from another text than this version has under that number.
    #[error(
        "the database {place} got its layout {version} ({description}) from a build that this one does not continue: \
         start the version that made it"
    )]
    Changed {
        /// Where it is.
        place: Location,
        /// The number of the layout.
        version: i64,
        /// What the layout is for.
        description: &'static str,
    },
}
