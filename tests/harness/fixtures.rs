//! The fixture projects under `tests/fixtures`, and what must be in an account before they can be deployed there.
//!
//! | Fixture | What is in it |
//! | --- | --- |
//! | `rest` | plain REST: path parameters, several methods, CORS, api keys, content types, docstrings, a generated policy |
//! | `rest-auth` | all four kinds of authorizer, scopes, forms of CORS, binary types; stages `regional` and `private` |
//! | `functions` | functions alone: memory, timeout, environment, tags, layer, concurrency, tracing, log retention |
//! | `blueprints` | blueprints with prefixes, a role for each function, merged tags and environment, VPC, a borrowed role |

use std::io::Write;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LayerVersionContentInput;

use crate::account::Account;
use crate::project::Project;
use crate::runtime;

/// One fixture: its folder and the stages it can be deployed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixture {
    /// Folder under `tests/fixtures`.
    pub name: &'static str,
    /// Stages of its `config.json`.
    pub stages: &'static [&'static str],
}

/// Plain REST.
pub const REST: Fixture = Fixture {
    name: "rest",
    stages: &["dev", "prod"],
};
/// Authorizers, scopes, forms of CORS, endpoint types.
pub const REST_AUTH: Fixture = Fixture {
    name: "rest-auth",
    stages: &["dev", "regional", "private"],
};
/// Functions alone.
pub const FUNCTIONS: Fixture = Fixture {
    name: "functions",
    stages: &["dev"],
};
/// Blueprints, a role for each function, merged settings, VPC.
pub const BLUEPRINTS: Fixture = Fixture {
    name: "blueprints",
    stages: &["dev"],
};
/// Every fixture.
pub const ALL: [Fixture; 4] = [REST, REST_AUTH, FUNCTIONS, BLUEPRINTS];

/// The role that `blueprints` borrows.
pub const BORROWED_ROLE: &str = "lent-to-fleet";

impl Fixture {
    /// A copy of the project.
    pub fn project(&self) -> Project {
        Project::fixture(self.name)
    }

    /// Puts into the account what the project takes for granted.
    pub fn prepare(&self, account: &Account) {
        match self.name {
            "functions" => publish_shared_layer(account),
            "blueprints" => lend_role(account),
            _ => {}
        }
    }
}

/// The layer `shared`, version 1, which a function of `functions` uses.
fn publish_shared_layer(account: &Account) {
    let content = LayerVersionContentInput::builder()
        .zip_file(Blob::new(archive(&[("empty", "")])))
        .build();
    let asked = account
        .lambda()
        .publish_layer_version()
        .layer_name("shared")
        .content(content)
        .send();
    let version = runtime::block_on(asked)
        .expect("publishing the layer that the fixture uses")
        .version();
    assert_eq!(
        version, 1,
        "the fixture names version 1 of its layer; prepare each account once"
    );
}

/// The role that the function `borrowed` runs under.
fn lend_role(account: &Account) {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let asked = account
        .iam()
        .create_role()
        .role_name(BORROWED_ROLE)
        .assume_role_policy_document(trust)
        .send();
    runtime::block_on(asked).expect("creating the role that the fixture borrows");
}

/// A zip archive of these files, as one that a test uploads itself.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        let started = writer.start_file(*name, zip::write::SimpleFileOptions::default());
        started.expect("starting a file of an archive in memory");
        writer
            .write_all(text.as_bytes())
            .expect("writing an archive in memory");
    }
    writer
        .finish()
        .expect("finishing an archive in memory")
        .into_inner()
}
