//! The command line: words, exit codes, wiring.
