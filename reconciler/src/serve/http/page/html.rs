//! Writing HTML: every text that comes from outside goes through [`Html::text`] or an attribute, and both escape it. What is not
//! escaped is a literal of ours, or our own drawing.

use crate::graph::{Detail, Graph, svg, xml};

/// Names and values of attributes.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// A part of a page.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// An element with what is inside it.
    pub(super) fn tag(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.void(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element that has nothing inside and no end.
    pub(super) fn void(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.0.push_str(&xml(value));
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// An element of a class with a text in it.
    pub(super) fn line(&mut self, name: &'static str, class: &str, text: &str) {
        let attributes: Attributes<'_> = if class.is_empty() {
            &[]
        } else {
            &[("class", class)]
        };
        self.tag(name, attributes, |html| html.text(text));
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str) {
        // Texts of several lines keep them where the style sheet says so.
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.0.push('\n');
            }
            self.0.push_str(&xml(line));
        }
    }

    /// What only who listens to the page has to be told.
    pub(super) fn unseen(&mut self, text: &str) {
        self.line("span", "unseen", text);
    }

    /// The beginning of a document.
    pub(super) fn doctype(&mut self) {
        self.0.push_str("<!DOCTYPE html>\n");
    }

    /// A drawing.
    pub(super) fn picture(&mut self, graph: &Graph) {
        self.0.push_str(&svg(graph, Detail::default()));
    }
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                text.push(char::from(byte))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        let mut html = Html::default();
        html.tag("p", &[("title", "\"><script>'\u{202e}\0")], |html| {
            html.text("</p><b>&\r\n")
        });
        assert_eq!(
            html.into_text(),
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;\u{fffd}\u{fffd}\">&lt;/p&gt;&lt;b&gt;&amp;\u{fffd}\n</p>"
        );
        assert_eq!(segment("a/b?c#d e\u{e9}%"), "a%2Fb%3Fc%23d%20e%C3%A9%25");
    }
}
