//! A disk that is full, for one test.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::Command,
};

/// The folder of a test that is to run where the disk is full. Nothing the first time that it asks: the test has then run in a
/// process of its own, whose files may not grow beyond a few megabytes and which ended with [`held`], and is over.
#[must_use]
pub fn full_disk(test: &str) -> Option<PathBuf> {
    const FOLDER: &str = "YUANDANG_TEST_FULL_DISK";
    if let Some(folder) = env::var_os(FOLDER) {
        return Some(folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let limits = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" --exact \"$1\" --nocapture";
    let this = env::current_exe().unwrap();
    let child =
        Command::new("sh").args(["-c", limits]).arg(this).arg(test).env(FOLDER, folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains(HELD), "{said}{}", String::from_utf8_lossy(&child.stderr));
    None
}

const HELD: &str = "all of it held";

/// Says at the end of a test on a [full disk](full_disk) that it came so far.
pub fn held() {
    io::stdout().write_all(format!("{HELD}\n").as_bytes()).unwrap();
}
