//! The demonstration's participants: a folder for each with its keys, configuration and data.

use std::{
    fmt::Write,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use agreement::{IdentityPublicKey, ParticipantId};

use crate::{cert, failure::Failure, identity::new_identity};

/// The coordinator's name.
pub(super) const COORDINATOR: &str = "coordinator";

/// The province that asks, as receiver.
pub(super) const RECEIVER: &str = "shanghai";

/// The province that has the list, as sender.
pub(super) const SENDER: &str = "anhui";

/// All provinces.
pub(super) const PROVINCES: [&str; 4] = ["shanghai", "jiangsu", "zhejiang", "anhui"];

/// How long the demonstration's certificates are valid: longer than a server warns of the end.
const DAYS: u32 = 60;

/// Sizes are padded to a multiple of this, so that only about how many there are shows.
const SIZE_STEP: u64 = 1024;

/// A participant with its folder, its identity and where it listens.
pub(super) struct Participant {
    pub(super) id: ParticipantId,
    pub(super) folder: PathBuf,
    pub(super) identity: IdentityPublicKey,
    pub(super) address: SocketAddr,
}

/// What a set of this size is padded to.
pub(super) fn padded(size: u64) -> u64 {
    size.div_ceil(SIZE_STEP).saturating_mul(SIZE_STEP)
}

impl Participant {
    /// Makes its folder, identity and certificate.
    pub(super) fn new(name: &str, folder: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let id: ParticipantId = name.parse().map_err(Failure::other)?;
        let folder = folder.join(name);
        let identity = new_identity(&folder)?;
        cert::issue(&identity, &id.clone().into(), &folder.join("tls.crt"), &folder.join("tls.key"), DAYS)?;
        Ok(Self { id, folder, identity: identity.public(), address })
    }

    pub(super) fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where its log goes.
    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.id))
    }

    /// Writes the coordinator's configuration.
    pub(super) fn write_coordinator(&self, members: &[Self]) -> Result<PathBuf, Failure> {
        let mut text = format!(
            "# The demonstration's coordinator.\nname = \"{}\"\nlisten = \"{}\"\ndatabase = \"coordinator.sqlite\"\n\
             certificate = \"tls.crt\"\nkey = \"tls.key\"\n",
            self.id, self.address
        );
        for member in members {
            let _ = write!(text, "\n[[participants]]\nid = \"{}\"\nidentity = \"{}\"\n", member.id, member.identity);
        }
        self.write("coordinator.toml", &text)
    }

    /// Writes a node's configuration. `dataset` is the name of its records, if it has any: the file is
    /// called like that.
    pub(super) fn write_node(
        &self,
        coordinator: &Self,
        members: &[Self],
        dataset: Option<&str>,
        threads: usize,
    ) -> Result<PathBuf, Failure> {
        let mut text = format!(
            "# A node of the demonstration.\nparticipant = \"{}\"\nlisten = \"{}\"\nendpoint = \"{}\"\n\n\
             results = \"results\"\nthreads = {threads}\nmax_sessions = 8\n\n\
             [identity]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\npublic = \"{}\"\nsigning_key = \"identity.key\"\n\n\
             [coordinator]\nendpoint = \"{}\"\nparticipant = \"{}\"\nidentity = \"{}\"\n",
            self.id,
            self.address,
            self.endpoint(),
            self.identity,
            coordinator.endpoint(),
            coordinator.id,
            coordinator.identity,
        );
        for peer in members.iter().filter(|peer| peer.id != self.id) {
            let (id, identity, endpoint) = (&peer.id, peer.identity, peer.endpoint());
            let _ = write!(
                text,
                "\n[[peers]]\nparticipant = \"{id}\"\nidentity = \"{identity}\"\nendpoint = \"{endpoint}\"\n"
            );
        }
        if let Some(name) = dataset {
            let _ = write!(text, "\n[[datasets]]\nname = \"{name}\"\nsource = \"{name}.csv\"\n");
        }
        fs::create_dir_all(self.folder.join("results")).map_err(Failure::other)?;
        self.write("node.toml", &text)
    }

    /// Writes the job that the receiver submits.
    pub(super) fn write_job(&self, students: u64, hardship: u64) -> Result<PathBuf, Failure> {
        let text = format!(
            "# Which students stand on the hardship list?\nname = \"Students on the hardship list\"\n\
             mode = \"labelled\"\nprotocol = \"auto\"\nkey_types = [\"resident-id\"]\nlistener = \"{SENDER}\"\n\
             deadline_seconds = 3600\n\n\
             [[parties]]\nparticipant = \"{RECEIVER}\"\nrole = \"receiver\"\ndataset = \"students\"\n\
             key_columns = [\"id_no\"]\npadded_size = {}\n\n\
             [[parties]]\nparticipant = \"{SENDER}\"\nrole = \"sender\"\ndataset = \"hardship\"\n\
             key_columns = [\"id_no\"]\nlabel_columns = [\"category\", \"valid_to\"]\npadded_size = {}\n",
            padded(students),
            padded(hardship),
        );
        self.write("job.toml", &text)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|cause| Failure::other(format_args!("{}: {cause}", path.display())))?;
        Ok(path)
    }
}
