//! Functions and layers, each by itself.

use std::collections::BTreeSet;

use super::{Check, known};
use crate::source::diagnostic::closest;
use crate::source::manifest::form::Brief;
use crate::source::manifest::functions::Function;

/// What Lambda measures of an environment at most, in bytes of JSON.
const MAX_ENVIRONMENT: usize = 4096;

/// Days for which CloudWatch Logs keeps events (PutRetentionPolicy).
const RETENTIONS: [u32; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    0,
];

/// Variables that Lambda sets and lets nobody else set (Lambda developer guide, "Reserved environment variables").
const RESERVED: [&str; 17] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
];

/// Runtimes that functions can be made with, for suggestions alone: AWS adds to them, and judges.
const RUNTIMES: [&str; 20] = [
    "dotnet8",
    "dotnet9",
    "java11",
    "java17",
    "java21",
    "java25",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2",
    "provided.al2023",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
];

impl Check<'_> {
    pub(super) fn functions(&mut self) {
        let form = self.form;
        for (name, function) in &form.functions {
            if let Some(function) = function {
                self.function(name, function);
            }
        }
        let physical = |(name, function): (&'_ str, &Function)| self.physical(function.name.as_deref(), name);
        let names: Vec<_> = form.functions().map(|one| (one.0, physical(one))).collect();
        self.unlike("functions", names.into_iter());
        for (name, layer) in &form.layers {
            let Some(layer) = layer else { continue };
            let path = ["layers", name.as_str()];
            if layer.runtime.is_none() {
                self.error(
                    &path,
                    "manifest::missing",
                    format!("the layer `{name}` lacks `runtime`"),
                );
            }
            self.runtime(&["layers", name, "runtime"], layer.runtime.as_deref());
            match &layer.code {
                None => self.error(
                    &path,
                    "manifest::missing",
                    format!("the layer `{name}` lacks `code`"),
                ),
                Some(code) => self.code(&["layers", name, "code"], code, None),
            }
        }
    }

    fn function(&mut self, name: &str, function: &Function) {
        let at = |key: &'static str| ["functions", name, key];
        let physical = self.physical(function.name.as_deref(), name);
        self.fits("functions", name, function.name.is_some(), &physical);
        self.runs(name, function);
        self.runtime(&at("runtime"), function.runtime.as_deref());
        if let Some(Brief::Word(role)) = &function.role
            && known(&role.0).is_some_and(|role| !is_arn(role, "iam"))
        {
            let hint = "name a role of this manifest by `${roles.<name>.arn}`, or leave `role` out for one of its own";
            self.error_with(&at("role"), "manifest::arn", "`role` is the ARN of a role", hint);
        }
        if let Some(Brief::Full(own)) = &function.role {
            self.boundary(&["functions", name, "role", "boundary"], own.boundary.as_ref());
            self.statements(
                &["functions", name, "role", "statements"],
                own.statements.as_deref(),
            );
            for (policy, document) in own.policies.iter().flatten() {
                self.policy(&["functions", name, "role", "policies", policy], document);
            }
        }
        for (index, layer) in function.layers.iter().flatten().enumerate() {
            if known(&layer.0).is_some_and(|arn| !is_arn(arn, "lambda")) {
                let hint = "a layer of this manifest is named by `${layers.<name>.arn}`";
                let index = index.to_string();
                let path = ["functions", name, "layers", &index];
                self.error_with(&path, "manifest::arn", "a layer is the ARN of its version", hint);
            }
        }
        if let Some(target) = &function.dead_letter
            && known(&target.0).is_some_and(|arn| !is_arn(arn, "sqs") && !is_arn(arn, "sns"))
        {
            let said = "`dead_letter` is the ARN of a queue or a topic";
            self.error(&at("dead_letter"), "manifest::arn", said);
        }
        if let Some(days) = function.log_retention
            && (days == 0 || !RETENTIONS.contains(&days))
        {
            let near = RETENTIONS
                .iter()
                .filter(|known| **known > 0)
                .min_by_key(|known| known.abs_diff(days));
            let said = format!("CloudWatch Logs cannot keep events for {days} days");
            let hint = format!("the nearest that it can is {}", near.unwrap_or(&30));
            self.error_with(&at("log_retention"), "manifest::limit", said, hint);
        }
        if let Some(cors) = function.url.as_ref().and_then(|url| url.cors.as_ref())
            && cors.credentials == Some(true)
            && cors
                .origins
                .as_ref()
                .is_some_and(|origins| origins.iter().any(|origin| origin == "*"))
        {
            let said = "browsers send no credentials where every origin is allowed";
            let hint = "name the origins whose pages may send them";
            self.error_with(
                &["functions", name, "url", "cors", "credentials"],
                "manifest::value",
                said,
                hint,
            );
        }
        self.versions(name, function);
        self.environment(name, function);
        self.tags(name, function);
    }

    /// Code, handler and runtime belong together.
    fn runs(&mut self, name: &str, function: &Function) {
        let path = ["functions", name];
        let Some(code) = &function.code else {
            let said = format!("the function `{name}` lacks `code`");
            let hint = "name a folder, a zip or a file: `code: src`";
            return self.error_with(&path, "manifest::missing", said, hint);
        };
        self.code(&["functions", name, "code"], code, function.runtime.as_deref());
        // An image has its runtime, its handler and its layers in it; what `defaults` say of them is for the others.
        if matches!(code, Brief::Full(code) if code.image.is_some()) {
            return;
        }
        let is_provided = function
            .runtime
            .as_deref()
            .is_some_and(|one| one.starts_with("provided"));
        if function.runtime.is_none() {
            let said = format!("the function `{name}` lacks `runtime`");
            let hint = "say it here or under `defaults`: `runtime: python3.12`";
            self.error_with(&path, "manifest::missing", said, hint);
        }
        if function.handler.is_none() && !is_provided {
            let said = format!("the function `{name}` lacks `handler`");
            let hint = "name what is called: `handler: main.handler`";
            self.error_with(&path, "manifest::missing", said, hint);
        }
    }

    fn runtime(&mut self, path: &[&str], runtime: Option<&str>) {
        let Some(runtime) = runtime.filter(|runtime| !RUNTIMES.contains(runtime)) else {
            return;
        };
        let family = |name: &str| {
            name.trim_end_matches(|c: char| !c.is_ascii_alphabetic())
                .to_owned()
        };
        if RUNTIMES.iter().any(|known| family(known) == family(runtime)) {
            // Another version than those that we know: AWS decides.
            return;
        }
        let said = format!("`{runtime}` is no runtime of Lambda");
        match closest(runtime, RUNTIMES) {
            Some(meant) => self.error_with(
                path,
                "manifest::runtime",
                said,
                format!("did you mean `{meant}`?"),
            ),
            None => self.error_with(
                path,
                "manifest::runtime",
                said,
                format!("there are {}", RUNTIMES.join(", ")),
            ),
        }
    }

    fn environment(&mut self, name: &str, function: &Function) {
        let Some(environment) = &function.environment else {
            return;
        };
        let path = |key: &'_ str| {
            [
                "functions".to_owned(),
                name.to_owned(),
                "environment".to_owned(),
                key.to_owned(),
            ]
        };
        for key in environment.keys().filter(|key| RESERVED.contains(&key.as_str())) {
            let path = path(key);
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            let said = format!("Lambda sets `{key}` itself and lets nobody else set it");
            self.error(&path, "manifest::reserved", said);
        }
        let plain: std::collections::BTreeMap<_, _> =
            environment.iter().map(|(key, value)| (key, &value.0)).collect();
        let size = serde_json::to_string(&plain).map_or(0, |text| text.len());
        if size > MAX_ENVIRONMENT {
            let said =
                format!("the environment has {size} bytes as JSON, and Lambda takes {MAX_ENVIRONMENT}");
            let hint = "keep large values in Parameter Store or in a file of the code";
            self.error_with(&["functions", name, "environment"], "manifest::limit", said, hint);
        }
    }

    fn tags(&mut self, name: &str, function: &Function) {
        let tags: BTreeSet<_> = function.tags.iter().flat_map(|tags| tags.keys()).collect();
        if tags.len() > 49 {
            let said = format!(
                "{} tags and one of grail's own are more than the 50 that AWS takes",
                tags.len()
            );
            self.error(&["functions", name, "tags"], "manifest::limit", said);
        }
        for key in tags {
            if key.starts_with("aws:") || key.is_empty() || key.len() > 128 {
                let said = format!("`{key}` cannot be the key of a tag");
                self.error(&["functions", name, "tags", key], "manifest::name", said);
            }
        }
    }
}

/// Whether a text is an ARN of a service.
pub(super) fn is_arn(text: &str, service: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some(service)
        && parts.nth(2).is_some_and(|thing| !thing.is_empty())
}
