//! One file a verb.

pub mod chalice;
pub mod completions;
pub mod delete;
pub mod deploy;
pub mod drift;
pub mod fmt;
pub mod graph;
pub mod history;
pub mod init;
pub mod local_cloud;
pub mod manual;
pub mod plan;
pub mod policy;
pub mod rollback;
pub mod schema;
pub mod serve;
pub mod state;
pub mod status;
pub mod url;
pub mod validate;
pub mod watch;
