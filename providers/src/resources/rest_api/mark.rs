//! The mark in the description of an API or of a deployment: which attempt made it, and from which definition.
//!
//! No call of API Gateway takes a client token, so the description is where an attempt is recognised whose answer was lost
//! (design 7.2). A mark is a help and never a need: Chalice's next deploy wipes it.

use grail_state::StepToken;

const SIGN: &str = "grail:";

/// What a description says of its maker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The attempt.
    pub(crate) token: StepToken,
    /// The digest of the definition.
    pub(crate) digest: String,
}

impl Mark {
    /// The mark in `description`, if it bears one.
    pub(crate) fn read(description: &str) -> Option<Self> {
        let (_, rest) = description.rsplit_once(SIGN)?;
        let (token, digest) = rest.trim_end().rsplit_once(':')?;
        (!token.is_empty() && is_digest(digest)).then(|| Self {
            token: StepToken(token.to_owned()),
            digest: digest.to_owned(),
        })
    }

    /// The description of a thing that `own` describes, with this mark.
    pub(crate) fn on(&self, own: &str) -> String {
        let Self { token, digest } = self;
        let gap = if own.is_empty() { "" } else { " " };
        format!("{own}{gap}{SIGN}{}:{digest}", token.0)
    }
}

/// True for the text of a SHA-256.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_from_where_it_was_written() {
        let mark = Mark {
            token: StepToken("a1:b2".into()),
            digest: "0f".repeat(32),
        };
        for own in ["", "The shop's API", "grail: the holy one"] {
            assert_eq!(Mark::read(&mark.on(own)), Some(mark.clone()), "{own}");
        }
        for foreign in ["", "made by hand", "grail:", "grail:t:short", "grail::"] {
            assert_eq!(Mark::read(foreign), None, "{foreign}");
        }
    }
}
