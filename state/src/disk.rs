//! Files that are whole or not there, and that nobody else reads.
//!
//! Writing is: a new file beside the old one, fsync, rename, fsync of the folder. A crash leaves the old file or the new
//! one. Files are of mode 0600 and folders of mode 0700 unless said otherwise; on systems without modes they have what the
//! folder above gives them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner: mode 0600.
    Owner,
    /// Who may read the file that is replaced, or, where there is none, whoever the umask lets.
    AsBefore,
}

/// Makes the folder and those above it, of mode 0700 where it made them.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file for reading and writing, and makes it of mode 0600 where there is none.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The content of a file; `None` where there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts `bytes` in the place of the file at `path`, durably and all at once.
pub(crate) fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    replace_by(path, readers, |file| file.write_all(bytes))
}

/// The same with what `write` writes. Where that fails, the old file stays and nothing lies beside it.
fn replace_by(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let target = match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => fs::canonicalize(path)?,
        _ => path.to_owned(),
    };
    let new = written_beside(&target, readers, write)?;
    new.persist(&target).map_err(|refused| refused.error)?;
    sync_folder_of(&target)
}

/// Writes `bytes` to `path` unless something is there. False if something was.
pub(crate) fn create_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let write = |file: &mut File| file.write_all(bytes);
    match written_beside(path, Readers::Owner, write)?.persist_noclobber(path) {
        Ok(_) => sync_folder_of(path).map(|()| true),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(refused.error),
    }
}

/// Renames the file to the first of `<name>.corrupt-1`, `-2`, ... that is free, and says which.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1_u32;
    loop {
        let mut name = OsString::from(path.as_os_str());
        name.push(format!(".corrupt-{number}"));
        let aside = PathBuf::from(name);
        if fs::symlink_metadata(&aside).is_err() {
            fs::rename(path, &aside)?;
            sync_folder_of(&aside)?;
            return Ok(aside);
        }
        number += 1;
    }
}

/// Takes a file away, durably. None there is as good.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a rename or a new name in the folder of `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    // Other systems cannot open a folder as a file, and order renames by themselves.
    #[cfg(unix)]
    File::open(folder_of(path))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn written_beside(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // A leading dot and no `.json` at the end: nobody takes it for the file itself.
    builder.prefix(".new-").suffix(".tmp");
    let kept = match readers {
        Readers::Owner => None,
        Readers::AsBefore => fs::metadata(path).ok().map(|found| found.permissions()),
    };
    #[cfg(unix)]
    if readers == Readers::AsBefore {
        builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(
            0o666,
        ));
    }
    let mut new = builder.tempfile_in(folder_of(path))?;
    write(new.as_file_mut())?;
    if let Some(kept) = kept {
        new.as_file().set_permissions(kept)?;
    }
    new.as_file().sync_all()?;
    Ok(new)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        replace(&path, b"one", Readers::Owner).unwrap();
        replace(&path, b"two", Readers::Owner).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(!create_new(&path, b"three").unwrap());
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
    }

    #[cfg(unix)]
    #[test]
    fn modes_are_private_or_as_before_and_links_stay_links() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let private = folder.path().join("private");
        replace(&private, b"", Readers::Owner).unwrap();
        assert_eq!(mode(&private), 0o600);
        let shared = folder.path().join("shared");
        fs::write(&shared, "x").unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&shared, &link).unwrap();
        replace(&link, b"y", Readers::AsBefore).unwrap();
        assert_eq!(
            (mode(&shared), fs::read(&shared).unwrap()),
            (0o640, b"y".to_vec())
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        create_folder(&folder.path().join("a/b")).unwrap();
        assert_eq!(mode(&folder.path().join("a")), 0o700);
    }

    #[test]
    fn a_disk_without_room_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, "old").unwrap();
        for written in ["", "ne", "new"] {
            let failed = replace_by(&path, Readers::Owner, |file| {
                file.write_all(written.as_bytes())?;
                Err(io::ErrorKind::StorageFull.into())
            });
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
            assert_eq!(read(&path).unwrap().unwrap(), b"old");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_is_set_aside_never_lands_on_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for (number, text) in [(1, "a"), (2, "b")] {
            fs::write(&path, text).unwrap();
            let aside = set_aside(&path).unwrap();
            assert_eq!(aside, folder.path().join(format!("state.json.corrupt-{number}")));
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
        }
        assert_eq!(read(&path).unwrap(), None);
    }
}
