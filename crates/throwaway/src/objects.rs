//! A moto server, which speaks as S3 does, for one test.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Makes what an address names. moto looks at no signature.
const PUT: &str = "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method='PUT'))";

/// A server of objects on a port of its own, in memory, until it is dropped.
#[derive(Debug)]
pub struct ObjectServer {
    process: Child,
    endpoint: String,
}

impl ObjectServer {
    /// Starts one that has an empty bucket of that name. Nothing where Python has no moto, which is said aloud.
    #[must_use]
    pub fn start(bucket: &str) -> Option<Self> {
        let there = Command::new("python3").args(["-c", "import moto.server"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            super::skipped("python3 has no moto.server, so nothing was tested against an S3 server");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, endpoint: format!("http://127.0.0.1:{port}") };
        let patience = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none(), "moto ended at once");
            assert!(Instant::now() < patience, "moto does not start");
            thread::sleep(Duration::from_millis(100));
        }
        assert!(server.process.try_wait().unwrap().is_none(), "somebody else listens in its place");
        let made = Command::new("python3").args(["-c", PUT, &format!("{}/{bucket}", server.endpoint)]).status();
        assert!(made.unwrap().success());
        Some(server)
    }

    /// Its address, without a bucket.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
