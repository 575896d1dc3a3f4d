//! A coordinator and nodes as processes of their own, set up with the commands that an operator uses.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agreement::{
    Act, Agreement, IdentityKey, Moment, ParticipantId, Pinned, Signed,
    acts::{Consent, Request},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use node::book::Book;
use serde_json::Value;

use super::{errors, json, until, yuandang};

/// A participant's folder, its pin and its port.
struct Member {
    name: String,
    folder: PathBuf,
    identity: String,
    port: u16,
}

impl Member {
    fn new(name: &str, folder: &Path) -> Self {
        let folder = folder.join(name);
        let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
        let made =
            json(&["identity", "new", "--participant", name, "--dir", folder.to_str().unwrap(), "--format", "json"]);
        let issued = yuandang(&[
            "cert",
            "issue",
            "--identity",
            &path("identity.key"),
            "--participant",
            name,
            "--out-cert",
            &path("tls.crt"),
            "--out-key",
            &path("tls.key"),
        ]);
        assert_eq!(issued.status.code(), Some(0), "{}", errors(&issued));
        let port = free_port();
        Self { name: name.to_owned(), folder, identity: made["identity"].as_str().unwrap().to_owned(), port }
    }
}

/// The folders of a coordinator, of Shanghai with students.csv and of Anhui with hardship.csv.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// Makes up `students` and `hardship` residents, `overlap` of them on both lists.
    pub(crate) fn new(students: u64, hardship: u64, overlap: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let [coordinator, shanghai, anhui] = ["coordinator", "shanghai", "anhui"].map(|name| Member::new(name, path));
        let lists = path.join("lists");
        let [students, hardship, overlap] = [students, hardship, overlap].map(|number| number.to_string());
        let numbers = ["--students", &students, "--hardship", &hardship, "--overlap", &overlap];
        let made = yuandang(&[&["generate", "--out-dir", lists.to_str().unwrap()], &numbers[..]].concat());
        assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
        let members = [&shanghai, &anhui];
        for (member, list) in members.into_iter().zip(["students", "hardship"]) {
            let file = format!("{list}.csv");
            fs::rename(lists.join(&file), member.folder.join(&file)).unwrap();
            fs::create_dir(member.folder.join("results")).unwrap();
            let peers = members.into_iter().filter(|peer| peer.name != member.name);
            fs::write(member.folder.join("config.toml"), node(member, list, &coordinator, peers)).unwrap();
        }
        let mut config = format!(
            "name = \"coordinator\"\nlisten = \"127.0.0.1:{}\"\ndatabase = \"jobs.sqlite\"\n\
             certificate = \"tls.crt\"\nkey = \"tls.key\"\n",
            coordinator.port
        );
        for member in members {
            write!(config, "\n[[participants]]\nid = \"{}\"\nidentity = \"{}\"\n", member.name, member.identity)
                .unwrap();
        }
        fs::write(coordinator.folder.join("config.toml"), config).unwrap();
        Self { folder }
    }

    /// Makes a supervisor, whom both nodes pin and who has pinned them.
    pub(crate) fn supervisor(&self) {
        let own = Member::new("supervisor", self.folder.path());
        self.configure(&format!("[[supervisors]]\nparticipant = \"supervisor\"\nidentity = \"{}\"\n", own.identity));
        let mut config = format!(
            "participant = \"supervisor\"\n[identity]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\npublic = \"{}\"\n",
            own.identity
        );
        for name in ["shanghai", "anhui"] {
            let text = fs::read_to_string(self.path(&format!("{name}/config.toml"))).unwrap();
            let node: toml::Table = toml::from_str(&text).unwrap();
            let (endpoint, identity) = (&node["endpoint"], &node["identity"]["public"]);
            write!(config, "[[peers]]\nparticipant = \"{name}\"\nidentity = {identity}\nendpoint = {endpoint}\n")
                .unwrap();
        }
        fs::write(own.folder.join("config.toml"), config).unwrap();
    }

    /// Adds to the configuration of both nodes.
    pub(crate) fn configure(&self, more: &str) {
        for name in ["shanghai", "anhui"] {
            let path = self.path(&format!("{name}/config.toml"));
            let config = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("{config}\n{more}")).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Starts a participant, and waits until it says that it is ready.
    pub(crate) fn start(&self, name: &str) -> Server {
        self.launch(name).ready(name)
    }

    /// The same with every log line that there is, also of the libraries that it is made with.
    pub(crate) fn start_verbose(&self, name: &str) -> Server {
        let mut command = self.server(name);
        command.env("RUST_LOG", "trace");
        Server::start(command).ready(name)
    }

    /// Starts a participant, and waits for nothing.
    pub(crate) fn launch(&self, name: &str) -> Server {
        Server::start(self.server(name))
    }

    fn server(&self, name: &str) -> Command {
        let command = if name == "coordinator" { name } else { "node" };
        super::command(&[command, "--config", &self.path(&format!("{name}/config.toml"))])
    }

    /// Writes a job of the students' membership on the hardship list; gives its file.
    pub(crate) fn job(&self, changes: &[(&str, &str)]) -> String {
        self.job_under(changes, |_| {})
    }

    /// The same under an agreement that `edit` has changed.
    pub(crate) fn job_under(&self, changes: &[(&str, &str)], edit: impl FnOnce(&mut Agreement)) -> String {
        let mut job = fs::read_to_string(sample("job.toml")).unwrap();
        for (from, to) in changes {
            assert!(job.contains(from), "{from}");
            job = job.replace(from, to);
        }
        let path = self.path("job.toml");
        fs::write(&path, agreed(&self.agree(&job, edit), &job)).unwrap();
        path
    }

    /// The same without an agreement.
    pub(crate) fn unsigned_job(&self) -> String {
        let path = self.path("unsigned.toml");
        fs::write(&path, fs::read_to_string(sample("job.toml")).unwrap()).unwrap();
        path
    }

    /// Has both provinces sign the agreement of a job, straight into the books of their nodes.
    fn agree(&self, job: &str, edit: impl FnOnce(&mut Agreement)) -> String {
        let spec = yuandang::job::description::parse(job, "job.toml").unwrap();
        let keys = self.keys();
        let identities = keys.each_ref().map(|(name, key)| (name.clone(), key.public()));
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let at = Moment::from_seconds(seconds.try_into().unwrap()).unwrap();
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).unwrap();
        let mut agreement = node::made_up_agreement(&spec, &identities, nonce, at).unwrap();
        edit(&mut agreement);
        let digest = agreement.digest().unwrap();
        let request = Request { agreement, at };
        let request = Signed::sign(request, &keys[0].0, &*keys[0].1).unwrap();
        let mut acts = vec![Act::Request(Box::new(request))];
        for (name, key) in &keys {
            let consent = Consent { agreement: digest, at, approvers: vec!["k-1".to_owned()] };
            acts.push(Act::Consent(Signed::sign(consent, name, &**key).unwrap()));
        }
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            for book in self.books().await {
                for act in &acts {
                    book.keep(act, 1).await.unwrap();
                }
                book.close().await;
            }
        });
        digest.to_string()
    }

    /// The names and identities of both provinces.
    fn keys(&self) -> [(ParticipantId, Arc<IdentityKey>); 2] {
        ["shanghai", "anhui"].map(|name| {
            let pem = fs::read_to_string(self.path(&format!("{name}/identity.key"))).unwrap();
            (name.parse().unwrap(), Arc::new(IdentityKey::from_pem(&pem).unwrap()))
        })
    }

    /// The books of both nodes, which may be running.
    pub(crate) async fn books(&self) -> Vec<Book> {
        let keys = self.keys();
        let identities = keys.each_ref().map(|(name, key)| (name.clone(), key.public()));
        let mut books = Vec::new();
        for (name, key) in keys {
            let pinned = Pinned { participants: identities.iter().cloned().collect(), ..Pinned::default() };
            let place = self.path(&format!("{name}/book.sqlite")).parse().unwrap();
            books.push(Book::open(&place, name, key, pinned).await.unwrap());
        }
        books
    }

    /// Runs a `job` command as Shanghai's operator.
    pub(crate) fn ask(&self, action: &[&str]) -> Value {
        let config = self.path("shanghai/config.toml");
        json(&[&["job"], action, &["--config", &config, "--format", "json"]].concat())
    }

    /// Issues a certificate for a person of a participant.
    pub(crate) fn person(&self, name: &str, handle: &str, duty: &str) {
        let path = |file: &str| self.path(&format!("{name}/{file}"));
        let (cert, key) = (path(&format!("{duty}.crt")), path(&format!("{duty}.key")));
        let identity = path("identity.key");
        let who = ["--participant", name, "--person", handle, "--duty", duty];
        let files = ["--identity", &identity, "--out-cert", &cert, "--out-key", &key];
        let issued = yuandang(&[&["cert", "issue"], &who[..], &files[..]].concat());
        assert_eq!(issued.status.code(), Some(0), "{}", errors(&issued));
    }

    /// Arguments of an `agreement` command that say which node, and as whom there.
    pub(crate) fn as_person(&self, name: &str, duty: &str, action: &[&str]) -> Vec<String> {
        self.at_node(name, duty, &[&["agreement"], action].concat())
    }

    /// The same of any command that a node answers.
    pub(crate) fn at_node(&self, name: &str, duty: &str, command: &[&str]) -> Vec<String> {
        let path = |file: &str| self.path(&format!("{name}/{file}"));
        let (cert, key) = (path(&format!("{duty}.crt")), path(&format!("{duty}.key")));
        let config = path("config.toml");
        let who = ["--config", &config, "--cert", &cert, "--key", &key, "--format", "json"];
        [command, &who[..]].concat().into_iter().map(str::to_owned).collect()
    }

    /// Runs a `result` command as a participant's operator.
    pub(crate) fn results(&self, name: &str, action: &[&str]) -> Value {
        if !Path::new(&self.path(&format!("{name}/operator.key"))).exists() {
            self.person(name, "k-1", "operator");
        }
        let arguments = self.as_person(name, "operator", action);
        json(&super::borrowed(&[&["result".to_owned()], &arguments[1..]].concat()))
    }

    /// What a node has as the result of a job, taken out by its operator.
    pub(crate) fn result(&self, name: &str, job: &str) -> String {
        let output = self.path(&format!("{name}/{job}.csv"));
        let why = ["--purpose", "a test", "--case", "2026/7", "--output", &output];
        self.results(name, &[&["export", job], &why[..]].concat());
        fs::read_to_string(output).unwrap()
    }

    /// Names of the sealed results in a node's folder, half-written ones among them.
    pub(crate) fn sealed(&self, name: &str) -> Vec<String> {
        let mut names = names(&self.path(&format!("{name}/results")));
        names.retain(|name| name != "keys");
        names
    }

    /// Runs an `agreement` command as a person with this duty at a node.
    pub(crate) fn agreement(&self, name: &str, duty: &str, action: &[&str]) -> Value {
        json(&super::borrowed(&self.as_person(name, duty, action)))
    }

    /// Waits until the job is in one of the states.
    pub(crate) fn until_state(&self, job: &str, states: &[&str]) -> Value {
        until("the job's state", || {
            let shown = self.ask(&["show", job]);
            states.contains(&shown["state"].as_str().unwrap()).then_some(shown)
        })
    }
}

/// A port that is free, and that the system gives to nobody who dials (those begin with 32768): a node that was killed finds it
/// free when it is back.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(61);
    loop {
        let number = own.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = 20_000 + u16::try_from(number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A sample of a configuration.
fn sample(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../examples/config").join(name)
}

/// A job under an agreement.
fn agreed(digest: &str, job: &str) -> String {
    format!("agreement = \"{digest}\"\n{job}")
}

fn node<'a>(own: &Member, list: &str, coordinator: &Member, peers: impl Iterator<Item = &'a Member>) -> String {
    let Member { name, identity, port, .. } = own;
    let mut config = format!(
        "participant = \"{name}\"\nlisten = \"127.0.0.1:{port}\"\nendpoint = \"https://127.0.0.1:{port}\"\n\
         results = \"results\"\nmax_sessions = 8\n\n\
         [identity]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\npublic = \"{identity}\"\n\
         signing_key = \"identity.key\"\n\n\
         [coordinator]\nendpoint = \"https://127.0.0.1:{}\"\nparticipant = \"coordinator\"\nidentity = \"{}\"\n\n\
         [[datasets]]\nname = \"{list}\"\nsource = \"{list}.csv\"\n",
        coordinator.port, coordinator.identity,
    );
    for peer in peers {
        let Member { name, identity, port, .. } = peer;
        let endpoint = format!("https://127.0.0.1:{port}");
        write!(config, "\n[[peers]]\nparticipant = \"{name}\"\nidentity = \"{identity}\"\nendpoint = \"{endpoint}\"\n")
            .unwrap();
    }
    config
}

/// A running coordinator or node; killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    log: Arc<Mutex<String>>,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (kept, lines) = (Arc::clone(&log), BufReader::new(process.stderr.take().unwrap()).lines());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &format!("{line}\n");
            }
        });
        Self { process, log }
    }

    /// Waits until it says that it is ready.
    fn ready(self, name: &str) -> Self {
        self.says(if name == "coordinator" { "listening" } else { "attached to the coordinator" });
        self
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until its log has these words.
    pub(crate) fn says(&self, words: &str) {
        let began = Instant::now();
        while !self.log().contains(words) {
            assert!(began.elapsed() < Duration::from_secs(120), "waited too long for {words:?} in {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Sends a signal, waits for the end and gives the exit status.
    pub(crate) fn signal(&mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("log of process {}:\n{}", self.process.id(), self.log());
        }
    }
}

/// Names in a folder.
pub(crate) fn names(folder: &str) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
