//! The engine against the simulated cloud.
