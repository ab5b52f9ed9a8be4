//! The fold of a journal.
