//! The form of a URL, and where it is.

use std::collections::BTreeSet;

use aws_sdk_lambda::types as lambda;
use grail_state::Handle;
use grail_state::template::has_stand_in;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::arn::function_name;
use crate::port::Invalid;

/// A function's URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The function, by name or ARN.
    pub function: String,
    /// The alias that answers; without one the function as it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Who may call it.
    pub auth: Auth,
    /// What pages of other origins may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// How an answer is sent.
    #[serde(default)]
    pub invoke_mode: InvokeMode,
    /// The statements of the function's policy that are not as they should be, by their ids: no wish has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amiss: Vec<String>,
}

/// Who may call a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Everybody.
    None,
    /// Whose policies allow it, with signed requests.
    AwsIam,
}

impl Auth {
    /// What Lambda tells. An unknown word is no open door.
    pub(super) fn told(told: &lambda::FunctionUrlAuthType) -> Self {
        match told {
            lambda::FunctionUrlAuthType::None => Self::None,
            _ => Self::AwsIam,
        }
    }
}

impl From<Auth> for lambda::FunctionUrlAuthType {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::None => Self::None,
            Auth::AwsIam => Self::AwsIam,
        }
    }
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvokeMode {
    /// Whole, when the function has ended.
    #[default]
    Buffered,
    /// As the function writes it.
    ResponseStream,
}

impl InvokeMode {
    pub(super) fn told(told: Option<&lambda::InvokeMode>) -> Self {
        match told {
            Some(lambda::InvokeMode::ResponseStream) => Self::ResponseStream,
            _ => Self::Buffered,
        }
    }
}

impl From<InvokeMode> for lambda::InvokeMode {
    fn from(mode: InvokeMode) -> Self {
        match mode {
            InvokeMode::Buffered => Self::Buffered,
            InvokeMode::ResponseStream => Self::ResponseStream,
        }
    }
}

/// What pages of other origins may do. An empty set allows what the browser allows without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origins, or `*`.
    #[serde(default)]
    pub origins: BTreeSet<String>,
    /// The methods, or `*`.
    #[serde(default)]
    pub methods: BTreeSet<String>,
    /// The headers that a request may have, or `*`.
    #[serde(default)]
    pub headers: BTreeSet<String>,
    /// The headers of an answer that the page may read, or `*`.
    #[serde(default)]
    pub expose: BTreeSet<String>,
    /// Whether cookies and credentials are sent.
    #[serde(default)]
    pub credentials: bool,
    /// For how long a browser remembers all this, in seconds.
    #[serde(default)]
    pub max_age: u32,
}

impl Cors {
    /// What Lambda tells, if it says anything.
    pub(super) fn told(told: &lambda::Cors) -> Option<Self> {
        let set = |all: &[String]| all.iter().cloned().collect();
        let cors = Self {
            origins: set(told.allow_origins()),
            methods: set(told.allow_methods()),
            headers: set(told.allow_headers()),
            expose: set(told.expose_headers()),
            credentials: told.allow_credentials().unwrap_or(false),
            max_age: told
                .max_age()
                .and_then(|age| u32::try_from(age).ok())
                .unwrap_or(0),
        };
        (cors != Self::default()).then_some(cors)
    }

    pub(super) fn sent(&self) -> lambda::Cors {
        let list = |all: &BTreeSet<String>| (!all.is_empty()).then(|| all.iter().cloned().collect());
        lambda::Cors::builder()
            .set_allow_origins(list(&self.origins))
            .set_allow_methods(list(&self.methods))
            .set_allow_headers(list(&self.headers))
            .set_expose_headers(list(&self.expose))
            .set_allow_credentials(self.credentials.then_some(true))
            .set_max_age(i32::try_from(self.max_age).ok().filter(|age| *age > 0))
            .build()
    }
}

impl Spec {
    /// The problems that can be told without asking AWS (API reference, `Cors`).
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let named = !function_name(&self.function).is_empty() || has_stand_in(&self.function);
        demand(named, "function", "no function is named".to_owned());
        let Some(cors) = &self.cors else {
            return problems;
        };
        demand(
            cors.max_age <= 86_400,
            "cors",
            format!("{} s is more than the day that Lambda takes", cors.max_age),
        );
        let known = ["*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
        for method in cors.methods.iter().filter(|one| !known.contains(&one.as_str())) {
            demand(
                false,
                "cors",
                format!("`{method}` is no method that Lambda takes"),
            );
        }
        demand(
            !(cors.credentials && cors.origins.contains("*")),
            "cors",
            "browsers send no credentials where every origin is allowed".to_owned(),
        );
        problems
    }

    /// What `UpdateFunctionUrlConfig` sets.
    pub(super) fn configuration(&self) -> (Auth, &Option<Cors>, InvokeMode) {
        (self.auth, &self.cors, self.invoke_mode)
    }

    pub(super) fn projected(&self) -> Value {
        json!({
            "function": match has_stand_in(&self.function) {
                true => self.function.as_str(),
                false => function_name(&self.function),
            },
            "alias": self.alias,
            "auth": self.auth,
            "cors": self.cors.as_ref().filter(|cors| **cors != Cors::default()),
            "invoke_mode": self.invoke_mode,
            "amiss": self.amiss,
        })
    }
}

/// Where a URL is: the function, or one of its aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) function: String,
    pub(super) alias: Option<String>,
}

impl Address {
    pub(super) fn of(spec: &Spec) -> Self {
        Self {
            function: function_name(&spec.function).to_owned(),
            alias: spec.alias.clone(),
        }
    }

    /// `<function>`, `<function>:<alias>`: no name has a colon.
    pub(super) fn handle(&self) -> Handle {
        match &self.alias {
            Some(alias) => Handle(format!("{}:{alias}", self.function)),
            None => Handle(self.function.clone()),
        }
    }
}

impl From<&Handle> for Address {
    fn from(handle: &Handle) -> Self {
        let (function, alias) = match handle.0.split_once(':') {
            Some((function, alias)) => (function, Some(alias.to_owned())),
            None => (handle.0.as_str(), None),
        };
        Self {
            function: function.to_owned(),
            alias,
        }
    }
}
