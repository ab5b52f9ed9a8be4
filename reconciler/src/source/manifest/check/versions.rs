//! Published versions and aliases: what goes together, and what Lambda takes.

use super::Check;
use crate::source::manifest::functions::Function;
use crate::source::manifest::versions::{Alias, Canary, LATEST};

/// The longest name of an alias, in characters (`CreateAlias`).
const MAX_ALIAS: usize = 128;

impl Check<'_> {
    pub(super) fn versions(&mut self, name: &str, function: &Function) {
        let publish = function.publish.as_ref().and_then(|publish| publish.said());
        let provisioned = publish.as_ref().and_then(|said| said.provisioned_concurrency);
        let at = ["functions", name, "publish", "provisioned_concurrency"];
        self.provisioned(function, provisioned, &at);
        for (alias, said) in function.aliases.iter().flatten() {
            let path = ["functions", name, "aliases", alias.as_str()];
            self.alias(&path, said, publish.is_some());
            let at = [path.as_slice(), &["provisioned_concurrency"]].concat();
            self.provisioned(function, said.provisioned_concurrency, &at);
            if said.provisioned_concurrency.is_some() && provisioned.is_some() && said.pinned().is_none() {
                let text = "the version that it leads to has instances of its own already";
                let hint = "keep them ready at one of the two: with the version they are before the alias leads there";
                self.error_with(&at, "manifest::exclusive", text, hint);
            }
        }
    }

    fn alias(&mut self, path: &[&str; 4], said: &Alias, is_published: bool) {
        let alias = path[3];
        let below = |key: &'static str| [path.as_slice(), &[key]].concat();
        let length = alias.chars().count();
        if length > MAX_ALIAS {
            let text = format!("the name `{alias}` has {length} characters, and Lambda takes {MAX_ALIAS}");
            self.error(path, "manifest::length", text);
        }
        if alias.bytes().all(|byte| byte.is_ascii_digit()) {
            let text = format!("`{alias}` names a version, and so no alias");
            self.error(path, "manifest::name", text);
        }
        if said.pinned().is_none() && !is_published {
            let text = format!("the alias `{alias}` leads nowhere: no version is published");
            let hint = "publish them (`publish: true`), or name one that there is: `version: 3`";
            self.error_with(path, "manifest::missing", text, hint);
        }
        let weights: Vec<_> = said
            .weights
            .iter()
            .flatten()
            .map(|(version, _)| version)
            .collect();
        let at = below("weights");
        if weights.len() > 1 {
            let text = "an alias leads to two versions at most";
            let hint = "the version of the alias has what is left of the share that is said here";
            self.error_with(&at, "manifest::limit", text, hint);
        }
        let own = said.pinned().unwrap_or_else(|| LATEST.to_owned());
        if let Some(version) = weights.iter().find(|version| ***version == own) {
            let text = format!("`{version}` is the version of the alias itself");
            let hint = "name the version that keeps the rest of the calls: `version: 3`";
            self.error_with(&at, "manifest::value", text, hint);
        } else if weights.iter().any(|version| *version == LATEST) && !is_published {
            let text = "there is no `latest` version: none is published";
            self.error_with(&at, "manifest::missing", text, "publish them: `publish: true`");
        }
        let shared = !weights.is_empty();
        if let Some(canary) = &said.canary {
            if shared {
                let text = "`weights` and `canary` exclude each other";
                let hint = "a canary ends with one version, which has all calls";
                self.error_with(&below("canary"), "manifest::exclusive", text, hint);
            }
            self.canary(&below("canary"), canary);
        }
        if said.provisioned_concurrency.is_some() && (shared || said.canary.is_some()) {
            let other = if shared { "weights" } else { "canary" };
            let text =
                format!("Lambda keeps no instances ready for an alias with shares, as its `{other}` has");
            let hint = "keep them ready with the version: `publish: {provisioned_concurrency: 5}`";
            self.error_with(
                &below("provisioned_concurrency"),
                "manifest::exclusive",
                text,
                hint,
            );
        }
    }

    /// Each step gives the new version more.
    fn canary(&mut self, path: &[&str], canary: &Canary) {
        let mut before = 0.0;
        for (index, step) in canary.steps.iter().enumerate() {
            let index = index.to_string();
            let weight = in_hundredths(step.weight.0);
            if weight <= before {
                let text = match before > 0.0 {
                    true => "each step gives the new version more than the one before",
                    false => "a step gives the new version some share",
                };
                let at = [path, &["steps", index.as_str(), "weight"]].concat();
                self.error(&at, "manifest::value", text);
            }
            before = weight;
        }
    }

    fn provisioned(&mut self, function: &Function, count: Option<u32>, path: &[&str]) {
        let Some(count) = count else { return };
        if function.snap_start == Some(true) {
            let text = "`snap_start` and `provisioned_concurrency` exclude each other";
            self.error(path, "manifest::exclusive", text);
        }
        if let Some(reserved) = function.reserved_concurrency.filter(|reserved| *reserved < count) {
            let text =
                format!("{count} instances are more than the {reserved} that are reserved for the function");
            self.error(path, "manifest::limit", text);
        }
    }
}

/// Lambda is told shares in hundredths of a percent.
fn in_hundredths(percent: f64) -> f64 {
    (percent * 100.0).round()
}
