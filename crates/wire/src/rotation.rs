//! Certificates that change under a running server: their files are looked at every few seconds, and what
//! is new there is shown from then on. And certificates that nobody changed in time: that is said while there is
//! still some left.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use agreement::IdentityPublicKey;
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::credentials::{Credentials, Files};

/// How often a server looks at the files of its certificate.
pub const LOOK: Duration = Duration::from_secs(2);
/// From when on it is said that a certificate ends, and how often.
const SOON: Duration = Duration::from_secs(30 * DAY_SECONDS);
const DAILY: Duration = Duration::from_secs(DAY_SECONDS);
const DAY_SECONDS: u64 = 86_400;

/// Keeps credentials as their files are, as [`Credentials::reload`] takes them: looks at them every `every`, and
/// says once a day if the certificate ends within 30 days. Files that are not usable change nothing and are said
/// loudly, once for each thing that is wrong.
///
/// This never ends; the caller drops it when it stops.
pub async fn keep_current(credentials: Credentials, identity: Option<IdentityPublicKey>, every: Duration) {
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = Watch::default();
    loop {
        looks.tick().await;
        let looking = credentials.clone();
        let looked = spawn_blocking(move || {
            let words = watch.look(&looking, identity.as_ref(), SystemTime::now());
            (watch, words)
        });
        // It fails only when the runtime ends.
        let Ok((watched, words)) = looked.await else { return };
        watch = watched;
        for word in words {
            say(&credentials, word);
        }
    }
}

/// Something to be said of credentials.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// Others are in use now.
    Changed,
    /// What is there is not usable.
    NotUsable(String),
    /// So many days are left.
    Ends(u64),
    /// None is.
    HasEnded,
}

fn say(credentials: &Credentials, word: Word) {
    let holder = credentials.holder();
    match word {
        Word::Changed => tracing::info!(%holder, "a new certificate is in use"),
        Word::NotUsable(cause) => {
            tracing::error!(%holder, %cause, "THE NEW CERTIFICATE IS NOT USABLE: the old one stays in use");
        }
        Word::Ends(days) => {
            tracing::warn!(%holder, days, "the certificate ends soon; issue another and put it in its place");
        }
        Word::HasEnded => tracing::error!(
            %holder,
            "THE CERTIFICATE HAS EXPIRED: nobody accepts it any more; issue another and put it in its place"
        ),
    }
}

/// When the two files were changed, and how long they are.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// What was seen and said so far.
#[derive(Default)]
struct Watch {
    seen: Option<Stamp>,
    taken: Option<Stamp>,
    refused: Option<String>,
    end_said: Option<SystemTime>,
}

impl Watch {
    /// Looks once, and gives what is to be said.
    fn look(&mut self, credentials: &Credentials, identity: Option<&IdentityPublicKey>, now: SystemTime) -> Vec<Word> {
        let mut words = Vec::new();
        if let Some(files) = credentials.files()
            && self.is_due(stamp(files))
        {
            words.extend(self.reload(credentials, identity, now));
        }
        words.extend(self.end(credentials, now));
        words
    }

    /// Whether the files are to be read. Two files cannot be replaced at once: only what stood still between two
    /// looks is whole.
    fn is_due(&mut self, stamp: Stamp) -> bool {
        let still = self.seen.replace(stamp) == Some(stamp);
        still && self.taken != Some(stamp)
    }

    fn reload(
        &mut self,
        credentials: &Credentials,
        identity: Option<&IdentityPublicKey>,
        now: SystemTime,
    ) -> Option<Word> {
        match credentials.reload(identity, now) {
            Ok(changed) => {
                (self.taken, self.refused) = (self.seen, None);
                changed.then(|| {
                    self.end_said = None;
                    Word::Changed
                })
            }
            // It is tried again at every look: rights can change, and certificates become valid.
            Err(error) => {
                self.taken = None;
                let cause = error.to_string();
                let said = self.refused.replace(cause.clone()).is_some_and(|before| before == cause);
                (!said).then_some(Word::NotUsable(cause))
            }
        }
    }

    fn end(&mut self, credentials: &Credentials, now: SystemTime) -> Option<Word> {
        // A clock that was set back counts as a day, or nothing would be said until it has caught up.
        let lately = |said: SystemTime| now.duration_since(said).is_ok_and(|passed| passed < DAILY);
        if self.end_said.is_some_and(lately) {
            return None;
        }
        let word = match credentials.valid_until()?.duration_since(now) {
            Ok(left) if left < SOON => Word::Ends(left.as_secs() / DAY_SECONDS),
            Ok(_) => return None,
            Err(_) => Word::HasEnded,
        };
        self.end_said = Some(now);
        Some(word)
    }
}

fn stamp(files: &Files) -> Stamp {
    let of = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    [of(&files.certificate), of(&files.key)]
}

#[cfg(test)]
mod tests {
    use agreement::IdentityKey;
    use tempfile::TempDir;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn identity(seed: u8) -> IdentityKey {
        IdentityKey::from_seed(&[seed; 32].into())
    }

    /// A folder with the two files, which get new content and a new time with each.
    struct Folder(TempDir, SystemTime);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap(), SystemTime::UNIX_EPOCH)
        }

        fn put(&mut self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            drop(fs::remove_file(&path));
            crate::write_secret(&path, text).unwrap();
            self.1 += Duration::from_secs(1);
            fs::File::options().write(true).open(&path).unwrap().set_modified(self.1).unwrap();
        }

        fn issue(&mut self, seed: u8, days: u32) {
            let from = SystemTime::now() - Duration::from_secs(60);
            let issued = crate::endorse(&identity(seed), &"anhui".parse().unwrap(), from, days).unwrap();
            self.put("key", &issued.key_pem);
            self.put("cert", &issued.cert_pem);
        }

        fn credentials(&self) -> Credentials {
            let [cert, key] = ["cert", "key"].map(|name| self.0.path().join(name));
            Credentials::read("anhui".parse().unwrap(), &cert, &key).unwrap()
        }
    }

    #[test]
    fn what_stood_still_is_taken_once_and_what_is_not_usable_is_said_once() {
        let mut folder = Folder::new();
        folder.issue(1, 90);
        let (credentials, mut watch, now) = (folder.credentials(), Watch::default(), SystemTime::now());
        let public = identity(1).public();
        let mut look = || watch.look(&credentials, Some(&public), now);
        assert_eq!([look(), look(), look()], [[], [], []], "nothing changed");
        folder.issue(1, 90);
        assert_eq!([look(), look()], [vec![], vec![Word::Changed]]);
        assert_eq!(look(), []);
        // By another identity; its key stays when the good one comes, for as long as one look.
        folder.issue(2, 90);
        assert_eq!(look(), []);
        assert!(matches!(&look()[..], [Word::NotUsable(cause)] if cause.contains("not endorsed")));
        assert_eq!([look(), look()], [[], []], "said already");
        let from = now - Duration::from_secs(60);
        let good = crate::endorse(&identity(1), &"anhui".parse().unwrap(), from, 90).unwrap();
        folder.put("cert", &good.cert_pem);
        assert_eq!(look(), [], "half of it is there");
        folder.put("key", &good.key_pem);
        assert_eq!([look(), look(), look()], [vec![], vec![Word::Changed], vec![]]);
        fs::remove_file(folder.0.path().join("cert")).unwrap();
        assert_eq!(look(), []);
        assert!(matches!(&look()[..], [Word::NotUsable(cause)] if cause.contains("cert")));
        folder.put("cert", &good.cert_pem);
        assert_eq!([look(), look()], [[], []], "as before");
    }

    #[test]
    fn what_is_not_valid_yet_is_taken_when_it_is() {
        let mut folder = Folder::new();
        folder.issue(1, 90);
        let (credentials, mut watch, now) = (folder.credentials(), Watch::default(), SystemTime::now());
        let later = crate::endorse(&identity(1), &"anhui".parse().unwrap(), now + DAY, 90).unwrap();
        folder.put("key", &later.key_pem);
        folder.put("cert", &later.cert_pem);
        // With the identity and without.
        for (known, now, expected) in [
            (false, now, None),
            (false, now, Some("not valid yet")),
            (true, now, None),
            (true, now + 2 * DAY, Some("Changed")),
        ] {
            let public = identity(1).public();
            let said = watch.look(&credentials, known.then_some(&public), now);
            match expected {
                None => assert_eq!(said, []),
                Some(part) => assert!(said.len() == 1 && format!("{said:?}").contains(part), "{said:?}"),
            }
        }
    }

    #[test]
    fn the_end_is_said_from_thirty_days_before_and_once_a_day() {
        let mut folder = Folder::new();
        folder.issue(1, 90);
        let (credentials, mut watch) = (folder.credentials(), Watch::default());
        let end = credentials.valid_until().unwrap();
        let hour = Duration::from_secs(3600);
        for (now, expected) in [
            (end - 30 * DAY, None),
            (end - 30 * DAY + hour, Some(Word::Ends(29))),
            (end - 29 * DAY, None),
            (end - 29 * DAY + hour, Some(Word::Ends(28))),
            (end - hour, Some(Word::Ends(0))),
            (end, None),
            (end + DAY, Some(Word::HasEnded)),
            (end + DAY + hour, None),
            (end - 10 * DAY, Some(Word::Ends(10))),
        ] {
            assert_eq!(watch.end(&credentials, now), expected, "{now:?}");
        }
    }

    #[test]
    fn credentials_without_files_stay_as_they_are() {
        let issued = crate::endorse(&identity(1), &"anhui".parse().unwrap(), SystemTime::now(), 90).unwrap();
        let credentials = Credentials::from_pem("anhui".parse().unwrap(), &issued.cert_pem, &issued.key_pem).unwrap();
        assert!(!credentials.reload(None, SystemTime::now()).unwrap());
        let mut watch = Watch::default();
        assert_eq!([0; 3].map(|_| watch.look(&credentials, None, SystemTime::now())), [[], [], []]);
    }
}
