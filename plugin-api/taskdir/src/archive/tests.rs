//! Tests of reading archives, most of them hostile.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::definition;
use crate::test_folder::{ADDITION, write_zip};

fn archive(write: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    write(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn with_file(name: &str, bytes: &[u8]) -> Vec<u8> {
    archive(|writer| {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    })
}

fn open(bytes: Vec<u8>) -> Loaded<Archive> {
    Archive::read(Path::new("pack.zip"), Cursor::new(bytes))
}

/// The same archive with one name in place of another of the same length, in both its places.
fn renamed(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes;
    let places: Vec<usize> =
        (0..bytes.len()).filter(|start| bytes[*start..].starts_with(from.as_bytes())).collect();
    for start in places {
        bytes[start..start + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

#[test]
fn many_tasks_are_read_from_one_archive_and_one_from_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pack.zip");
    write_zip(&file, "tasks/addition/", ADDITION);
    let archive = Archive::open(&file).unwrap();
    let tasks = archive.tasks();
    assert_eq!(tasks.iter().map(Folder::path).collect::<Vec<_>>(), ["tasks/addition"]);
    let (read, found) = definition(&tasks[0]);
    assert_eq!(found, []);
    assert_eq!(read.unwrap().tests.len(), 1);

    write_zip(&file, "", &[("main.js", "1")]);
    let archive = Archive::open(&file).unwrap();
    let tasks = archive.tasks();
    assert_eq!((tasks.len(), tasks[0].path(), tasks[0].name().as_str()), (1, "", "pack"));
}

#[test]
fn names_that_lead_out_are_refused() {
    for hostile in ["../a.js", "/etc/js", "a/../.b", "a\\b.js1", "a//b.js", "./ab.js", "c:/a.js"] {
        let bytes = renamed(with_file("1234567", b"1"), "1234567", hostile);
        let error = open(bytes).unwrap_err();
        assert!(error.message.starts_with("is refused: `"), "{hostile}: {error}");
    }
}

#[test]
fn links_and_two_files_of_one_name_are_refused() {
    let link = archive(|writer| {
        writer.add_symlink("main.js", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    });
    assert!(open(link).unwrap_err().message.contains("is a link or a device"));
    let twice = archive(|writer| {
        for name in ["main.js", "mAin.js"] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
        }
    });
    let error = open(renamed(twice, "mAin.js", "main.js")).unwrap_err();
    assert!(error.message.contains("two entries of the same name"), "{error}");
}

#[test]
fn a_bomb_is_cut_off_at_the_size_of_a_file_and_of_all_files() {
    let zeros = vec![b' '; 64 << 20];
    let bytes = with_file("main.js", &zeros);
    assert!(bytes.len() < 1 << 20, "it is small");
    let bomb = open(bytes).unwrap();
    let error = bomb.tasks()[0].read("main.js").unwrap_err();
    assert!(error.message.contains("at most 4 MiB"), "{error}");
    assert!(bomb.unpacked.get() <= MAX_FILE_BYTES + 1);

    let many = archive(|writer| {
        for number in 0..20 {
            let name = format!("t/{number}.js");
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(&zeros[..(4 << 20)]).unwrap();
        }
    });
    let many = open(many).unwrap();
    let folder = Folder { archive: &many, path: "t".to_owned() };
    let outcomes = (0..20).map(|number| folder.read(&format!("{number}.js")));
    let errors: Vec<_> = outcomes.filter_map(Result::err).collect();
    assert_eq!(errors.len(), 4);
    assert!(errors[0].message.contains("64 MiB came out"), "{}", errors[0]);
}

#[test]
fn too_many_entries_are_refused_before_they_are_read() {
    let many = archive(|writer| {
        for number in 0..=MAX_ENTRIES {
            writer.start_file(number.to_string(), SimpleFileOptions::default()).unwrap();
        }
    });
    let error = open(many).unwrap_err();
    assert!(error.message.contains("has 10001 entries or more"), "{error}");
}

#[test]
fn the_form_of_archives_for_more_entries_is_refused() {
    let small = with_file("main.js", b"1");
    let record = small.len() - 22;
    for place in [8..12, 12..16, 16..20] {
        let mut bytes = small.clone();
        bytes[record..][place].fill(0xFF);
        let error = open(bytes).unwrap_err();
        assert!(error.message.contains("has 65535 entries or more"), "{error}");
    }
}

#[test]
fn encrypted_files_are_refused() {
    let mut bytes = with_file("main.js", b"1");
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let start = bytes.windows(4).position(|window| window == signature).unwrap();
        bytes[start + flags] |= 1;
    }
    assert!(open(bytes).unwrap_err().message.contains("`main.js` in it is encrypted"));
}

#[test]
fn what_is_no_archive_says_so() {
    let error = open(b"PK is not enough".to_vec()).unwrap_err();
    assert!(error.message.starts_with("is no usable ZIP archive"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = open(bytes);
    }

    #[test]
    fn damaged_archives_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = archive(|writer| {
            for (name, text) in ADDITION {
                writer.start_file(*name, SimpleFileOptions::default()).unwrap();
                writer.write_all(text.as_bytes()).unwrap();
            }
        });
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(kept.index(bytes.len()));
        }
        if let Ok(archive) = open(bytes) {
            for task in archive.tasks() {
                let _ = definition(&task);
            }
        }
    }
}
