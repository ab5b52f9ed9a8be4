//! As much XML as a notification configuration needs: an element's children, each with its text exactly as it was sent.
//!
//! The SDK's own reading drops what its model does not name, and what others wrote must go back to S3 untouched. So this
//! reads no values where it need not: an element is a slice of the answer. Names lose their prefix (some servers write
//! `ns0:Id`); comments and declarations between elements are passed over. Not a general reader: there are no entities of
//! a document type, and nothing is validated.

use std::borrow::Cow;

/// The answer is no XML of the kind that S3 sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not well-formed XML")]
pub(super) struct Malformed;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Its name without prefix.
    pub(super) name: &'a str,
    /// What stands behind the name in its start tag, with the leading space.
    pub(super) attributes: &'a str,
    /// All of it, from `<` to the last `>`.
    pub(super) raw: &'a str,
    /// What stands between its tags; nothing for `<a/>`.
    pub(super) inner: &'a str,
}

impl<'a> Element<'a> {
    /// Its first child of the name.
    pub(super) fn child(&self, name: &str) -> Option<Self> {
        children(self.inner)
            .ok()?
            .into_iter()
            .find(|child| child.name == name)
    }

    /// The text in it.
    pub(super) fn text(&self) -> Cow<'a, str> {
        unescape(self.inner)
    }
}

/// The elements that stand side by side in `text`.
///
/// # Errors
/// Where the tags do not fit together.
pub(super) fn children(text: &str) -> Result<Vec<Element<'_>>, Malformed> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = find(text, at, "<") {
        at = match aside(text, next)? {
            Some(end) => end,
            None => {
                let (element, end) = element(text, next)?;
                found.push(element);
                end
            }
        };
    }
    Ok(found)
}

/// What a text means: entities and character references resolved. What is none stays as it is.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if let Some(verbatim) = text
        .strip_prefix("<![CDATA[")
        .and_then(|rest| rest.strip_suffix("]]>"))
    {
        return Cow::Borrowed(verbatim);
    }
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match after
            .split_once(';')
            .and_then(|(name, rest)| Some((entity(name)?, rest)))
        {
            Some((meant, after)) => {
                plain.push(meant);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// `text` as the content of an element.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // A reader may take a carriage return for a line feed.
            c if c.is_whitespace() && c != ' ' => escaped.push_str(&format!("&#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    Some(from + text.get(from..)?.find(what)?)
}

/// The end of the declaration, comment or literal text that begins at `at`, if one does.
fn aside(text: &str, at: usize) -> Result<Option<usize>, Malformed> {
    for (begin, end) in [("<?", "?>"), ("<!--", "-->"), ("<![CDATA[", "]]>"), ("<!", ">")] {
        if text[at..].starts_with(begin) {
            let last = find(text, at + begin.len(), end).ok_or(Malformed)?;
            return Ok(Some(last + end.len()));
        }
    }
    Ok(None)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Start,
    End,
    Empty,
}

/// A tag.
struct Tag<'a> {
    sort: Sort,
    name: &'a str,
    attributes: &'a str,
    end: usize,
}

/// The tag that begins at `at`. A `>` in a quoted attribute does not end it.
fn tag(text: &str, at: usize) -> Result<Tag<'_>, Malformed> {
    let mut quote = None;
    let last = text[at..]
        .char_indices()
        .find(|(_, c)| {
            match quote {
                Some(open) if open == *c => quote = None,
                None if matches!(c, '"' | '\'') => quote = Some(*c),
                _ => {}
            }
            *c == '>' && quote.is_none()
        })
        .map(|(offset, _)| at + offset)
        .ok_or(Malformed)?;
    let body = &text[at + 1..last];
    let (sort, body) = match (body.strip_prefix('/'), body.strip_suffix('/')) {
        (Some(body), _) => (Sort::End, body),
        (None, Some(body)) => (Sort::Empty, body),
        (None, None) => (Sort::Start, body),
    };
    let (name, attributes) = body.split_at(body.find(char::is_whitespace).unwrap_or(body.len()));
    if name.is_empty() {
        return Err(Malformed);
    }
    Ok(Tag {
        sort,
        name: name.rsplit_once(':').map_or(name, |(_, local)| local),
        attributes: attributes.trim_end(),
        end: last + 1,
    })
}

/// The element that begins at `at`, and where it ends.
fn element(text: &str, at: usize) -> Result<(Element<'_>, usize), Malformed> {
    let head = tag(text, at)?;
    let made = |inner, end| Element {
        name: head.name,
        attributes: head.attributes,
        raw: &text[at..end],
        inner,
    };
    match head.sort {
        Sort::Empty => return Ok((made("", head.end), head.end)),
        Sort::End => return Err(Malformed),
        Sort::Start => {}
    }
    let mut open = vec![head.name];
    let mut from = head.end;
    loop {
        let next = find(text, from, "<").ok_or(Malformed)?;
        if let Some(end) = aside(text, next)? {
            from = end;
            continue;
        }
        let tag = tag(text, next)?;
        match tag.sort {
            Sort::Start => open.push(tag.name),
            Sort::Empty => {}
            Sort::End if open.pop() == Some(tag.name) => {}
            Sort::End => return Err(Malformed),
        }
        if open.is_empty() {
            return Ok((made(&text[head.end..next], tag.end), tag.end));
        }
        from = tag.end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_slices_of_what_was_sent() {
        let text = "<?xml version='1.0'?>\n<!-- <a> -->\n<n:a x=\"1>2\" ><b/>t&lt;<a>&#x41;</a><![CDATA[</n:a>]]></n:a>";
        let all = children(text).unwrap();
        let [a] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((a.name, a.attributes), ("a", " x=\"1>2\""));
        assert!(text.ends_with(a.raw) && a.raw.ends_with(&format!("{}</n:a>", a.inner)));
        let names: Vec<_> = children(a.inner).unwrap().iter().map(|one| one.name).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(
            (a.child("a").unwrap().text(), a.child("b").unwrap().text()),
            ("A".into(), "".into())
        );
        assert!(a.child("c").is_none());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for text in ["<a>", "</a>", "<a><b></a></b>", "<a", "<>", "<!-- ", "<a b='>"] {
            assert_eq!(children(text), Err(Malformed), "{text}");
        }
        assert_eq!(children(" no element "), Ok(Vec::new()));
    }

    #[test]
    fn texts_are_what_they_stand_for() {
        for (written, meant) in [
            (" a ", " a "),
            ("a&amp;b&#233;&#xe9;", "a&béé"),
            ("&nbsp; & &#xZ;", "&nbsp; & &#xZ;"),
            ("<![CDATA[a&amp;<b>]]>", "a&amp;<b>"),
        ] {
            assert_eq!(unescape(written), meant);
        }
        assert_eq!(escape("a&<\n"), "a&amp;&lt;&#10;");
    }

    proptest! {
        #[test]
        fn any_text_is_taken_without_a_panic(text in "[<>/!?a: \"'&;#x\\-\\[\\]é]{0,40}") {
            let _ = children(&text);
            let _ = unescape(&text);
        }

        #[test]
        fn what_is_escaped_is_read_back(text in "[\\PC\r\n\t]{0,20}") {
            let sent = format!("<a>{}</a>", escape(&text));
            prop_assert_eq!(children(&sent).unwrap()[0].text(), text);
        }
    }
}
