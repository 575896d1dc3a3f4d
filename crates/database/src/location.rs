//! Where a database is: what stands in a configuration, and what may be shown of it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use url::Url;
use zeroize::Zeroizing;

/// What may stand behind the question mark of an address. A word that this list does not have is more
/// likely mistyped than meant.
const OPTIONS: [&str; 6] = ["host", "options", "sslcert", "sslkey", "sslmode", "sslrootcert"];

/// Where a database is. Neither `Display` nor `Debug` shows a user or a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// SQLite in memory, gone when it is closed.
    Memory,
    /// A file of SQLite.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(Server),
}

/// The address of a database of a PostgreSQL server, with the password if it holds one.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    url: Zeroizing<String>,
    place: String,
}

/// Why a text is no location of a database. The text may hold a password, so no message repeats it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// It is neither a path nor an address that is known.
    #[error("must be the path of an SQLite file, or postgres://user@host:port/database")]
    Kind,
    /// The address cannot be read.
    #[error("the address of the database cannot be read: {0}")]
    Address(&'static str),
    /// The address has an option that is not known.
    #[error("the address of the database has an option {0:?}; known are {known}", known = OPTIONS.join(", "))]
    Option(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Server::parse(text).map(Self::Postgres);
        }
        if text.is_empty() || text.contains("://") || text.starts_with("sqlite:") || text.contains('\0') {
            return Err(LocationError::Kind);
        }
        Ok(Self::File(text.into()))
    }
}

impl Location {
    /// The same; a relative path is taken from `folder`.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            other => other,
        }
    }
}

impl Server {
    /// Reads an address. Encryption is as in libpq, but where the address does not say otherwise a server
    /// that is not on this machine must show a certificate of its name.
    fn parse(text: &str) -> Result<Self, LocationError> {
        let mut url = Url::parse(text).map_err(|_| LocationError::Address("it is no URL"))?;
        let (mut host, mut mode) = (None, None);
        for (key, value) in url.query_pairs() {
            match &*key {
                "host" => host = Some(value.into_owned()),
                "sslmode" => mode = Some(value.into_owned()),
                key if OPTIONS.contains(&key) => {}
                _ => return Err(LocationError::Option(key.into_owned())),
            }
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(LocationError::Address("it names no database"));
        }
        if mode.is_none() {
            let near = match &host {
                Some(host) => host.starts_with('/') || is_this_machine(Some(host)),
                None => is_this_machine(url.host_str()),
            };
            url.query_pairs_mut().append_pair("sslmode", if near { "prefer" } else { "verify-full" });
        }
        url.query_pairs_mut().append_pair("application_name", "yuandang");
        let options = PgConnectOptions::from_url(&url)
            .map_err(|_| LocationError::Address("sslmode is unknown, or a part is not well encoded"))?;
        let place = format!(
            "postgres://{}:{}/{}",
            options.get_socket().map_or(options.get_host().into(), |socket| socket.to_string_lossy()),
            options.get_port(),
            options.get_database().unwrap_or_default()
        );
        Ok(Self { url: Zeroizing::new(url.into()), place })
    }

    /// The whole address, to connect with and for nothing else.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn is_this_machine(host: Option<&str>) -> bool {
    match host {
        None | Some("" | "localhost" | "[::1]" | "::1") => true,
        Some(host) => host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback()),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("in memory"),
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(server) => f.write_str(&server.place),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Location {
        text.parse().unwrap()
    }

    /// The mode of encryption that an address comes to.
    fn mode(text: &str) -> String {
        let Location::Postgres(server) = read(text) else { panic!("{text} is no server") };
        let url = Url::parse(server.url()).unwrap();
        let modes: Vec<_> = url.query_pairs().filter(|(key, _)| key == "sslmode").map(|(_, mode)| mode).collect();
        assert_eq!(modes.len(), 1, "{text}");
        modes[0].clone().into_owned()
    }

    #[test]
    fn a_path_is_a_file_in_the_folder_of_who_names_it() {
        assert_eq!(read("jobs.sqlite"), Location::File("jobs.sqlite".into()));
        assert_eq!(read("jobs.sqlite").in_folder(Path::new("/var/lib")), Location::File("/var/lib/jobs.sqlite".into()));
        assert_eq!(read("/a b/?#.db").in_folder(Path::new("/var/lib")), Location::File("/a b/?#.db".into()));
        let server = read("postgres://localhost/jobs");
        assert_eq!(server.clone().in_folder(Path::new("/var/lib")), server);
    }

    #[test]
    fn what_is_neither_a_path_nor_an_address_is_refused() {
        for text in ["", "mysql://u:p4ssw0rd@localhost/jobs", "sqlite://jobs.sqlite", "sqlite:jobs.sqlite", "a\0b"] {
            assert_eq!(text.parse::<Location>(), Err(LocationError::Kind), "{text}");
        }
        for (text, words) in [
            ("postgres://u:p4ssw0rd@localhost", "names no database"),
            ("postgres://u:p4ssw0rd@localhost/", "names no database"),
            ("postgres://u:p4ssw0rd@host:port/jobs", "no URL"),
            ("postgres://u:p4ssw0rd@localhost/jobs?sslmode=perhaps", "sslmode is unknown"),
            ("postgres://u:p4ssw0rd@localhost/jobs?ssl_mode=disable", "an option \"ssl_mode\""),
            ("postgres://u@localhost/jobs?password=p4ssw0rd", "an option \"password\""),
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("p4ssw0rd"), "{error:?}");
        }
    }

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        let location = read("postgresql://someone:p4ssw0rd@db.example:6543/jobs?options=-c%20search_path%3Dx");
        let Location::Postgres(server) = &location else { panic!("no server") };
        for shown in [location.to_string(), format!("{location:?}"), format!("{server:?}")] {
            assert!(shown.contains("postgres://db.example:6543/jobs"), "{shown}");
            assert!(!shown.contains("p4ssw0rd") && !shown.contains("someone"), "{shown}");
        }
        assert!(server.url().contains("p4ssw0rd"));
        let socket = read("postgres://someone@localhost/jobs?host=/run/postgresql").to_string();
        assert!(socket.starts_with("postgres:///run/postgresql:") && socket.ends_with("/jobs"), "{socket}");
    }

    #[test]
    fn a_server_elsewhere_must_show_a_certificate_unless_told_otherwise() {
        assert_eq!(mode("postgres://localhost/jobs"), "prefer");
        assert_eq!(mode("postgres://127.0.0.2/jobs"), "prefer");
        assert_eq!(mode("postgres://[::1]/jobs"), "prefer");
        assert_eq!(mode("postgres://localhost/jobs?host=/run/postgresql"), "prefer");
        assert_eq!(mode("postgres://db.example/jobs"), "verify-full");
        assert_eq!(mode("postgres://10.0.0.1/jobs"), "verify-full");
        assert_eq!(mode("postgres://localhost/jobs?host=db.example"), "verify-full");
        assert_eq!(mode("postgres://db.example/jobs?sslmode=require"), "require");
    }
}
