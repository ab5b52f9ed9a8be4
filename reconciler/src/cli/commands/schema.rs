//! `grail schema`: the JSON Schema of manifests, for editors, and their reference, for people.

use crate::cli::args::SchemaArgs;
use crate::cli::exit::Exit;
use crate::cli::words;
use crate::source::manifest;

/// Prints one of them.
pub fn run(args: SchemaArgs) -> Exit {
    match args.reference {
        true => words::data(&manifest::page::reference()),
        false => words::data(&format!("{:#}\n", manifest::schema())),
    }
    Exit::Done
}
