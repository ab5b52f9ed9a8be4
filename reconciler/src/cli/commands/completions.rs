//! `grail completions SHELL`.

use clap::CommandFactory as _;

use crate::cli::args::CommandLine;
use crate::cli::exit::Exit;
use crate::cli::words;

/// Prints the completions for `shell`.
pub fn run(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "grail", &mut text);
    words::data(&String::from_utf8_lossy(&text));
    Exit::Done
}
