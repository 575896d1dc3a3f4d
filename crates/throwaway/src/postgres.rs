//! A PostgreSQL server that lives as long as the tests that use it.
//!
//! It is started where `initdb` and `postgres` are on the path. Where they are not, whoever asks for it
//! says `SKIPPED` and passes.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgConnection},
};
use tempfile::TempDir;

use crate::skipped;

/// The password in every address. The server does not ask for it; a test looks whether it is shown.
pub const PASSWORD: &str = "p4ssw0rd";
/// The user that may do everything.
pub const USER: &str = "tester";

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

/// A server on a socket in a folder of its own; stopped when the last test of the process has left it.
pub struct Postgres {
    folder: TempDir,
    process: Child,
    databases: AtomicU32,
}

impl Postgres {
    /// The server of this process, started if none runs. Nothing, and `SKIPPED` on the standard error,
    /// where PostgreSQL is not here.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        let mut current = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = current.upgrade() {
            return Some(server);
        }
        if !is_here() {
            return None;
        }
        let server = Arc::new(Self::start("fsync=off"));
        *current = Arc::downgrade(&server);
        Some(server)
    }

    /// A server of its own that waits for the disk, as the shared one does not: to measure.
    #[must_use]
    pub fn durable() -> Option<Self> {
        is_here().then(|| Self::start("fsync=on"))
    }

    fn start(durability: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        for path in [folder.path(), &data] {
            // Fails where the tests are not root's, who then owns it already.
            let _ = Command::new("chown").args(["nobody:nogroup"]).arg(path).output();
        }
        let (place, socket) = (data.to_str().unwrap(), folder.path().to_str().unwrap());
        let options = ["-D", place, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"];
        assert!(command("initdb").args(options).status().unwrap().success(), "initdb failed");
        let settings = ["-c", "listen_addresses=", "-c", durability, "-c", "max_connections=100"];
        let process = command("postgres").args(["-D", place, "-k", socket]).args(settings).spawn().unwrap();
        let server = Self { folder, process, databases: AtomicU32::new(0) };
        let began = Instant::now();
        while !is_ready(&data) {
            assert!(began.elapsed() < PATIENCE, "the server does not start");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// The folder of its socket, where a test may put files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of a database as `user`, with its options begun: more follow `&`.
    #[must_use]
    pub fn address(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}:{PASSWORD}@localhost/{database}?host={}", self.folder().display())
    }

    /// The address of a new, empty database.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name}"));
        self.address(USER, &name)
    }

    /// Runs statements in the database `postgres`.
    pub fn sql(&self, statements: &str) {
        run(&self.address(USER, "postgres"), statements);
    }
}

/// Whether PostgreSQL is on the path; says `SKIPPED` where it is not.
fn is_here() -> bool {
    let is_here = Command::new("initdb").arg("--version").output().is_ok();
    if !is_here {
        skipped("there is no initdb on the path, so nothing was tested against PostgreSQL");
    }
    is_here
}

/// Runs statements in the database at `address`, on a thread of its own: a test may be asynchronous.
fn run(address: &str, statements: &str) {
    let options = PgConnectOptions::from_str(address).unwrap().disable_statement_logging();
    let work = async {
        let mut connection = PgConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    let on_a_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    thread::scope(|scope| scope.spawn(on_a_runtime).join().unwrap());
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let _ = command("pg_ctl").args(["stop", "-m", "immediate", "-t", "10", "-D"]).arg(data).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `program`, as a user that the server accepts: it refuses root.
fn command(program: &str) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let mut command = if root { Command::new("setpriv") } else { Command::new(program) };
    if root {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", program]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    command
}

/// Whether the server says in its file that it takes connections: what `pg_ctl` waits for, too.
fn is_ready(data: &Path) -> bool {
    let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    file.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}
