//! Deterministic packages.
