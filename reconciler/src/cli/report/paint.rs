//! Colours, where they are wanted. Four of them, each with one meaning.

use console::{Style, StyledObject};

/// Paints texts, or leaves them plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    pub(super) fn new(on: bool) -> Self {
        Self { on }
    }

    /// What is made, and what is well.
    pub(super) fn good(self, text: &str) -> StyledObject<&str> {
        self.style(Style::new().green(), text)
    }

    /// What changes, and what waits.
    pub(super) fn change(self, text: &str) -> StyledObject<&str> {
        self.style(Style::new().yellow(), text)
    }

    /// What goes, and what failed.
    pub(super) fn bad(self, text: &str) -> StyledObject<&str> {
        self.style(Style::new().red(), text)
    }

    /// What to do.
    pub(super) fn advice(self, text: &str) -> StyledObject<&str> {
        self.style(Style::new().cyan(), text)
    }

    /// What matters less.
    pub(super) fn faint(self, text: &str) -> StyledObject<&str> {
        self.style(Style::new().dim(), text)
    }

    /// A heading.
    pub(super) fn strong(self, text: &str) -> StyledObject<&str> {
        self.style(Style::new().bold(), text)
    }

    fn style(self, style: Style, text: &str) -> StyledObject<&str> {
        // `console` looks at standard output by itself; here the caller has decided.
        style.force_styling(self.on).apply_to(text)
    }
}
