//! A folder that stands for the file system of a machine, and a root shell there that stays open.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::page::Block;

const STAND_INS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operations/stand-ins");

/// How long a block may take, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Folders that the page names, beside that of PostgreSQL's socket.
const FOLDERS: [&str; 4] = ["/etc/yuandang", "/etc/systemd/system", "/var/lib/yuandang", "/usr/local/bin"];

/// A machine.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// What stands in the page, and what is put in its place.
    places: Vec<(String, String)>,
    shell: Child,
    blocks: usize,
}

impl Machine {
    /// An empty one with the binary in its root's home. `socket` is the folder of its PostgreSQL, if it has one; `hosts` are
    /// addresses in the page and in the test.
    pub(crate) fn new(name: &str, folder: &Path, socket: Option<&Path>, hosts: &[(String, String)]) -> Self {
        let folder = folder.join(name);
        for place in ["root", "run", "etc/systemd/system", "var/lib", "usr/local/bin"] {
            fs::create_dir_all(folder.join(place)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_yuandang"), folder.join("root/yuandang")).unwrap();
        let root = folder.to_str().unwrap();
        let mut places: Vec<_> = FOLDERS.iter().map(|&place| (place.to_owned(), format!("{root}{place}"))).collect();
        places.extend(socket.map(|socket| ("/run/postgresql".to_owned(), socket.to_str().unwrap().to_owned())));
        places.extend_from_slice(hosts);
        let path = format!("{STAND_INS}:{root}/usr/local/bin:{}", std::env::var("PATH").unwrap());
        let errors = fs::File::create(folder.join("run/shell.log")).unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail"]).env_clear().current_dir(&folder);
        command.envs([("PATH", path.as_str()), ("HOME", &format!("{root}/root")), ("MACHINE", root), ("LANG", "C")]);
        command.envs(socket.map(|socket| ("PGHOST", socket)));
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        Self { name: name.to_owned(), folder, places, shell, blocks: 0 }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Sets variables, as the reader does by hand.
    pub(crate) fn set(&mut self, line: &str) {
        writeln!(self.shell.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Runs a block of the page, and gives what it printed. One that fails fails the test.
    pub(crate) fn run(&mut self, block: &Block) -> String {
        self.blocks += 1;
        let text = self.localised(block);
        let [output, done] = ["out", "done"].map(|what| self.path(&format!("run/{}.{what}", self.blocks)));
        let (to, then) = (output.display(), done.display());
        self.set(&format!("{{\n{text}\n}} </dev/null >'{to}' 2>&1\n: >'{then}'"));
        let began = Instant::now();
        loop {
            let has_ended = self.shell.try_wait().unwrap().is_some();
            if done.exists() {
                return fs::read_to_string(output).unwrap();
            }
            if has_ended || began.elapsed() > PATIENCE {
                let why = if has_ended { "failed" } else { "was not done in time" };
                let said = fs::read_to_string(output).unwrap_or_default();
                let shell = fs::read_to_string(self.path("run/shell.log")).unwrap();
                panic!("on {}, OPERATIONS.md:{} {why}:\n{text}\nIt said:\n{said}{shell}", self.name, block.line);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The block with this machine's folders and ports.
    fn localised(&self, block: &Block) -> String {
        let mut text = block.text.clone();
        for (from, to) in &self.places {
            text = text.replace(from, to);
        }
        // Nothing of the machine that the test runs on may be touched.
        let rest = self.places.iter().fold(text.clone(), |rest, (_, to)| rest.replace(to, "here"));
        let mut before = '\n';
        for letter in rest.chars() {
            let begins = letter == '/' && !(before.is_alphanumeric() || "~:/}.".contains(before));
            assert!(!begins, "OPERATIONS.md:{} names a folder that no stand-in is known for:\n{rest}", block.line);
            before = letter;
        }
        text
    }

    /// The number of a service's process.
    pub(crate) fn process(&self, unit: &str) -> i32 {
        fs::read_to_string(self.path(&format!("run/{unit}.pid"))).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        // Services are nobody's children. Those of this machine run its own binary, in a folder that nobody else has.
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let ours = fs::read_link(entry.path().join("exe")).is_ok_and(|binary| binary.starts_with(&self.folder));
            if let (true, Some(Ok(id))) = (ours, entry.file_name().to_str().map(str::parse)) {
                let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
            }
        }
    }
}
