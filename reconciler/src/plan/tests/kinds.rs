//! A rule book of model kinds, one for each combination of traits that planning distinguishes.

use grail_providers::port::{Cost, Diff, Invalid, Lane, RuleBook, Rules, Undelete};
use grail_state::{Digester, Handle, Kind, Remote, Template, Wire};
use serde_json::{Value, json};

pub(super) struct ModelKind {
    name: &'static str,
    name_bound: bool,
    undelete: Undelete,
    immutable: &'static [&'static str],
    volatile: &'static [&'static str],
    digester: Digester,
}

/// The model kinds, with secrets digested under `key`.
pub(super) struct Book(Vec<ModelKind>);

impl Book {
    pub(super) fn under_key(key: u8) -> Self {
        let kind = |name, name_bound, undelete, immutable, volatile| ModelKind {
            name,
            name_bound,
            undelete,
            immutable,
            volatile,
            digester: Digester::new([key; 32]),
        };
        Self(vec![
            kind("role", true, Undelete::Close, &["name"], &[]),
            kind("function", true, Undelete::Close, &["name"], &["version"]),
            kind("permission", true, Undelete::Exact, &["function"], &[]),
            kind("api", false, Undelete::Never, &["flavor"], &["digest"]),
            kind("stage", true, Undelete::Exact, &["api"], &[]),
            kind("layer", false, Undelete::Never, &["content"], &[]),
            kind("queue", false, Undelete::Exact, &["fifo"], &[]),
            kind("mapping", false, Undelete::Never, &["source"], &[]),
            kind("domain", true, Undelete::Never, &["name"], &[]),
            kind("table", true, Undelete::Never, &["key"], &[]),
        ])
    }

    pub(super) fn get(&self, kind: &str) -> &ModelKind {
        self.0.iter().find(|model| model.name == kind).unwrap()
    }
}

impl RuleBook for Book {
    fn rules(&self, kind: &Kind) -> Option<&dyn Rules> {
        self.0
            .iter()
            .find(|model| model.name == kind.as_str())
            .map(|model| model as &dyn Rules)
    }
}

impl ModelKind {
    /// The outputs of a thing of this kind with the given physical name and form.
    pub(super) fn outputs(&self, handle: &str, spec: &Value) -> Value {
        match self.name {
            "api" => json!({"id": handle, "digest": grail_state::Digest::of_value(spec).short()}),
            "function" => json!({"arn": format!("arn:{handle}"), "name": handle, "version": spec["code"]}),
            "stage" => json!({"url": format!("https://{handle}/")}),
            "queue" => json!({"id": handle}),
            _ => json!({"arn": format!("arn:{handle}"), "name": handle}),
        }
    }
}

impl Rules for ModelKind {
    fn kind(&self) -> Kind {
        Kind::new(self.name)
    }

    fn check(&self, spec: &Template) -> Result<(), Vec<Invalid>> {
        let invalid = |field: &str, why: &str| Invalid {
            field: field.into(),
            why: why.into(),
        };
        let spec = spec.with_stand_ins();
        if spec["memory"] == json!(-1) {
            return Err(vec![invalid("memory", "is negative"), invalid("", "is no good")]);
        }
        if spec["role"] == json!("arn:broken") {
            return Err(vec![invalid("role", "is broken")]);
        }
        Ok(())
    }

    fn project(&self, spec: &Template) -> Result<Value, Vec<Invalid>> {
        self.check(spec)?;
        let mut spec = spec.with_stand_ins();
        for (_, value) in spec
            .get_mut("env")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
        {
            *value = json!(self.digester.secret(value.as_str().unwrap()));
        }
        Ok(spec)
    }

    fn compare(&self, wanted: &Value, have: &Remote) -> Diff {
        Diff::between(wanted, &have.spec, self.immutable)
    }

    fn lane(&self, _spec: &Value) -> Option<Lane> {
        None
    }

    fn undelete(&self) -> Undelete {
        self.undelete
    }

    fn name_bound(&self) -> bool {
        self.name_bound
    }

    fn spared_in_use(&self) -> bool {
        false
    }

    fn keeps(&self) -> bool {
        self.name == "table"
    }

    fn prunes(&self, addition: &str) -> bool {
        addition.starts_with("policy ")
    }

    fn defines(&self, wanted: &Template, addition: &str) -> bool {
        let own = wanted.with_stand_ins();
        addition.strip_prefix("policy ") == own["policy"].as_str() && own["policy"].is_string()
    }

    fn child(&self, handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        let name = addition.strip_prefix("policy part ")?;
        Some((Kind::new("part"), Handle(format!("{handle}/{name}"))))
    }

    fn volatile_outputs(&self) -> &'static [&'static str] {
        self.volatile
    }

    fn wires(&self) -> &'static [Wire] {
        &[]
    }

    fn reads(&self) -> Cost {
        Cost::default()
    }

    fn actions(&self) -> &'static [&'static str] {
        &[]
    }

    fn schema(&self) -> Value {
        Value::Null
    }

    fn label(&self, spec: &Value) -> Option<String> {
        spec["name"].as_str().map(str::to_owned)
    }
}
