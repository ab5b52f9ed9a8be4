//! Whole scenarios: one binary, one module a subject. The harness is the library `grail-tests`.

mod architecture;
mod crash;
mod examples;
mod ground;
mod harness_chalice;
mod harness_emulators;
mod harness_moto;
mod harness_proxy;
mod local_cloud;
mod rollback;
mod state_file;
