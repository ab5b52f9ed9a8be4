//! `grail init`: a manifest that makes what the Chalice project in this folder makes, or of functions that are there ([`live`]).
//!
//! Each file appears whole or not at all, and the manifest last: without it the others count for nothing.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use crate::cli::args::InitArgs;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, wish, words};
use crate::source::manifest;

mod live;

const SAID: &str =
    "It speaks for the whole project (`replaces: chalice`); `grail plan` shows that nothing changes.";

/// Writes it. What is there already stays.
///
/// # Errors
/// What is wrong with the project; a manifest that is there.
pub async fn run(settings: &Settings, args: &InitArgs) -> Result<Exit, Refusal> {
    if let Some(name) = manifest::find(&settings.project) {
        return Err(Refusal::new(format!("there is a {name} already"))
            .hint("move it away, and what it names with it, to have one written anew"));
    }
    let (mut files, said): (Vec<(String, Vec<u8>)>, _) = match &args.from_functions {
        Some(prefix) => (live::files(settings, prefix).await?, live::SAID),
        None => {
            let files = wish::written_down(settings, &remarks(settings)).await?;
            let bytes = files.into_iter().map(|(name, text)| (name, text.into_bytes()));
            (bytes.collect(), SAID)
        }
    };
    files.sort_by_key(|(name, _)| !manifest::FILES.contains(&name.as_str()));
    // Which of them there are is known before the first is written.
    for (name, _) in &files {
        if settings.project.join(name).exists() {
            return Err(Refusal::new(format!("there is a file {name} already")).hint("move it away"));
        }
    }
    // The manifest's first line names it, for editors. One that is there may be of another grail, and stays.
    let schema = settings.project.join(manifest::SCHEMA_FILE);
    if !schema.exists() {
        let text = format!("{:#}\n", manifest::schema());
        files.push((manifest::SCHEMA_FILE.to_owned(), text.into_bytes()));
    }
    for (name, bytes) in files.iter().rev() {
        let path = settings.project.join(name);
        write_new(&path, bytes)
            .map_err(|error| Refusal::new(format!("could not write {}", path.display())).because(error))?;
    }
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    if is_human(settings) {
        words::words(&format!("Written: {}. {said}\n", names.join(", ")));
    } else {
        words::json_line(settings.command, "written", json!({"files": names}));
    }
    Ok(Exit::Done)
}

/// Writes a file under a name that is free: beside it first, so that nobody ever sees a part of it.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for every new file, less what the user's mask takes away.
        beside.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = beside.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|refused| refused.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grail.yaml");
        write_new(&path, b"grail: 1\n").unwrap();
        let again = write_new(&path, b"other").unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "grail: 1\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o600, 0o600, "{mode:o}");
            assert_eq!(mode & 0o111, 0, "{mode:o}");
        }
    }
}
