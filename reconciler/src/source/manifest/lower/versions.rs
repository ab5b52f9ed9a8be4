//! Published versions of functions, aliases, and what is kept ready of them.
//!
//! A version wishes for the form of its function without what is no part of a version, so that it changes exactly when that
//! does. An alias comes after the instances that are kept ready of the version that it is led to.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::{Lowering, function_id, list, map, object};
use crate::source::manifest::functions::Function;
use crate::source::manifest::versions::{Alias, Canary, DEFAULT_KEEP, LATEST, Published};

const VERSION: Kind = Kind::new("lambda_version");
const ALIAS: Kind = Kind::new("lambda_alias");
const PROVISIONED: Kind = Kind::new("provisioned_concurrency");

/// What a function says that its versions do not have.
const OF_THE_FUNCTION: [&str; 3] = ["description", "tags", "reserved_concurrency"];

impl Lowering<'_> {
    pub(super) fn versions(&mut self, name: &str, function: &Function) {
        let published = function.publish.as_ref().and_then(|publish| publish.said());
        let mut ready = BTreeSet::new();
        if let Some(published) = published {
            self.version(name, &published);
            let count = published.provisioned_concurrency;
            let version = Template::reference(version_id(name), "version");
            let path = ["functions", name, "publish", "provisioned_concurrency"];
            ready.extend(self.provisioned(name, name, version, count, &path));
        }
        for (alias, said) in function.aliases.iter().flatten() {
            self.alias(name, alias, said, ready.clone());
        }
    }

    fn version(&mut self, name: &str, published: &Published) {
        let id = function_id(name);
        let form = self.resources.get(&id).map(|function| function.spec.clone());
        let Some(Template::Map(mut form)) = form else {
            return;
        };
        form.retain(|key, _| !OF_THE_FUNCTION.contains(&key.as_str()));
        let keep = published.keep.unwrap_or(DEFAULT_KEEP);
        let spec = object(
            json!({"keep": keep}),
            [
                ("function", Template::reference(id.clone(), "name")),
                ("code_sha256", Template::reference(id, "code_sha256")),
                ("form", Template::Map(form)),
            ],
        );
        let path = ["functions", name, "publish"];
        self.add(version_id(name), spec, BTreeSet::new(), &path);
    }

    fn alias(&mut self, function: &str, alias: &str, said: &Alias, after: BTreeSet<ResourceId>) {
        let id = alias_id(function, alias);
        let published = || Template::reference(version_id(function), "version");
        let pinned = said.pinned();
        let version = match &pinned {
            Some(number) => json!(number).into(),
            None => published(),
        };
        let of = Template::reference(function_id(function), "name");
        let mut fields = BTreeMap::from([
            ("name".to_owned(), json!(alias).into()),
            ("function".to_owned(), of),
            ("version".to_owned(), version),
        ]);
        if let Some((number, share)) = said.weights.iter().flatten().next() {
            let version = match number.as_str() {
                LATEST => published(),
                number => json!(number).into(),
            };
            let other = object(json!({"weight": share.0}), [("version", version)]);
            fields.insert("other".to_owned(), other);
        }
        // Who names a version wants it now: that is how an alias goes back.
        if let Some(canary) = said.canary.as_ref().filter(|_| pinned.is_none()) {
            fields.insert("canary".to_owned(), self.canary(canary));
        }
        let spec = Template::Map(fields);
        let path = ["functions", function, "aliases", alias];
        self.add(id.clone(), spec, after, &path);
        let name = Template::reference(id.clone(), "name");
        let below = ["functions", function, "aliases", alias, "provisioned_concurrency"];
        let count = said.provisioned_concurrency;
        self.provisioned(function, &id.name, name.clone(), count, &below);
        if let Some(url) = &said.url {
            let path = ["functions", function, "aliases", alias, "url"];
            self.url_at(function, &id.name, Some(name), url, &path);
        }
    }

    fn canary(&self, canary: &Canary) -> Template {
        let steps = canary
            .steps
            .iter()
            .map(|step| json!({"weight": step.weight.0, "seconds": step.seconds()}));
        let alarms = canary.alarms.iter().map(|alarm| self.phrase(&alarm.0));
        map(BTreeMap::from([
            ("steps".to_owned(), Template::Lit(steps.collect())),
            ("alarms".to_owned(), list(alarms.collect())),
        ]))
    }

    fn provisioned(
        &mut self,
        function: &str,
        name: &str,
        of: Template,
        count: Option<u32>,
        path: &[&str],
    ) -> Option<ResourceId> {
        let count = count?;
        let id = ResourceId::new(PROVISIONED, name);
        let function = Template::reference(function_id(function), "name");
        let spec = object(
            json!({"count": count}),
            [("function", function), ("qualifier", of)],
        );
        self.add(id.clone(), spec, BTreeSet::new(), path);
        Some(id)
    }
}

fn version_id(function: &str) -> ResourceId {
    ResourceId::new(VERSION, function)
}

fn alias_id(function: &str, alias: &str) -> ResourceId {
    ResourceId::new(ALIAS, format!("{function}/{alias}"))
}
