//! A bucket's notification configuration: what S3 sent, taken apart just as far as to tell whose each part is.
//!
//! Each part keeps its text, so what is not ours goes back exactly as it came: ids, filters in any spelling, elements that
//! no model knows yet. Parts of one sort may be read for what they say, which is never used to write them anew.

use super::scope::Scope;
use super::xml::{self, Element, Malformed};

/// The element that holds a notification configuration.
const ROOT: &str = "NotificationConfiguration";
/// The name space that S3 requires.
const NAME_SPACE: &str = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
/// The element of a notification to a function. (Some servers call it as the SDKs do.)
const FUNCTION: [&str; 2] = ["CloudFunctionConfiguration", "LambdaFunctionConfiguration"];
/// Elements that name a destination.
const DESTINATIONS: [&str; 4] = ["CloudFunction", "LambdaFunctionArn", "Topic", "Queue"];
/// How deep [`Part::meaning`] reads; S3's own documents are four deep.
const DEEPEST: usize = 16;

/// A bucket's whole notification configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notifications {
    /// The attributes of the root as they were sent.
    attributes: String,
    /// The elements in it, in order.
    pub(super) parts: Vec<Part>,
}

/// One element of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Exactly as it was sent, or as we shall send it.
    pub(super) raw: String,
    /// The element's name.
    name: String,
    /// What it says, if it is a notification with a destination.
    pub(super) rule: Option<Rule>,
}

/// How the words of a notification begin.
pub(super) const NOTIFICATION: &str = "notification ";

/// What a notification says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its id, unique in the bucket. S3 makes one up where none is sent.
    pub(super) id: Option<String>,
    /// The destination's ARN.
    pub(super) to: String,
    /// Event types.
    pub(super) events: Vec<String>,
    /// How the names of the objects begin; empty for all.
    pub(super) prefix: String,
    /// How they end.
    pub(super) suffix: String,
}

impl Notifications {
    /// Reads what S3 sent.
    ///
    /// # Errors
    /// Where it is no notification configuration.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let roots = xml::children(text)?;
        let [root] = roots.as_slice() else {
            return Err(Malformed);
        };
        // An emulator gives a bucket without notifications an empty element of another name.
        if root.name != ROOT {
            return if root.inner.is_empty() {
                Ok(Self::default())
            } else {
                Err(Malformed)
            };
        }
        Ok(Self {
            attributes: root.attributes.to_owned(),
            parts: xml::children(root.inner)?.iter().map(Part::read).collect(),
        })
    }

    /// As it is sent to S3.
    pub(super) fn text(&self) -> String {
        let parts: String = self.parts.iter().map(|part| part.raw.as_str()).collect();
        let space = if self.attributes.contains(" xmlns=") {
            ""
        } else {
            NAME_SPACE
        };
        format!("<{ROOT}{}{space}>{parts}</{ROOT}>", self.attributes)
    }

    /// Where a new notification to a function is put: behind the last one, or before what S3's own order has behind them.
    pub(super) fn place(&self) -> usize {
        let last = self.parts.iter().rposition(Part::is_function);
        let bridge = || {
            self.parts
                .iter()
                .position(|part| part.name == "EventBridgeConfiguration")
        };
        last.map(|last| last + 1)
            .or_else(bridge)
            .unwrap_or(self.parts.len())
    }
}

impl Part {
    /// A notification to a function.
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            raw: rule.text(),
            name: FUNCTION[0].to_owned(),
            rule: Some(rule),
        }
    }

    fn read(element: &Element<'_>) -> Self {
        Self {
            raw: element.raw.to_owned(),
            name: element.name.to_owned(),
            rule: Rule::read(element),
        }
    }

    fn is_function(&self) -> bool {
        FUNCTION.contains(&self.name.as_str())
    }

    /// What it says, if it is a notification to a function.
    pub(super) fn function(&self) -> Option<&Rule> {
        self.rule.as_ref().filter(|_| self.is_function())
    }

    /// Its id, whatever it is.
    pub(super) fn id(&self) -> Option<&str> {
        self.rule.as_ref()?.id.as_deref()
    }

    /// What it is, for people.
    pub(super) fn told(&self) -> String {
        match &self.rule {
            Some(rule) => format!(
                "{NOTIFICATION}{} to {}",
                self.id().unwrap_or("without an id"),
                rule.to
            ),
            None => self.name.clone(),
        }
    }

    /// The same text for two parts that say the same in another spelling: the order of elements and of attributes, white
    /// space and the case of a filter's name. To compare what was read with what was read again.
    pub(super) fn meaning(&self) -> String {
        meaning(&self.raw, DEEPEST)
    }
}

fn meaning(raw: &str, deepest: usize) -> String {
    let Ok(elements) = xml::children(raw) else {
        return raw.to_owned();
    };
    if elements.is_empty() || deepest == 0 {
        let text = xml::unescape(raw);
        return if text.trim().is_empty() {
            String::new()
        } else {
            text.into_owned()
        };
    }
    let mut all: Vec<_> = elements
        .iter()
        .map(|one| match one.name {
            "Name" => format!("Name={:?}", one.text().to_lowercase()),
            name => format!("{name}={:?}", meaning(one.inner, deepest - 1)),
        })
        .collect();
    all.sort();
    all.join(",")
}

impl Rule {
    fn read(element: &Element<'_>) -> Option<Self> {
        let mut rule = Self::default();
        for child in xml::children(element.inner).ok()? {
            match child.name {
                "Id" => rule.id = Some(child.text().into_owned()).filter(|id| !id.is_empty()),
                "Event" => rule.events.push(child.text().into_owned()),
                "Filter" => rule.filter(&child),
                name if DESTINATIONS.contains(&name) => rule.to = child.text().into_owned(),
                _ => {}
            }
        }
        Some(rule).filter(|rule| !rule.to.is_empty())
    }

    /// S3 takes the names of filters in any case, and gives them with a capital.
    fn filter(&mut self, filter: &Element<'_>) {
        let Some(key) = filter.child("S3Key") else {
            return;
        };
        for rule in xml::children(key.inner).unwrap_or_default() {
            let (Some(name), Some(value)) = (rule.child("Name"), rule.child("Value")) else {
                continue;
            };
            match name.text().to_lowercase().as_str() {
                "prefix" => self.prefix = value.text().into_owned(),
                "suffix" => self.suffix = value.text().into_owned(),
                _ => {}
            }
        }
    }

    /// Which objects and events it is about.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            events: &self.events,
            prefix: &self.prefix,
            suffix: &self.suffix,
        }
    }

    /// In S3's order of elements. Filter names in lower case: S3 takes both, one emulator only these.
    fn text(&self) -> String {
        let element = |name: &str, text: &str| format!("<{name}>{}</{name}>", xml::escape(text));
        let id = self.id.as_deref().map(|id| element("Id", id)).unwrap_or_default();
        let events: String = self.events.iter().map(|event| element("Event", event)).collect();
        let rules: String = [("prefix", &self.prefix), ("suffix", &self.suffix)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                format!(
                    "<FilterRule>{}{}</FilterRule>",
                    element("Name", name),
                    element("Value", value)
                )
            })
            .collect();
        let filter = match rules.as_str() {
            "" => String::new(),
            rules => format!("<Filter><S3Key>{rules}</S3Key></Filter>"),
        };
        let [name, _] = FUNCTION;
        format!(
            "<{name}>{id}{}{events}{filter}</{name}>",
            element("CloudFunction", &self.to)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <EventBridgeConfiguration/>\
        <CloudFunctionConfiguration><Id>1</Id><Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.a&amp;b</Value>\
        </FilterRule></S3Key></Filter><CloudFunction>arn:f</CloudFunction><Event>s3:ObjectCreated:*</Event>\
        <InvocationRole>arn:r</InvocationRole></CloudFunctionConfiguration>\
        <TopicConfiguration><Topic>arn:t</Topic><Event>s3:ObjectRemoved:*</Event></TopicConfiguration>\
        <Novelty x=\"1\"><Inner/></Novelty></NotificationConfiguration>";

    #[test]
    fn a_configuration_is_sent_as_it_came() {
        let read = Notifications::parse(SENT).unwrap();
        assert_eq!(
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", read.text()),
            SENT
        );
        let function = read.parts[1].function().unwrap();
        assert_eq!(
            (function.to.as_str(), function.suffix.as_str()),
            ("arn:f", ".a&b")
        );
        assert_eq!((read.parts[1].id(), read.parts[2].id()), (Some("1"), None));
        assert!(read.parts[2].function().is_none() && read.parts[2].rule.is_some());
        assert_eq!(read.place(), 2);
    }

    #[test]
    fn an_empty_configuration_gets_the_name_space() {
        for text in [
            "<NotificationConfiguration/>",
            "<NotificationConfiguration></NotificationConfiguration>",
        ] {
            let read = Notifications::parse(text).unwrap();
            assert_eq!(read.text(), format!("<{ROOT}{NAME_SPACE}></{ROOT}>"));
        }
        let prefixed = "<n:NotificationConfiguration xmlns:n=\"x\"><n:Id/></n:NotificationConfiguration>";
        let text = Notifications::parse(prefixed).unwrap().text();
        assert_eq!(
            text,
            format!("<{ROOT} xmlns:n=\"x\"{NAME_SPACE}><n:Id/></{ROOT}>")
        );
        assert_eq!(
            Notifications::parse("<GetBucketNotificationResponse xmlns='n'/>"),
            Ok(Notifications::default())
        );
        for odd in [
            "",
            "<Error><Code>c</Code></Error>",
            "<NotificationConfiguration/><a/>",
        ] {
            assert_eq!(Notifications::parse(odd), Err(Malformed));
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rule = Rule {
            id: Some("i<".into()),
            to: "arn:f".into(),
            events: vec!["s3:ObjectCreated:Put".into(), "s3:ObjectRemoved:*".into()],
            prefix: "a&b/".into(),
            suffix: ".é".into(),
        };
        let part = Part::new(rule.clone());
        let text = format!("<{ROOT}>{}</{ROOT}>", part.raw);
        assert_eq!(Notifications::parse(&text).unwrap().parts, [part]);
        assert!(
            !Rule {
                prefix: String::new(),
                suffix: String::new(),
                ..rule
            }
            .text()
            .contains("Filter")
        );
    }

    #[test]
    fn the_meaning_of_a_part_has_no_spelling() {
        let part = |raw: &str| {
            Notifications::parse(&format!("<{ROOT}>{raw}</{ROOT}>"))
                .unwrap()
                .parts[0]
                .meaning()
        };
        let one = part("<Q><Id>1</Id><F><Name>Prefix</Name><Value>a&#47;</Value></F></Q>");
        assert_eq!(
            one,
            part("<Q>\n <F><Value>a/</Value><Name>prefix</Name></F> <Id>1</Id></Q>")
        );
        assert_ne!(
            one,
            part("<Q><Id>1</Id><F><Name>Prefix</Name><Value>A/</Value></F></Q>")
        );
        assert_ne!(part("<Q><Id>1</Id></Q>"), part("<T><Id>1</Id></T>"));
        assert_eq!(part("<E></E>"), part("<E/>"));
    }
}
