//! Runs the commands of docs/OPERATIONS.md as they stand there: from three empty machines to a job, a backup, a restore, an
//! upgrade, a renewed certificate and a new identity.
//!
//! A machine is a folder, and a root shell that stays open, as the page asks. What differs from real machines:
//! - the page's folders, and its host names with ports, are replaced in a block before it is run;
//! - `systemctl`, `journalctl`, `sudo`, `useradd` and `chown` are the small scripts in `stand-ins`: services run as who runs the
//!   test, without systemd's confinement;
//! - each PostgreSQL is the test's own and lets its users in without asking the system who they are.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod machine;
mod page;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, process::Command, sync::Arc};

use machine::Machine;
use support::site::{free_port, names};
use throwaway::{Postgres, skipped};

const NAMES: [&str; 3] = ["coordinator", "shanghai", "anhui"];
/// The service of a node.
const NODE: &str = "yuandang-node";

/// What a block printed.
struct Said {
    machine: String,
    block: String,
    output: String,
}

/// The machines, and what was done there.
struct Site {
    // First, so that services end before what they use.
    machines: Vec<Machine>,
    said: Vec<Said>,
    _servers: [Arc<Postgres>; 2],
    _folder: tempfile::TempDir,
}

impl Site {
    /// Nothing where PostgreSQL is not here.
    fn new() -> Option<Self> {
        let servers = [Postgres::shared()?, Arc::new(Postgres::durable()?)];
        if ["psql", "pg_dump"].iter().any(|program| Command::new(program).arg("--version").output().is_err()) {
            skipped("psql or pg_dump is not on the path, so the page's commands were not run");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let hosts: Vec<_> = ["coordinator.example:7100", "node.shanghai.example:7101", "node.anhui.example:7102"]
            .into_iter()
            .flat_map(|host| {
                let here = format!("127.0.0.1:{}", free_port());
                let port = host.split(':').next_back().unwrap();
                [(host.to_owned(), here.clone()), (format!("0.0.0.0:{port}"), here)]
            })
            .collect();
        let sockets = [Some(servers[0].folder()), Some(servers[1].folder()), None];
        let machines = NAMES.iter().zip(sockets).map(|(name, socket)| {
            let mut machine = Machine::new(name, folder.path(), socket, &hosts);
            machine.set(&format!("ME={name} ROLE={}", role(name)));
            machine
        });
        Some(Self { machines: machines.collect(), said: Vec::new(), _servers: servers, _folder: folder })
    }

    fn machine(&mut self, name: &str) -> &mut Machine {
        self.machines.iter_mut().find(|machine| machine.name == name).unwrap()
    }

    /// Runs all blocks, and does between them what the page asks its reader to do.
    fn follow_the_page(&mut self) {
        for block in page::blocks() {
            for name in &block.machines {
                let renews = block.text.contains("a new certificate is in use");
                let before = renews.then(|| self.machine(name).process(NODE));
                let output = self.machine(name).run(&block);
                assert!(before.is_none_or(|before| before == self.machine(name).process(NODE)), "it was restarted");
                self.said.push(Said { machine: name.clone(), block: block.text.clone(), output });
            }
            self.tell_the_others(&block.text);
        }
    }

    /// What was made in a block and others have to know: by phone, or by a file.
    fn tell_the_others(&mut self, block: &str) {
        let made = |words| block.contains(words);
        let lines = if made("identity new --participant $ME") {
            let pin = |machine: &Machine| format!("{}={}", machine.name.to_uppercase(), identity(machine, ""));
            self.machines.iter().map(pin).collect::<Vec<_>>().join(" ")
        } else if made("identity succeed") {
            let statement = "root/shanghai-2027.json";
            let from = self.machine("shanghai").path(statement);
            fs::copy(from, self.machine("anhui").path(statement)).unwrap();
            format!("NEW={}", identity(self.machine("shanghai"), "new/"))
        } else if made("agreement request") {
            let output = &self.said.last().unwrap().output;
            let digest = output.lines().last().unwrap();
            assert_eq!(digest.len(), 64, "{output}");
            let line = format!("AGREEMENT={}", &digest[..16]);
            return self.machine("anhui").set(&line);
        } else {
            return;
        };
        self.machines.iter_mut().for_each(|machine| machine.set(&lines));
    }

    /// What the first block with these words printed on a machine.
    fn output(&self, machine: &str, words: &str) -> &str {
        let said = self.said.iter().find(|said| said.machine == machine && said.block.contains(words));
        &said.unwrap_or_else(|| panic!("no block on {machine} has {words:?}")).output
    }
}

/// A public identity of a machine, as somebody reads it out.
fn identity(machine: &Machine, folder: &str) -> String {
    fs::read_to_string(machine.path(&format!("etc/yuandang/{folder}identity.pub"))).unwrap().trim().to_owned()
}

#[test]
fn the_page_leads_from_empty_machines_to_a_result_and_to_a_new_identity() {
    let Some(mut site) = Site::new() else { return };
    site.follow_the_page();

    assert!(site.output("shanghai", "job watch").contains("Succeeded"), "{}", site.output("shanghai", "job watch"));
    let result = fs::read_to_string(site.machine("shanghai").path("root/aid.csv")).unwrap();
    assert!(result.lines().next().unwrap().ends_with(",category,valid_to"), "{result}");
    assert_eq!(result.lines().count(), 1 + 60, "a header, and each resident who stands on both lists");

    for name in ["shanghai", "anhui"] {
        let [verified, receipts] = ["agreement verify", "receipts verify"].map(|words| site.output(name, words));
        assert!(verified.contains("every party has signed"), "{verified}");
        assert!(receipts.contains("1 runs were done; 1 receipts of peers say the same"), "{receipts}");
    }
    assert!(site.output("shanghai", "new.crt").contains("a new certificate is in use"));

    let refused = site.output("shanghai", "refused, status");
    let replay = "shanghai enters use 2 of the agreement, which another job spent; up to 2 were seen here: its node was \
                  restored from a backup, or repeats an old use";
    assert!(refused.contains(replay) && refused.contains("refused, status 4"), "{refused}");
    assert!(refused.contains("Succeeded"), "the next one runs: {refused}");
    let said = site.output("shanghai", "the book does not know");
    assert!(said.contains("2 runs were done"), "the first, and the one after the refusal: {said}");
    let lost = site.output("shanghai", "DROP DATABASE").split_whitespace().next().unwrap().to_owned();
    let sealed = names(site.machine("shanghai").path("var/lib/yuandang/results").to_str().unwrap());
    assert!(sealed.iter().all(|name| !name.contains(&lost)), "the restored book does not know {lost}: {sealed:?}");

    assert!(site.output("anhui", "--version").contains(env!("CARGO_PKG_VERSION")));

    let last = site.output("shanghai", "1s|.*|");
    assert!(last.contains("Succeeded"), "under the new identity and a new agreement: {last}");
    for name in ["shanghai", "anhui"] {
        let receipts = site.output(name, "verify $auditor --former");
        assert!(receipts.contains("hold") && receipts.contains("the chain has no gap"), "{receipts}");
    }
    site.machines.iter().for_each(unit_is_well_formed);
}

/// Asks systemd about a machine's unit file, where it is here.
fn unit_is_well_formed(machine: &Machine) {
    let name = format!("yuandang-{}.service", role(&machine.name));
    let unit = machine.path(&format!("etc/systemd/system/{name}"));
    let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(unit).output() else {
        skipped(&format!("systemd-analyze is not on the path, so {name} was not verified"));
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(&name), "{said}");
}

fn role(name: &str) -> &str {
    if name == "coordinator" { name } else { "node" }
}
