//! What lies in the folder: nothing that tells of a key, and nothing that is believed after it was changed.

use std::os::unix::fs::PermissionsExt;

use super::*;

impl World {
    /// What is wrong with a file, as it is told.
    fn complaint(&self, about: &Path) -> String {
        let keys = Keys::of(0..1000);
        let error = self.admit(&self.entering("next", &keys, 10), &keys).unwrap_err();
        assert!(matches!(&error, GuardError::Unusable { file, .. } if file == about), "{error}");
        let public = RunError::from(GuardError::unusable(about, "was cut")).to_string();
        assert!(!public.contains(&*about.to_string_lossy()), "{public}");
        error.to_string()
    }
}

#[test]
fn what_a_crash_left_is_swept() {
    let mut world = World::new(Keeping::default());
    world.enter("a", 0..1000, 10);
    let kept = world.files("tags");
    // Half-written, and whole but not admitted.
    fs::write(world.folder.path().join("00.part"), b"half").unwrap();
    fs::write(world.folder.path().join("inputs.part"), b"half").unwrap();
    fs::copy(&kept[0], world.folder.path().join(format!("{}.tags", "ab".repeat(16)))).unwrap();
    world.reopened().unwrap();
    assert_eq!((world.files("tags"), world.files("part")), (kept, vec![]));
    assert_eq!(world.enter("b", 0..1000, 10), Verdict::Same);
}

#[test]
fn a_file_that_is_not_what_was_written_is_named() {
    let world = World::new(Keeping::default());
    world.enter("a", 0..1000, 10);
    world.enter("b", 5000..5995, 10);
    let files = world.files("tags");
    let (one, other) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
    fs::remove_file(&files[0]).unwrap();
    assert!(world.complaint(&files[0]).contains("is missing"));
    let complaint = |bytes: &[u8]| {
        fs::write(&files[0], bytes).unwrap();
        world.complaint(&files[0])
    };
    assert!(complaint(&other).contains("is another file"), "swapped");
    // Of another file all but the name.
    let disguised = [&one[..32], &other[32..]].concat();
    assert!(complaint(&disguised).contains("was changed"));
    assert!(complaint(&[&one[..], b"x"].concat()).contains("lengthened"));
    for end in [0, 15, 40, 2111, one.len() / 2, one.len() - 1] {
        assert!(complaint(&one[..end]).contains("was cut"), "{end}");
    }
    fs::write(&files[0], &one).unwrap();
    assert_eq!(world.enter("c", 0..1000, 10), Verdict::Same);
}

#[test]
fn a_changed_byte_is_noticed_wherever_it_is() {
    let world = World::new(Keeping::default());
    world.enter("a", 0..40, 10);
    let file = world.files("tags").remove(0);
    let whole = fs::read(&file).unwrap();
    let keys = Keys::of(1..41);
    for place in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let error = world.admit(&world.entering("b", &keys, 10), &keys).unwrap_err();
        assert!(matches!(&error, GuardError::Unusable { file: named, .. } if *named == file), "byte {place}: {error}");
    }
}

#[test]
fn blocks_that_changed_places_are_noticed() {
    let world = World::new(Keeping::default());
    let keys = of_one_part(0..70_000);
    world.admit(&world.entering("a", &keys, 10), &keys).unwrap();
    let file = world.files("tags").remove(0);
    let mut bytes = fs::read(&file).unwrap();
    // Two whole blocks of one length, and a shorter one.
    let block = 16 * (1 << 15) + 16;
    let first = bytes.len() - (16 * (70_000 - (2 << 15)) + 16) - 2 * block;
    let (one, other) = bytes[first..].split_at_mut(block);
    one.swap_with_slice(&mut other[..block]);
    fs::write(&file, bytes).unwrap();
    let error = world.admit(&world.entering("b", &keys, 10), &keys).unwrap_err();
    assert!(error.to_string().contains("was changed"), "{error}");
}

#[test]
fn keys_and_lists_that_are_not_those_of_the_folder_are_named() {
    let mut world = World::new(Keeping::default());
    world.enter("a", 0..1000, 10);
    world.guard = None;
    let complaint = |world: &mut World, name: &str, change: &dyn Fn(&Path)| {
        let path = world.folder.path().join(name);
        let before = fs::read(&path).unwrap();
        change(&path);
        let error = world.reopened().unwrap_err();
        fs::write(path, before).unwrap();
        error.to_string()
    };
    let other = |path: &Path| fs::write(path, [9; 32]).unwrap();
    assert!(complaint(&mut world, "sealing.key", &other).contains("sealed under another key"));
    assert!(complaint(&mut world, "tag.key", &other).contains("another tag secret"));
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    for name in ["sealing.key", "tag.key", "inputs"] {
        let error = complaint(&mut world, name, &remove);
        assert!(error.contains(name) && error.contains("is missing"), "{error}");
        fs::set_permissions(world.folder.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    for place in [0, 20, 40, 80] {
        let change = |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[place] ^= 1;
            fs::write(path, bytes).unwrap();
        };
        assert!(complaint(&mut world, "inputs", &change).contains("inputs"));
    }
    world.reopened().unwrap();
    assert_eq!(world.enter("b", 0..1000, 10), Verdict::Same);
}

#[test]
fn a_folder_is_one_guards_alone() {
    let world = World::new(Keeping::default());
    let second = Guard::open(world.folder.path(), Keeping::default());
    assert!(matches!(second, Err(GuardError::InUse(_))));
}

#[test]
fn files_hold_no_key_and_no_tag() {
    let world = World::new(Keeping::default());
    let keys = Keys::of(0..300);
    world.enter("a", 0..300, 10);
    let tagging = Tagging::new(&world.guard().0.secret, &world.scope).unwrap();
    let mut tags = Vec::new();
    tagging.tags(&keys.0.concat(), &mut tags);
    let mut words: BTreeSet<[u8; 8]> = keys.0.iter().flatten().map(|key| *key.0.first_chunk().unwrap()).collect();
    words.extend(tags.iter().map(|tag| *tag.to_be_bytes().first_chunk().unwrap()));
    words.extend([*b"students", *b"resident"]);
    let mut files = 0;
    for entry in fs::read_dir(world.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(8).any(|window| words.contains(window)), "{}", path.display());
        files += 1;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
    assert_eq!(files, 5, "two keys, the list, the tags and the lock");
}
