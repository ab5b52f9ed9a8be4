//! The engine against the simulated cloud: every write fails in every way, every call comes twice, every death is followed
//! by every next command. What must hold afterwards is in `oracle.rs`, what is deployed in `corpus.rs`.
//!
//! A failing case prints its name; `GRAIL_CASE=<part of the name>` runs only the cases that contain it.

mod app;
mod beside;
mod canary;
mod corpus;
mod crashes;
mod disk;
mod drifting;
mod ends;
mod faults;
mod foreign;
mod graphs;
mod ground;
mod intruders;
mod journals;
mod keeping;
mod lifecycle;
mod makespan;
mod moving;
mod oracle;
mod parts;
mod refusals;
mod serving;
mod strangers;
mod tally;
mod telling;
mod timing;
mod unsound;
mod verifying;
mod walks;
