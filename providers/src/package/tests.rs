use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::*;

type Files = BTreeMap<String, (bool, Vec<u8>)>;

fn bundle(files: &Files) -> Bundle {
    let mut bundle = Bundle::new();
    for (path, (executable, bytes)) in files {
        bundle.insert_bytes(path, bytes.clone(), *executable).unwrap();
    }
    bundle
}

fn content(zip: &[u8]) -> Content {
    content_of_zip(Cursor::new(zip), Limits::default()).unwrap()
}

/// A zip as another tool writes it: stored, in reverse order, with other times and modes, and directories.
fn foreign(files: &Files, umask: u32) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let time = DateTime::from_date_and_time(2024, 5, 6, 7, 8, 10).unwrap();
    zip.add_directory("some/", SimpleFileOptions::default()).unwrap();
    for (path, (executable, bytes)) in files.iter().rev() {
        let mode = if *executable { 0o777 } else { 0o666 } & !umask;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(time)
            .unix_permissions(mode);
        zip.start_file(path.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn some_files() -> impl Strategy<Value = Files> {
    prop::collection::btree_map(
        "[a-zé]{1,6}(/[a-z_.]{1,5}[a-z]){0,2}",
        (any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)),
        0..8,
    )
}

proptest! {
    #[test]
    fn the_zip_of_a_bundle_has_the_content_of_the_bundle(files in some_files()) {
        let bundle = bundle(&files);
        prop_assert_eq!(content(&bundle.zip().unwrap()), bundle.content());
    }

    #[test]
    fn who_wrote_the_zip_does_not_matter(files in some_files(), umask in prop::sample::select(vec![0o000, 0o022, 0o077])) {
        prop_assert_eq!(content(&foreign(&files, umask)), bundle(&files).content());
    }

    #[test]
    fn any_change_changes_the_content(files in some_files(), path in "[a-z]{1,4}", at in any::<prop::sample::Index>()) {
        let before = bundle(&files).content();
        let mut more = files.clone();
        if more.insert(path, (false, b"new".to_vec())) != Some((false, b"new".to_vec())) {
            prop_assert_ne!(bundle(&more).content(), before.clone());
        }
        if files.is_empty() {
            return Ok(());
        }
        let name = files.keys().nth(at.index(files.len())).unwrap().clone();
        let mut flipped = files.clone();
        flipped.get_mut(&name).unwrap().0 ^= true;
        prop_assert_ne!(bundle(&flipped).content(), before.clone(), "executable bit of {}", name);
        let mut grown = files.clone();
        grown.get_mut(&name).unwrap().1.push(b'!');
        prop_assert_ne!(bundle(&grown).content(), before.clone(), "bytes of {}", name);
        let mut renamed = files.clone();
        let moved = renamed.remove(&name).unwrap();
        renamed.insert(format!("{name}x"), moved);
        if renamed.len() == files.len() && renamed != files {
            prop_assert_ne!(bundle(&renamed).content(), before, "name of {}", name);
        }
    }

    #[test]
    fn a_copy_from_a_zip_of_ours_is_the_same_to_the_byte(files in some_files()) {
        let whole = bundle(&files);
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("part.zip");
        std::fs::write(&archive, whole.zip().unwrap()).unwrap();
        let mut copied = Bundle::new();
        for (path, entry) in whole.iter() {
            let origin = Origin::Packed { archive: archive.clone(), path: path.to_owned() };
            copied.insert(path, Entry { origin, ..entry.clone() }).unwrap();
        }
        prop_assert_eq!(copied.zip().unwrap(), whole.zip().unwrap());
        let (copied, whole) = (copied.below("a/b").unwrap(), whole.below("a/b").unwrap());
        prop_assert_eq!(copied.zip().unwrap(), whole.zip().unwrap());
        prop_assert!(whole.iter().all(|(path, _)| path.starts_with("a/b/")));
    }

    #[test]
    fn hostile_bytes_are_an_answer_and_no_panic(
        files in some_files(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let limits = Limits { entries: 100, unzipped: 1 << 20 };
        let mut zip = bundle(&files).zip().unwrap();
        for (at, byte) in hits {
            let at = at.index(zip.len());
            zip[at] = byte;
        }
        let _ = content_of_zip(Cursor::new(&zip), limits);
        zip.truncate(cut.index(zip.len()));
        let _ = content_of_zip(Cursor::new(&zip), limits);
    }

    #[test]
    fn any_bytes_are_an_answer_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(content_of_zip(Cursor::new(bytes), Limits::default()).is_err());
    }
}

fn example() -> Files {
    BTreeMap::from([
        (
            "app.py".to_owned(),
            (false, b"from chalice import Chalice\n".repeat(40)),
        ),
        ("bin/run".to_owned(), (true, b"#!/bin/sh\n".to_vec())),
        ("chalicelib/\u{fc}ber.txt".to_owned(), (false, Vec::new())),
    ])
}

/// If this fails after an update of the compressor or of `zip`, every package is uploaded under a new name once.
/// If it fails on one kind of machine only, packages are no longer the same everywhere.
#[test]
fn the_bytes_are_the_same_on_every_machine() {
    let zip = bundle(&example()).zip().unwrap();
    insta::assert_snapshot!(ZipDigest::of(&zip).hex(), @"da061ff5f757e508486b05a36f744730961d7db53cb17e1d2ecdce1d4a8142d1");
    insta::assert_snapshot!(bundle(&example()).content(), @"2c6bbc09c17de92dd60d1774a8303e394a0388182be2bfc598f589c5f2a551b1");
}

#[test]
fn the_digest_of_a_zip_in_both_forms() {
    let digest = ZipDigest::of(b"");
    assert_eq!(
        digest.hex(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(digest.base64(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(ZipDigest::from_hex(&digest.hex()), Some(digest));
    assert_eq!(ZipDigest::from_hex("e3"), None);
}

#[test]
fn entries_carry_fixed_metadata() {
    let zip = bundle(&example()).zip().unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut seen = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).unwrap();
        assert_eq!(file.last_modified(), Some(DateTime::default()));
        seen.push(format!(
            "{:o} {}",
            file.unix_mode().unwrap(),
            file.name().unwrap()
        ));
    }
    assert_eq!(
        seen,
        [
            "100644 app.py",
            "100755 bin/run",
            "100644 chalicelib/\u{fc}ber.txt"
        ]
    );
}

#[test]
fn litter_counts_nowhere() {
    let clean = bundle(&example());
    let mut dirty = example();
    for path in [
        "__pycache__/app.cpython-312.pyc",
        "a.pyc",
        "chalicelib/.DS_Store",
        "vendor/.git/HEAD",
    ] {
        dirty.insert(path.to_owned(), (true, b"x".to_vec()));
    }
    assert_eq!(bundle(&dirty).content(), clean.content());
    assert_eq!(bundle(&dirty).zip().unwrap(), clean.zip().unwrap());
    assert_eq!(content(&foreign(&dirty, 0)), clean.content());
}

/// Chalice writes a file of `vendor/` after the dependency that it shadows, under the same name.
#[test]
fn the_last_of_two_equal_names_counts() {
    let first = Files::from([("b.py".to_owned(), (true, b"old".to_vec()))]);
    let last = Files::from([("a.py".to_owned(), (false, b"new".to_vec()))]);
    let both = Files::from([
        first.clone().pop_first().unwrap(),
        last.clone().pop_first().unwrap(),
    ]);
    // `a.py` comes last in a zip in reverse order; renaming it in place makes it a second `b.py`.
    let mut zip = foreign(&both, 0);
    for at in 0..zip.len() - 4 {
        if &zip[at..at + 4] == b"a.py" {
            zip[at] = b'b';
        }
    }
    let want = Files::from([("b.py".to_owned(), (false, b"new".to_vec()))]);
    assert_eq!(content(&zip), bundle(&want).content());
}

#[test]
fn a_link_in_a_foreign_zip_is_no_file() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("a", "b", SimpleFileOptions::default()).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    for executable in [false, true] {
        let files = Files::from([("a".to_owned(), (executable, b"b".to_vec()))]);
        assert_ne!(content(&zip), bundle(&files).content());
    }
}

#[test]
fn a_zip_that_unfolds_without_end_is_given_up() {
    let files = Files::from([("zeros".to_owned(), (false, vec![0; 1 << 20]))]);
    let zip = bundle(&files).zip().unwrap();
    assert!(zip.len() < 2000);
    let limits = Limits {
        entries: 10,
        unzipped: (1 << 20) - 1,
    };
    let error = content_of_zip(Cursor::new(&zip), limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a package that was made elsewhere holds more than 1048575 bytes"
    );
    assert!(
        content_of_zip(
            Cursor::new(&zip),
            Limits {
                unzipped: 1 << 20,
                ..limits
            }
        )
        .is_ok()
    );
    let error = content_of_zip(Cursor::new(&zip), Limits { entries: 0, ..limits }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a package that was made elsewhere holds more than 0 entries"
    );
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let mut bundle = Bundle::new();
    for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\0b"] {
        let error = bundle.insert_bytes(path, Vec::new(), false).unwrap_err();
        assert_eq!(error.path, path);
    }
    assert!(bundle.is_empty());
}

#[test]
fn a_file_that_changes_underway_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.py");
    std::fs::write(&file, "one").unwrap();
    let mut bundle = Bundle::new();
    bundle.insert_file("app.py", &file, false).unwrap();
    let zip = bundle.zip().unwrap();
    assert_eq!(content(&zip), bundle.content());
    std::fs::write(&file, "two").unwrap();
    assert!(matches!(bundle.zip(), Err(WriteError::Changed { .. })));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(bundle.zip(), Err(WriteError::Read { .. })));
    assert!(matches!(
        bundle.insert_file("x", &file, false),
        Err(FileError::Read { .. })
    ));
}

#[test]
fn the_later_of_two_layers_wins() {
    let mut bundle = Bundle::new();
    bundle.insert_bytes("a", b"1".to_vec(), false).unwrap();
    bundle.insert_bytes("b", b"1".to_vec(), false).unwrap();
    let mut over = Bundle::new();
    over.insert_bytes("b", b"22".to_vec(), true).unwrap();
    bundle.overlay(over);
    assert_eq!(bundle.len(), 2);
    assert_eq!(bundle.unzipped_size(), 3);
    assert!(bundle.get("b").unwrap().executable);
}
