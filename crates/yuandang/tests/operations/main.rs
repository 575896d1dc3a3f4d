//! Runs the commands of docs/OPERATIONS.md as they stand there: from three empty machines to a job, a renewed certificate, a
//! backup, a restore and an upgrade.
//!
//! A machine is a folder, and a root shell that stays open, as the page asks. What differs from real machines:
//! - the page's folders, and its host names with ports, are replaced in a block before it is run;
//! - `systemctl`, `journalctl`, `sudo`, `useradd` and `chown` are the small scripts in `stand-ins`: services run as who runs the
//!   test, without systemd's confinement;
//! - each PostgreSQL is the test's own and lets its users in without asking the system who they are.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod machine;
mod page;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, path::Path, process::Command, sync::Arc};

use machine::Machine;
use support::{site::free_port, until};
use throwaway::Postgres;

const NAMES: [&str; 3] = ["coordinator", "shanghai", "anhui"];
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
            eprintln!("SKIPPED: psql or pg_dump is not on the path, so the page's commands were not run");
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
            let role = if *name == "coordinator" { name } else { "node" };
            machine.set(&format!("ME={name} ROLE={role}"));
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
                let output = self.machine(name).run(&block);
                println!("{name}: {output}");
                self.said.push(Said { machine: name.clone(), block: block.text.clone(), output });
            }
            if block.text.contains("identity new") {
                let lines: Vec<_> = self.machines.iter().map(pin).collect();
                self.machines.iter_mut().for_each(|machine| machine.set(&lines.join(" ")));
            }
            if block.text.contains("agreement request") {
                let digest = self.output("shanghai", "agreement request").lines().last().unwrap().to_owned();
                assert_eq!(digest.len(), 64, "{digest}");
                self.machine("anhui").set(&format!("AGREEMENT={}", &digest[..16]));
            }
        }
    }

    /// What the first block with these words printed on a machine.
    fn output(&self, machine: &str, words: &str) -> &str {
        let said = self.said.iter().find(|said| said.machine == machine && said.block.contains(words));
        &said.unwrap_or_else(|| panic!("no block on {machine} has {words:?}")).output
    }
}

/// How a reader writes down a machine's public identity.
fn pin(machine: &Machine) -> String {
    let identity = fs::read_to_string(machine.path("etc/yuandang/identity.pub")).unwrap();
    format!("{}={}", machine.name.to_uppercase(), identity.trim())
}

#[test]
fn the_page_leads_from_empty_machines_to_a_result_and_through_a_restore() {
    let Some(mut site) = Site::new() else { return };
    site.follow_the_page();

    assert!(site.output("shanghai", "job watch").contains("Succeeded"), "{}", site.output("shanghai", "job watch"));
    let result = fs::read_to_string(site.machine("shanghai").path("root/aid.csv")).unwrap();
    assert!(result.lines().next().unwrap().ends_with(",category,valid_to"), "{result}");
    assert_eq!(result.lines().count(), 1 + 60, "a header, and each resident who stands on both lists");

    let refused = site.output("shanghai", "refused, status");
    let [replay, count] = ["was restored from a backup, or repeats an old use", "enters use 2 of the agreement"];
    assert!(refused.contains(replay) && refused.contains(count) && refused.contains("refused, status 4"), "{refused}");
    assert!(refused.contains("Succeeded"), "the next one runs: {refused}");
    for name in ["shanghai", "anhui"] {
        println!("{}", site.output(name, "receipts verify"));
    }
    units_are_well_formed(&site.machines);
}

/// Asks systemd about the unit files, where it is here.
fn units_are_well_formed(machines: &[Machine]) {
    for machine in machines {
        let role = if machine.name == "coordinator" { "coordinator" } else { "node" };
        let unit = machine.path(&format!("etc/systemd/system/yuandang-{role}.service"));
        is_well_formed(&unit);
    }
}

fn is_well_formed(unit: &Path) {
    match Command::new("systemd-analyze").arg("verify").arg(unit).output() {
        Err(_) => eprintln!("SKIPPED: systemd-analyze is not here, so {} was not verified", unit.display()),
        Ok(output) => println!("{} {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}
