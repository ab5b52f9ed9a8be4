//! Whole scenarios: one binary, one module a subject. The harness is the library `grail-tests`.

mod architecture;
mod bad_input;
mod counts;
mod harness_chalice;
mod harness_emulators;
mod harness_moto;
mod harness_proxy;
mod stand;
