//! Where wishes come from; reads files and runs Python, knows no AWS.

pub mod chalice;
