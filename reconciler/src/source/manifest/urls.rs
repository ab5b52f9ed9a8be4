//! What may be said of a function's URL.

use schemars::JsonSchema;
use serde::Deserialize;

/// The address of a function on the internet. What is not said: callers sign in, no page of another origin may call, and an
/// answer is sent whole.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Url {
    /// Who may call it; without it who is allowed to by a policy.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// What pages of other origins may do.
    #[serde(default)]
    pub cors: Option<UrlCors>,
    /// Whether an answer is sent while the function writes it. Not every runtime can.
    #[serde(default)]
    pub stream: Option<bool>,
}

/// Who may call a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Everybody: the function asks for itself who is calling.
    None,
    /// Whose policies allow it, with signed requests.
    #[default]
    AwsIam,
}

impl Auth {
    /// Its name in a form.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AwsIam => "aws_iam",
        }
    }
}

/// What pages of other origins may do. `*` stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UrlCors {
    /// The origins.
    #[serde(default)]
    pub origins: Option<Vec<String>>,
    /// The methods.
    #[serde(default)]
    pub methods: Option<Vec<Method>>,
    /// The headers that a request may have.
    #[serde(default)]
    pub headers: Option<Vec<String>>,
    /// The headers of an answer that the page may read.
    #[serde(default)]
    pub expose: Option<Vec<String>>,
    /// Whether cookies are sent.
    #[serde(default)]
    pub credentials: Option<bool>,
    /// For how long a browser remembers all this, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 86400))]
    pub max_age: Option<u32>,
}

/// A method that a URL takes from pages of other origins (API reference, `Cors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Method {
    /// Every one.
    #[serde(rename = "*")]
    Every,
    /// DELETE.
    #[serde(rename = "DELETE")]
    Delete,
    /// GET.
    #[serde(rename = "GET")]
    Get,
    /// HEAD.
    #[serde(rename = "HEAD")]
    Head,
    /// PATCH.
    #[serde(rename = "PATCH")]
    Patch,
    /// POST.
    #[serde(rename = "POST")]
    Post,
    /// PUT.
    #[serde(rename = "PUT")]
    Put,
}

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Every => "*",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}
