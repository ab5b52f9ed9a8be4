//! What no schema can say: how the parts of a manifest fit together, and what AWS takes.
//!
//! Every fault is told at its place. Nothing here asks AWS: what only the account knows (whether a role exists, whether a
//! bucket is in the region) shows when a plan looks.

mod apis;
mod code;
mod events;
mod functions;
mod things;
mod versions;

use std::collections::BTreeMap;

use serde_json::Value;

use super::form::{Brief, Document, Form, Phrase, Word};
use super::node::{Content, Node};
use super::variables::{END, MARK, OF_ACCOUNT};
use super::{Manifest, merge, references};
use crate::source::diagnostic::Problem;

/// The longest name of a function, an IAM role or a rule, in characters.
const MAX_NAME: usize = 64;

/// Everything that is wrong, and what is odd.
pub(super) fn check(form: &Form, manifest: &Manifest) -> Vec<Problem> {
    let mut check = Check {
        form,
        manifest,
        problems: Vec::new(),
    };
    check.references();
    check.nothing_said();
    check.functions();
    check.events();
    check.apis();
    check.roles();
    check.things();
    check.problems
}

/// References of a document that lead nowhere.
pub(super) fn document(document: &Node, form: &Form) -> Vec<Problem> {
    let mut problems = Vec::new();
    document.visit(&mut Vec::new(), &mut |_, node| {
        if let Content::Text(text) = &node.content {
            let marks = references::marks(&text.text).filter(|mark| !OF_ACCOUNT.contains(mark));
            problems.extend(marks.filter_map(|mark| reference_fault(mark, form, node)));
        }
    });
    problems
}

pub(super) use apis::{CLOSED, is_closed};
pub(super) use code::ending;

struct Check<'a> {
    form: &'a Form,
    manifest: &'a Manifest,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn error(&mut self, path: &[&str], code: &'static str, said: impl Into<String>) {
        self.tell(path, Problem::error(code, said));
    }

    fn error_with(
        &mut self,
        path: &[&str],
        code: &'static str,
        said: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.tell(path, Problem::error(code, said).hint(hint));
    }

    fn warn(&mut self, path: &[&str], code: &'static str, said: impl Into<String>, hint: impl Into<String>) {
        self.tell(path, Problem::warning(code, said).hint(hint));
    }

    fn tell(&mut self, path: &[&str], problem: Problem) {
        let place = self.manifest.tree.place(path);
        self.problems.push(self.manifest.hide(problem, path).at(place));
    }

    /// What is wrong with a text of which only a part may be quoted: where it comes from outside, nothing is.
    fn unquoted(&self, path: &[&str], said: String, without: &str) -> String {
        match self.manifest.tree.nearest(path).is_given() {
            true => without.to_owned(),
            false => said,
        }
    }

    /// Every reference leads to something.
    fn references(&mut self) {
        self.problems.extend(document(&self.manifest.tree, self.form));
    }

    /// A thing of which nothing is said is none: a section may name nothing that is not there. (That a stage takes something
    /// away has been done by now.)
    fn nothing_said(&mut self) {
        for section in merge::sections() {
            let entries = self.manifest.tree.get(section).map_or(&[][..], Node::entries);
            for entry in entries.iter().filter(|entry| entry.value.is_null()) {
                let hint = format!("write `{}: {{}}` where everything is as by default", entry.key);
                let problem =
                    Problem::error("manifest::missing", format!("nothing is said of `{}`", entry.key));
                self.problems.push(problem.hint(hint).at(entry.at.place()));
            }
        }
    }

    /// Roles: their names, and what an own role would take from a declared one.
    fn roles(&mut self) {
        for (name, role) in &self.form.roles {
            let Some(role) = role else { continue };
            let physical = self.physical(role.name.as_deref(), name);
            self.fits("roles", name, role.name.is_some(), &physical);
            let function = name
                .strip_suffix("_role")
                .and_then(|own| self.form.functions.get(own));
            if function.is_some_and(|function| function.as_ref().is_some_and(|one| !has_given_role(one))) {
                let said = format!("`{name}` is the name of the role that the function gets by itself");
                let hint = "give the role another name, or the function a `role`";
                self.error_with(&["roles", name], "manifest::taken", said, hint);
            }
            if role.policies.is_none() && role.statements.is_none() {
                let said = format!("the role `{name}` allows nothing");
                self.warn(
                    &["roles", name],
                    "manifest::empty-role",
                    said,
                    "give it `statements` or `policies`",
                );
            }
            self.boundary(&["roles", name, "boundary"], role.boundary.as_ref());
            if let Some(trust) = &role.trust {
                self.policy(&["roles", name, "trust"], trust);
            }
            for (policy, document) in role.policies.iter().flatten() {
                self.policy(&["roles", name, "policies", policy], document);
            }
            self.statements(&["roles", name, "statements"], role.statements.as_deref());
        }
    }

    fn boundary(&mut self, path: &[&str], boundary: Option<&Phrase>) {
        if boundary
            .and_then(|arn| known(&arn.0))
            .is_some_and(|arn| !functions::is_arn(arn, "iam") || !arn.contains(":policy/"))
        {
            self.error(path, "manifest::arn", "`boundary` is the ARN of a managed policy");
        }
    }

    /// A policy document, or the file of one.
    fn policy(&mut self, path: &[&str], policy: &Brief<Document, Word>) {
        match policy {
            Brief::Full(Document(document)) => {
                if document.get("Statement").is_none() {
                    self.error(path, "manifest::policy", "a policy document has a `Statement`");
                }
            }
            Brief::Word(file) => {
                let place = self.manifest.tree.place(path);
                let read = crate::source::chalice::policy::from_file(
                    &self.manifest.project,
                    std::path::Path::new(&file.0),
                    Some(place),
                );
                let told = read.err().into_iter().flat_map(|problems| problems.0);
                let told = told.map(|problem| self.manifest.hide(problem, path));
                self.problems.extend(told.collect::<Vec<_>>());
            }
        }
    }

    fn statements(&mut self, path: &[&str], statements: Option<&[Document]>) {
        for (index, Document(statement)) in statements.into_iter().flatten().enumerate() {
            let index = index.to_string();
            let at: Vec<_> = path.iter().copied().chain([index.as_str()]).collect();
            let known = [
                "Sid",
                "Effect",
                "Principal",
                "NotPrincipal",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Condition",
            ];
            let keys = statement.as_object().into_iter().flat_map(|keys| keys.keys());
            for key in keys.filter(|key| !known.contains(&key.as_str())) {
                let hint = crate::source::diagnostic::closest(key, known);
                let hint = hint.map(|meant| format!("did you mean `{meant}`?"));
                let below: Vec<_> = at.iter().copied().chain([key.as_str()]).collect();
                let said = format!("a statement has no `{key}`");
                match hint {
                    Some(hint) => self.error_with(&below, "manifest::policy", said, hint),
                    None => self.error(&below, "manifest::policy", said),
                }
            }
            if !matches!(
                statement.get("Effect").and_then(Value::as_str),
                Some("Allow" | "Deny")
            ) {
                self.error(
                    &at,
                    "manifest::policy",
                    "a statement has an `Effect`: `Allow` or `Deny`",
                );
            }
        }
    }

    /// The name in AWS of a thing with the logical name `logical`.
    fn physical(&self, given: Option<&str>, logical: &str) -> String {
        given.map_or_else(
            || format!("{}-{}-{logical}", self.manifest.app, self.manifest.stage),
            ToOwned::to_owned,
        )
    }

    fn fits(&mut self, section: &str, name: &str, given: bool, physical: &str) {
        let length = physical.chars().count();
        if length > MAX_NAME {
            let said = format!("the name `{physical}` has {length} characters, and AWS takes {MAX_NAME}");
            let hint = "shorten it, or give it a `name`";
            match given {
                true => self.error(&[section, name, "name"], "manifest::length", said),
                false => self.error_with(&[section, name], "manifest::length", said, hint),
            }
        }
    }

    /// What several resources would be called alike.
    fn unlike<'n>(&mut self, section: &str, names: impl Iterator<Item = (&'n str, String)>) {
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        for (logical, physical) in names {
            if let Some(other) = known.insert(physical.clone(), logical) {
                let said = format!("`{other}` and `{logical}` would both be called `{physical}`");
                self.error(&[section, logical, "name"], "manifest::twice", said);
            }
        }
    }
}

fn has_given_role(function: &super::functions::Function) -> bool {
    matches!(function.role, Some(Brief::Word(_)))
}

fn reference_fault(mark: &str, form: &Form, node: &Node) -> Option<Problem> {
    let (said, hint) = references::fault(mark, form)?;
    let problem = Problem::error("manifest::reference", said).at(node.at.place());
    Some(match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    })
}

/// The text without its marks, for looking at what is known of it.
fn known(text: &str) -> Option<&str> {
    (!text.contains([MARK, END])).then_some(text)
}
