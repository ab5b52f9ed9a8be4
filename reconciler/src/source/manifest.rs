//! `grail.yaml`: resources that are declared in so many words, for any runtime.
//!
//! In order: [`parse`] makes a tree of each file in which every value knows its place, [`merge`] lays the files and the
//! overrides of the stage together, [`variables`] puts in what comes from outside, [`shape`] holds the tree against the schema
//! of [`form::Form`], which is also what the types are read by, [`check`] looks at what no schema can say, [`code`] packs, and
//! [`lower`] makes wishes of it. Every problem is told with its place, and as many at once as can be told.
//!
//! A manifest is data: there is no loop in it, no condition and no computation. What is needed of those a program can do that
//! writes `grail.json`.
//!
//! Beside a Chalice project the manifest adds resources to it. Those that Chalice would not know are kept out of its
//! `deployed/<stage>.json`, where it would delete them at its next deploy (their ranks begin at
//! [`grail_state::chalice::UNKNOWN_RANK`]). `replaces: chalice` says that the manifest speaks for the whole project; then the
//! file goes on to say what exists.

pub mod apis;
pub mod code;
pub mod events;
pub mod fmt;
pub mod form;
pub mod functions;
pub mod init;
pub mod lower;
pub mod named;
pub mod page;
pub mod roles;
pub mod things;
pub mod urls;
pub mod variables;
pub mod versions;

mod check;
mod merge;
mod node;
mod parse;
mod reading;
mod references;
mod shape;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::form::{Form, Replaces};
use self::node::Node;
use self::variables::Scope;
use super::chalice::lower::Account;
use super::diagnostic::{Place, Problem, Problems, judge};

/// The names under which a manifest is found, the first that is there.
pub const FILES: [&str; 2] = ["grail.yaml", "grail.json"];

/// The file beside a manifest that its first line names to editors.
pub const SCHEMA_FILE: &str = "grail.schema.json";

/// The name of the project's manifest, if it has one.
pub fn find(project: &Path) -> Option<&'static str> {
    FILES.into_iter().find(|name| project.join(name).is_file())
}

/// The files of the project's manifest, itself and those that it includes, and what is wrong with them as YAML or JSON.
pub fn files(project: &Path) -> Result<Vec<String>, Problems> {
    let Some(name) = find(project) else {
        return Ok(Vec::new());
    };
    let (mut files, mut problems) = (vec![name.to_owned()], Vec::new());
    merge::include(
        &mut root(project, name)?,
        project,
        &mut files,
        &mut |_| {},
        &mut problems,
    );
    // What two files both say is for those who read them, not for those who write them.
    problems.retain(|problem| problem.code != "manifest::twice");
    judge(problems)?;
    Ok(files)
}

/// A manifest as it counts in one stage.
#[derive(Clone, Debug)]
pub struct Manifest {
    project: PathBuf,
    app: String,
    stage: String,
    tree: Node,
    /// The OpenAPI documents of REST APIs, by the APIs' logical names.
    documents: BTreeMap<String, Node>,
    replaces: Option<Replaces>,
}

/// What is known of a manifest before its stage is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The application's name.
    pub app: String,
    /// What it takes the place of.
    pub replaces: Option<Replaces>,
}

impl Head {
    /// Reads the first lines that matter of the project's manifest: whose it is, whatever else is wrong with it.
    ///
    /// # Errors
    /// A file that cannot be read as YAML or JSON, or that names no application.
    pub fn read(project: &Path) -> Result<Option<Self>, Problems> {
        let Some(name) = find(project) else {
            return Ok(None);
        };
        let root = root(project, name)?;
        let app = app_of(&root).map_err(Problems::from)?;
        let replaces = root.get("replaces").and_then(Node::as_text) == Some("chalice");
        Ok(Some(Self {
            app,
            replaces: replaces.then_some(Replaces::Chalice),
        }))
    }
}

impl Manifest {
    /// Reads the project's manifest for `stage`, with variables of `environment`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with the place.
    pub fn read(
        project: &Path,
        stage: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<(Self, Vec<Problem>)>, Problems> {
        let Some(name) = find(project) else {
            return Ok(None);
        };
        let mut problems = Vec::new();
        if FILES.iter().filter(|name| project.join(name).is_file()).count() > 1 {
            let said = format!("there are {} and {}: only one can count", FILES[0], FILES[1]);
            problems.push(Problem::error("manifest::two", said).at(Place::file(FILES[1])));
        }
        let schema = Form::schema();
        let mut root = root(project, name)?;
        problems.extend(shape::judge(&root, &schema, false));
        let (mut files, mut told) = (vec![name.to_owned()], Vec::new());
        let mut judged = |part: &Node| told.extend(shape::judge(part, &schema, false));
        merge::include(&mut root, project, &mut files, &mut judged, &mut problems);
        problems.extend(told);
        if let Some(problem) = version(&root) {
            problems.push(problem);
        }
        let app = match app_of(&root) {
            Ok(app) => app,
            Err(problem) => {
                problems.push(problem);
                "app".to_owned()
            }
        };
        let mut tree = merge::effective(root, stage);
        let scope = Scope {
            app: &app,
            stage,
            project,
            environment,
            document: false,
        };
        variables::substitute(&mut tree, &scope, &mut problems);
        shape::coerce(&mut tree, &schema);
        problems.extend(shape::judge(&tree, &schema, true));
        let problems = judge(once(problems))?;
        let replaces = tree.get("replaces").and_then(Node::as_text) == Some("chalice");
        let mut manifest = Self {
            project: project.to_owned(),
            app: app.clone(),
            stage: stage.to_owned(),
            tree,
            documents: BTreeMap::new(),
            replaces: replaces.then_some(Replaces::Chalice),
        };
        let form = manifest.form(&shape::stand_in())?;
        let mut told = check::check(&form, &manifest);
        let scope = Scope {
            document: true,
            ..scope
        };
        manifest.documents = documents(&form, &manifest, &scope, &mut told);
        let told = judge(once(told))?;
        // What only the resources together show: references in a circle, names that two of them have.
        lower::lower(&manifest, &shape::stand_in(), &lower::Packages::default())?;
        Ok(Some((manifest, problems.into_iter().chain(told).collect())))
    }

    /// The application's name.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The stage.
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// The project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// Where something of it stands.
    pub fn place(&self, path: &[&str]) -> Place {
        self.tree.place(path)
    }

    /// A problem of what stands at `path`, without what has come from outside: variables of the environment, files.
    fn hide(&self, mut problem: Problem, path: &[&str]) -> Problem {
        let node = self.tree.nearest(path);
        problem.message = node.hide(&problem.message);
        problem.hint = problem.hint.map(|hint| node.hide(&hint));
        problem
    }

    /// What it takes the place of.
    pub fn replaces(&self) -> Option<Replaces> {
        self.replaces
    }

    /// How many functions and how many resources it declares.
    ///
    /// # Errors
    /// As [`lower::lower`].
    pub fn counts(&self) -> Result<(usize, usize), Problems> {
        let state = lower::lower(self, &shape::stand_in(), &lower::Packages::default())?;
        let functions = self.form(&shape::stand_in())?.functions().count();
        Ok((functions, state.resources.len()))
    }

    /// Its types, in `account`.
    ///
    /// # Errors
    /// A tree that its schema takes and the types do not: a fault of grail.
    pub fn form(&self, account: &Account) -> Result<Form, Problems> {
        let mut value = self.tree.to_json();
        settle(&mut value, account);
        serde_json::from_value(value).map_err(|error| {
            // The words of the error may show a value.
            let words = error.to_string();
            let what = words.split(['`', '"']).next().unwrap_or_default().trim();
            Problem::error("manifest::form", format!("the manifest cannot be read: {what}"))
                .hint("grail's schema and its types differ: please report it")
                .at(self.tree.at.place())
                .into()
        })
    }
}

/// The documents that REST APIs name, with their variables put in.
fn documents(
    form: &Form,
    manifest: &Manifest,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Node> {
    let mut documents = BTreeMap::new();
    for (name, api) in &form.rest_apis {
        let Some(file) = api.as_ref().and_then(|api| api.openapi.as_deref()) else {
            continue;
        };
        let place = || manifest.tree.place(&["rest_apis", name, "openapi"]);
        // That it is missing has been told.
        let Ok(text) = text_of(&manifest.project, file) else {
            continue;
        };
        let mut document = match parse::parse(file, &text) {
            Ok(document) => document,
            Err(more) => {
                problems.extend(more);
                continue;
            }
        };
        let version = document.get("openapi").and_then(Node::as_text);
        if !version.is_some_and(|version| version.starts_with("3.0")) {
            let said = format!("`{file}` is no document of OpenAPI 3.0: it begins with `openapi: 3.0.1`");
            problems.push(Problem::error("manifest::openapi", said).at(place()));
        }
        if let Some(info) = document.get("info")
            && !matches!(info.content, node::Content::Null | node::Content::Map(_))
        {
            let said = format!("`info` of an OpenAPI document is an object, not {}", info.word());
            problems.push(Problem::error("manifest::openapi", said).at(info.at.place()));
        }
        variables::substitute(&mut document, scope, problems);
        problems.extend(check::document(&document, form));
        if api.as_ref().is_some_and(check::is_closed) && document.get("x-amazon-apigateway-policy").is_none()
        {
            let endpoint = manifest.tree.place(&["rest_apis", name, "endpoint"]);
            problems.push(Problem::error("manifest::missing", check::CLOSED).at(endpoint));
        }
        documents.insert(name.clone(), document);
    }
    documents
}

fn root(project: &Path, name: &str) -> Result<Node, Problems> {
    let text = text_of(project, name).map_err(|why| -> Problems {
        let said = format!("`{name}` cannot be read: {why}");
        Problem::error("manifest::unreadable", said)
            .at(Place::file(name))
            .into()
    })?;
    parse::parse(name, &text).map_err(Problems)
}

/// The text of a file with resources in it.
fn text_of(project: &Path, name: &str) -> Result<String, String> {
    // One byte more, so that what is too large is told by the parser, with what to do about it.
    reading::text(&project.join(name), parse::MAX_BYTES as u64 + 1)
}

fn app_of(root: &Node) -> Result<String, Problem> {
    let Some(node) = root.get("app") else {
        return Err(Problem::error("manifest::missing", "a manifest lacks `app`")
            .hint("name the application: `app: shop`")
            .at(root.at.place()));
    };
    let named = node.as_text().filter(|name| !name.is_empty());
    let Some(name) = named else {
        let said = format!("`app` is text, not {}", node.word());
        return Err(Problem::error("manifest::type", said).at(node.at.place()));
    };
    if name.contains("${") {
        let said = "the application's name holds no variable";
        return Err(Problem::error("manifest::variable", said)
            .hint("it is what the state is found by, so it must be the same everywhere")
            .at(node.at.place()));
    }
    Ok(name.to_owned())
}

fn version(root: &Node) -> Option<Problem> {
    match root.get("grail") {
        Some(_) => None,
        None => Some(
            Problem::error("manifest::missing", "a manifest lacks `grail`")
                .hint("it says which version of this language it is written in: `grail: 1`")
                .at(root.at.place()),
        ),
    }
}

/// The schema that editors are given: the one that manifests are judged by, which a variable satisfies everywhere.
pub fn schema() -> Value {
    let mut schema = Form::schema();
    shape::publish(&mut schema);
    schema
}

/// What is known of the account, put into every text.
fn settle(value: &mut Value, account: &Account) {
    match value {
        Value::String(text) if text.contains(variables::MARK) => *text = references::at_home(text, account),
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, account)),
        Value::Object(entries) => entries.values_mut().for_each(|value| settle(value, account)),
        _ => {}
    }
}

/// Each problem once: what is wrong before variables are put in is wrong afterwards.
fn once(problems: Vec<Problem>) -> Vec<Problem> {
    let mut told = BTreeSet::new();
    let mut problems = problems;
    problems.retain(|problem| {
        let place = problem.place.as_ref().map(ToString::to_string);
        told.insert((place, problem.message.clone()))
    });
    problems
}
