//! The binary `grail`: everything is in [`grail::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    grail::cli::main()
}
