//! The harness of grail's tests: emulators, the proxy in front of them, accounts read whole, and the two command lines.
//!
//! A scenario starts an emulator ([`emulator::Moto`], [`emulator::MiniStack`]), puts a [`proxy::Proxy`] before it, copies a
//! [`project::Project`], runs [`chalice::Chalice`] or [`cli::Grail`] in it, and looks: at the calls that the proxy saw, at the
//! API documents in them ([`documents`]), at the account that came out ([`world`]).
//!
//! Everything here is blocking, whatever runs inside: a scenario reads from top to bottom, and a proxy goes on answering
//! while the scenario waits for a process. Asynchronous parts run on one runtime of their own ([`runtime`]).
//!
//! A harness fails loudly: what goes wrong here is no result of the product, so it panics with a sentence that says what was
//! attempted. Nothing here reaches beyond the loopback interface, and nothing here knows how grail works inside.

#![cfg(feature = "aws")]
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a harness fails loudly, with a sentence"
)]

pub mod account;
pub mod browser;
pub mod chalice;
pub mod cli;
pub mod collector;
pub mod crowds;
pub mod decorators;
pub mod difference;
pub mod documents;
pub mod emulator;
pub mod exhaustive;
pub mod fixtures;
pub mod patience;
pub mod project;
pub mod proxy;
pub mod python;
pub mod runtime;
pub mod sources;
pub mod web;
pub mod websocket;
pub mod world;

/// The region of every emulated account.
pub const REGION: &str = "us-east-1";
/// The account that moto answers for.
pub const ACCOUNT: &str = "123456789012";
/// Access key id and secret of every emulated account. No emulator checks them.
pub const DUMMY_KEY: &str = "testing";
