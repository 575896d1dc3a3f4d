//! Keys of results: a file for each, in a folder of their own. No backup of the database has one, and a result whose
//! key is destroyed cannot be read by anybody.
//!
//! A key is overwritten before its file is removed. A disk that writes elsewhere than it is told, as flash storage and
//! copying file systems do, may keep the old bytes all the same, and so does whoever copied the folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::prepare::random;

/// A key.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The folder of keys.
#[derive(Debug)]
pub(super) struct Keys(PathBuf);

impl Keys {
    /// The folder at `path`, which is made if it is not there.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            return Err(io::Error::other(format!("others may read {}: close it with chmod 700", path.display())));
        }
        Ok(Self(path))
    }

    /// A key that nobody has, and that is nowhere yet.
    pub(super) fn fresh() -> io::Result<Key> {
        random().map_err(|error| io::Error::other(error.to_string()))
    }

    /// Puts a key where it outlives this process, in the place of an earlier one.
    pub(super) fn put(&self, job: &str, key: &Key) -> io::Result<()> {
        self.destroy(job)?;
        let (path, part) = (self.path(job), self.0.join(format!(".{job}.key.part")));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(key.as_slice())?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        sync_folder(&self.0)
    }

    /// The key of a job's result.
    pub(super) fn get(&self, job: &str) -> io::Result<Key> {
        let path = self.path(job);
        let mut file = File::open(&path)?;
        let found = file.metadata()?;
        if found.permissions().mode() & 0o077 != 0 {
            return Err(io::Error::other(format!("others may read {}: close it with chmod 600", path.display())));
        }
        let mut key = Key::default();
        file.read_exact(key.as_mut_slice())?;
        Ok(key)
    }

    /// Whether there is one.
    pub(super) fn has(&self, job: &str) -> io::Result<bool> {
        self.path(job).try_exists()
    }

    /// Overwrites the key of a job's result and removes it, durably. One that is not there is destroyed.
    pub(super) fn destroy(&self, job: &str) -> io::Result<()> {
        destroy(&self.path(job))?;
        sync_folder(&self.0)
    }

    /// The jobs that have a key.
    pub(super) fn jobs(&self) -> io::Result<Vec<String>> {
        super::jobs_in(&self.0, ".key")
    }

    /// Destroys what a killed process left half-written.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().ends_with(b".part") {
                destroy(&entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, job: &str) -> PathBuf {
        self.0.join(format!("{job}.key"))
    }
}

fn destroy(path: &Path) -> io::Result<()> {
    let there = |done: io::Result<()>| match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    };
    let overwritten = OpenOptions::new().write(true).open(path).and_then(|mut file| {
        file.write_all(Keys::fresh()?.as_slice())?;
        file.sync_all()
    });
    there(overwritten)?;
    there(fs::remove_file(path))
}

/// Makes the entries of a folder durable, where its file system knows how: some on a network do not.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_its_owners_alone_and_gone_when_it_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let keys = Keys::open(path.clone()).unwrap();
        let key = Keys::fresh().unwrap();
        keys.put("job-1", &key).unwrap();
        assert_eq!((mode(&path), mode(&path.join("job-1.key"))), (0o700, 0o600));
        assert_eq!((keys.get("job-1").unwrap(), keys.jobs().unwrap()), (key, vec!["job-1".to_owned()]));
        // Another name for the same bytes on disk shows that they were overwritten.
        let other = folder.path().join("other");
        fs::hard_link(path.join("job-1.key"), &other).unwrap();
        let before = fs::read(&other).unwrap();
        keys.destroy("job-1").unwrap();
        assert!(fs::read(&other).unwrap() != before);
        assert_eq!((keys.has("job-1").unwrap(), keys.get("job-1").unwrap_err().kind()), (false, ErrorKind::NotFound));
        keys.destroy("job-1").unwrap();
    }

    #[test]
    fn keys_that_others_may_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let keys = Keys::open(path.clone()).unwrap();
        keys.put("job-1", &Keys::fresh().unwrap()).unwrap();
        fs::set_permissions(path.join("job-1.key"), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(keys.get("job-1").unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(Keys::open(path).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_later_key_takes_the_place_of_an_earlier_one_and_half_a_key_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path().join("keys")).unwrap();
        let later = Keys::fresh().unwrap();
        keys.put("job-1", &Keys::fresh().unwrap()).unwrap();
        keys.put("job-1", &later).unwrap();
        fs::write(folder.path().join("keys").join(".job-2.key.part"), "half").unwrap();
        keys.sweep().unwrap();
        assert_eq!(keys.get("job-1").unwrap(), later);
        assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 1);
    }
}
