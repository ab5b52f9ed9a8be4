//! `grail schema`: the JSON Schema of manifests, for editors.

use crate::cli::exit::Exit;
use crate::cli::words;
use crate::source::manifest;

/// Prints it.
pub fn run() -> Exit {
    words::data(&format!("{:#}\n", manifest::schema()));
    Exit::Done
}
