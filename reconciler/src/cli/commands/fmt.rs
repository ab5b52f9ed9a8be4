//! `grail fmt`: the manifest and the files that it includes, in their canonical form.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use crate::cli::args::FmtArgs;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, words};
use crate::source::manifest::{self, fmt};

/// Formats them, all or none: what is wrong with one of them is told before the first is written.
///
/// # Errors
/// What is wrong with a file; with `--check`, that one is not as it should be.
pub fn run(settings: &Settings, args: &FmtArgs) -> Result<Exit, Refusal> {
    let files = match args.files.is_empty() {
        true => manifest::files(&settings.project)?,
        false => args.files.iter().map(|file| file.display().to_string()).collect(),
    };
    if files.is_empty() {
        return Err(Refusal::new("there is no manifest in this folder").hint("`grail init` writes one"));
    }
    let mut changed = Vec::new();
    for name in files {
        // There is one way to write JSON, and no comment in it: other tools do that.
        if name.ends_with(".json") {
            continue;
        }
        let path = settings.project.join(&name);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Refusal::new(format!("could not read {}", path.display())).because(error))?;
        let formatted = fmt::format(&name, &text)?;
        if formatted != text {
            changed.push((name, path, formatted));
        }
    }
    let names: Vec<_> = changed.iter().map(|(name, ..)| name.as_str()).collect();
    if args.check && !names.is_empty() {
        return Err(Refusal::new(format!("not formatted: {}", names.join(", "))).hint("run `grail fmt`"));
    }
    for (_, path, text) in &changed {
        replace(path, text)
            .map_err(|error| Refusal::new(format!("could not write {}", path.display())).because(error))?;
    }
    if !is_human(settings) {
        words::json_line(settings.command, "formatted", json!({"files": names}));
    } else if !names.is_empty() {
        words::words(&format!("Formatted: {}\n", names.join(", ")));
    }
    Ok(Exit::Done)
}

/// Puts a file in the place of one, whole: nobody ever reads a part of it. Its rights stay.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(path.metadata()?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|refused| refused.error)?;
    Ok(())
}
