//! Routes: what a method and a path are, and whose they are.

use std::fmt;

use super::events::full;
use crate::source::chalice::names;
use crate::source::manifest::events::{Http, Websocket};
use crate::source::manifest::form::{Brief, Word};

const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// All of a route of a REST API.
pub fn http(brief: &Brief<Http, Word>) -> Http {
    full(brief, |word| Http {
        route: word,
        api: None,
        api_key_required: None,
        authorizer: None,
        scopes: None,
        cors: None,
    })
}

/// All of a route of a WebSocket API.
pub fn websocket(brief: &Brief<Websocket, Word>) -> Websocket {
    full(brief, |word| Websocket {
        route: word,
        api: None,
    })
}

/// The API of a route that names one or none, of those under `section`.
///
/// # Errors
/// Why there is none.
pub fn api_of(section: &str, names: &[&str], named: Option<&str>) -> Result<String, String> {
    let made = match section {
        "rest_apis" => names::REST_API,
        _ => names::WEBSOCKET_API,
    };
    match (named, names) {
        (Some(named), names) if names.contains(&named) => Ok(named.to_owned()),
        (Some(named), []) if named == made => Ok(named.to_owned()),
        (Some(named), _) => Err(format!("there is no `{named}` under `{section}`")),
        (None, []) => Ok(made.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        (None, several) => {
            let quoted: Vec<_> = several.iter().map(|name| format!("`{name}`")).collect();
            Err(format!(
                "it is not said of which API: `api` is one of {}",
                quoted.join(", ")
            ))
        }
    }
}

/// A method on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// It begins with a slash.
    pub path: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Route {
    /// Reads `GET /things/{id}`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (Some(method), Some(path), None) = (words.next(), words.next(), words.next()) else {
            return Err(format!("`{text}` is not a method and a path"));
        };
        let method = method.to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            return Err(format!(
                "`{method}` is no method: there are {}",
                METHODS.join(", ")
            ));
        }
        if !path.starts_with('/') {
            return Err(format!("the path `{path}` does not begin with a slash"));
        }
        let parts: Vec<_> = path.split('/').skip(1).collect();
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            let inner = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let name = inner.map_or(*part, |inner| inner.strip_suffix('+').unwrap_or(inner));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
            if inner.is_some_and(|inner| inner.ends_with('+')) && !last {
                return Err(format!("`{part}` takes all that follows, and something follows"));
            }
            if (name.is_empty() && !(parts.len() == 1 && inner.is_none())) || !name.chars().all(plain) {
                let said = "a part of a path is letters, digits, `-`, `_`, `.` and `:`, or a name in braces";
                return Err(format!("`{part}` in `{path}`: {said}"));
            }
        }
        Ok(Self {
            method,
            path: path.to_owned(),
        })
    }

    /// The names in braces.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|part| {
            let inner = part.strip_prefix('{')?.strip_suffix('}')?;
            Some(inner.strip_suffix('+').unwrap_or(inner))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_a_method_and_a_path() {
        let route = Route::parse("get /things/{id}/{rest+}").unwrap();
        assert_eq!(route.to_string(), "GET /things/{id}/{rest+}");
        assert_eq!(route.parameters().collect::<Vec<_>>(), ["id", "rest"]);
        assert!(Route::parse("ANY /").is_ok());
        for text in [
            "GET",
            "GOT /x",
            "GET x",
            "GET /a b",
            "GET /{all+}/x",
            "GET //",
            "GET /{}",
            "GET /ü",
        ] {
            assert!(Route::parse(text).is_err(), "{text}");
        }
    }
}
