//! The meaning of policies.
