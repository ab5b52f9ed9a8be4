//! Looks through a whole `config.json`: wrong types, unknown keys, keys where Chalice does not read them.
//!
//! Chalice reads lazily and ignores what it does not know, so a slip in a key's name is silence there. Here it is a warning,
//! never an error, because such a file deploys with Chalice. A wrong type is an error in what the stage in use can see, and
//! a warning in the other stages.

use serde_json::{Map, Value};

use super::keys::{self, Form, KEYS, Key, Misfit, kind_of};
use super::position::{Located, Path, path};
use crate::source::chalice::diagnostic::{Problem, Severity, closest};

const STRUCTURE: [&str; 3] = ["version", "stages", "lambda_functions"];

/// Every problem of the file, with `stage` as the stage in use.
pub(super) fn problems(file: &Located, stage: &str) -> Vec<Problem> {
    let mut check = Check {
        file,
        stage,
        problems: Vec::new(),
    };
    let Value::Object(root) = &file.value else {
        return Vec::new();
    };
    check.scope(root, &Path::new(), Scope::Top, Severity::Error);
    check.functions(root, &Path::new(), false, Severity::Error);
    if let Some(stages) = check.object(root, &path(&["stages"]), Severity::Error) {
        check.stage_name(stages, stage);
        for name in stages.keys() {
            let severity = if name == stage {
                Severity::Error
            } else {
                Severity::Warning
            };
            check.stage(stages, &path(&["stages", name]), severity);
        }
    }
    check.problems
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Top,
    Stage,
    Function,
}

impl Scope {
    fn reads(self, key: &Key) -> bool {
        match self {
            Self::Top => true,
            Self::Stage => key.stage,
            Self::Function => key.function,
        }
    }

    fn structure(self) -> &'static [&'static str] {
        match self {
            Self::Top => &STRUCTURE,
            Self::Stage => &["lambda_functions"],
            Self::Function => &[],
        }
    }
}

struct Check<'a> {
    file: &'a Located,
    stage: &'a str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn stage(&mut self, stages: &Map<String, Value>, at: &Path, severity: Severity) {
        if let Some(entries) = self.object(stages, at, severity) {
            self.scope(entries, at, Scope::Stage, severity);
            self.functions(entries, at, true, severity);
        }
    }

    fn functions(&mut self, parent: &Map<String, Value>, at: &Path, in_stage: bool, severity: Severity) {
        let at = below(at, "lambda_functions");
        let Some(functions) = self.object(parent, &at, severity) else {
            return;
        };
        for name in functions.keys() {
            let at = below(&at, name);
            if let Some(entries) = self.object(functions, &at, severity) {
                self.scope(entries, &at, Scope::Function, severity);
                if !in_stage {
                    self.ignored_merges(entries, &at, name);
                }
            }
        }
    }

    /// Chalice merges these two keys from the top, the stage and the stage's function, and forgets this fourth place.
    fn ignored_merges(&mut self, entries: &Map<String, Value>, at: &Path, function: &str) {
        for key in ["environment_variables", "tags"]
            .into_iter()
            .filter(|key| entries.contains_key(*key))
        {
            let told = format!(
                "`{key}` of `lambda_functions.{function}` at the top level has no effect: Chalice does not read it there, and grail deploys what Chalice does"
            );
            let hint = format!("set it under `stages.<stage>.lambda_functions.{function}.{key}`");
            self.problems.push(
                Problem::warning("config::ignored-key", told)
                    .hint(hint)
                    .at(self.file.key(&below(at, key))),
            );
        }
    }

    fn scope(&mut self, entries: &Map<String, Value>, at: &Path, scope: Scope, severity: Severity) {
        for (name, value) in entries {
            let at = below(at, name);
            match keys::find(name) {
                Some(key) if scope.reads(key) => self.form(key, value, &at, severity),
                Some(key) => self.out_of_scope(key, &at),
                None if scope.structure().contains(&name.as_str()) => {}
                None => self.unknown(name, scope, &at),
            }
            if name == "profile" && scope == Scope::Top {
                let told = "`profile` in the configuration has no effect, in Chalice as here";
                let hint = "give `--profile`, or set AWS_PROFILE";
                self.problems.push(
                    Problem::warning("config::ignored-key", told)
                        .hint(hint)
                        .at(self.file.key(&at)),
                );
            }
        }
    }

    fn form(&mut self, key: &Key, value: &Value, at: &Path, severity: Severity) {
        if key.form == Form::TextMap && at.first().is_some_and(|first| first == "lambda_functions") {
            // Nobody reads it there, which is told.
            return;
        }
        for misfit in key.form.misfits(value) {
            let (code, severity, told, at) = match misfit {
                Misfit::Wrong(told) => (
                    "config::wrong-type",
                    severity,
                    format!("`{}`: {told}", key.name),
                    at.clone(),
                ),
                Misfit::Doubtful(told) => (
                    "config::doubtful-value",
                    Severity::Warning,
                    format!("`{}`: {told}", key.name),
                    at.clone(),
                ),
                Misfit::Element(element, told) if key.form == Form::TextMap => {
                    let told = format!("`{}` in `{}`: {told}", element, key.name);
                    let severity = match self.is_covered(at, &element) {
                        true => Severity::Warning,
                        false => severity,
                    };
                    ("config::wrong-type", severity, told, below(at, &element))
                }
                Misfit::Element(element, told) => {
                    let told = format!("`{}`: {told}", key.name);
                    ("config::wrong-type", severity, told, below(at, &element))
                }
            };
            let mut problem = Problem::error(code, told).at(self.file.at(&at));
            problem.severity = severity;
            self.problems.push(problem);
        }
    }

    /// True if the stage in use has a value of its own for an element of the map at `at`. Chalice judges what it has merged.
    fn is_covered(&self, at: &Path, element: &str) -> bool {
        let [key] = at.as_slice() else {
            return false;
        };
        let stage = self
            .file
            .value
            .get("stages")
            .and_then(|stages| stages.get(self.stage));
        stage.and_then(|stage| stage.get(key)?.get(element)).is_some()
    }

    fn out_of_scope(&mut self, key: &Key, at: &Path) {
        let place = match key.stage {
            true => "the top level and in a stage",
            false => "the top level",
        };
        let told = format!("`{}` has no effect here", key.name);
        let hint = format!("Chalice reads it at {place} only");
        self.problems.push(
            Problem::warning("config::ignored-key", told)
                .hint(hint)
                .at(self.file.key(at)),
        );
    }

    fn unknown(&mut self, name: &str, scope: Scope, at: &Path) {
        let known = KEYS.iter().filter(|key| scope.reads(key)).map(|key| key.name);
        let suggestion = closest(name, known.chain(scope.structure().iter().copied()));
        let mut problem = Problem::warning("config::unknown-key", format!("unknown key `{name}`"));
        if let Some(suggestion) = suggestion {
            problem = problem.hint(format!("did you mean `{suggestion}`?"));
        }
        self.problems.push(problem.at(self.file.key(at)));
    }

    fn stage_name(&mut self, stages: &Map<String, Value>, stage: &str) {
        if stages.contains_key(stage) {
            return;
        }
        if let Some(near) = closest(stage, stages.keys().map(String::as_str)) {
            let told = format!("`stages` has no `{stage}`: the values of the top level are used");
            let hint = format!("did you mean the stage `{near}`?");
            let place = self.file.key(&path(&["stages"]));
            self.problems.push(
                Problem::warning("config::unknown-stage", told)
                    .hint(hint)
                    .at(place),
            );
        }
    }

    /// The object at `at`, whose last part is a key of `parent`; a problem where it is none.
    fn object<'m>(
        &mut self,
        parent: &'m Map<String, Value>,
        at: &Path,
        severity: Severity,
    ) -> Option<&'m Map<String, Value>> {
        let name = at.last()?;
        match parent.get(name)? {
            Value::Object(entries) => Some(entries),
            Value::Null => None,
            other => {
                let told = format!("`{name}`: expected an object, found {}", kind_of(other));
                let mut problem = Problem::error("config::wrong-type", told).at(self.file.at(at));
                problem.severity = severity;
                self.problems.push(problem);
                None
            }
        }
    }
}

fn below(at: &Path, key: &str) -> Path {
    let mut at = at.clone();
    at.push(key.to_owned());
    at
}
