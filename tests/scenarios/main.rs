//! Whole scenarios: one binary, one module a subject. The harness is the library `grail-tests`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a scenario that cannot go on fails; clippy excepts test functions only, not what they share"
)]

mod approval;
mod architecture;
mod bad_input;
mod bulk;
mod by_hand;
mod canaries;
mod contract;
mod counts;
mod coverage;
mod crash;
mod defects;
mod drift;
mod emulated;
mod events;
mod examples;
mod exhaustive;
mod faults;
mod graph;
mod ground;
mod guarding;
mod harness_chalice;
mod harness_emulators;
mod harness_moto;
mod harness_proxy;
mod inside;
mod interchange;
mod layers;
mod local_cloud;
mod local_ground;
mod mall;
mod native;
mod native_things;
mod native_versions;
mod oracle;
mod page;
mod plan_form;
mod privileges;
mod rollback;
mod runbook;
mod serve;
mod serve_files;
mod shared;
mod stand;
mod state_file;
mod strangers;
mod telemetry;
mod watch;
mod websocket;
