//! Which objects and events a notification is about, and S3's rule on two that share some.
//!
//! S3 refuses a configuration in which one object and event would have two destinations. Two notifications overlap if they
//! have an event type in common (`s3:ObjectCreated:*` holds `s3:ObjectCreated:Put`), if one's prefix begins with the
//! other's, and if one's suffix ends with the other's ("Configuring event notifications using object key name filtering"
//! in the S3 user guide). It does not matter that no name could begin and end like that.

use aws_sdk_s3::types::Event;

/// Which objects and events a notification is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    /// Event types, wildcards among them.
    pub(super) events: &'a [String],
    /// How the names of the objects begin; empty for all.
    pub(super) prefix: &'a str,
    /// How they end.
    pub(super) suffix: &'a str,
}

impl Scope<'_> {
    /// Whether S3 would refuse the two beside each other.
    pub(super) fn overlaps(&self, other: &Scope<'_>) -> bool {
        let (one, two) = (self.prefix, other.prefix);
        let prefixes = one.starts_with(two) || two.starts_with(one);
        let (one, two) = (self.suffix, other.suffix);
        let suffixes = one.ends_with(two) || two.ends_with(one);
        prefixes && suffixes && self.shared(other).is_some()
    }

    /// Whether the two say the same. The order of event types has no meaning.
    pub(super) fn same(&self, other: &Scope<'_>) -> bool {
        let holds = |all: &[String], some: &[String]| some.iter().all(|event| all.contains(event));
        (self.prefix, self.suffix) == (other.prefix, other.suffix)
            && holds(self.events, other.events)
            && holds(other.events, self.events)
    }

    /// An event type that both have.
    fn shared(&self, other: &Scope<'_>) -> Option<&str> {
        let held = |one: &&String| other.events.iter().any(|two| holds(one, two) || holds(two, one));
        self.events.iter().find(held).map(String::as_str)
    }
}

/// Whether the event type `one` is `other` or a family with `other` in it.
fn holds(one: &str, other: &str) -> bool {
    one == other
        || one
            .strip_suffix('*')
            .is_some_and(|family| other.starts_with(family))
}

/// Whether S3 has such an event type, as far as the SDK's model knows.
pub(super) fn is_known(event: &str) -> bool {
    Event::values().contains(&event)
}

/// The event types that S3 has, for a message: those that begin like `event`, or all.
pub(super) fn alternatives(event: &str) -> String {
    let family = event.split(':').nth(1).unwrap_or_default().to_ascii_lowercase();
    let near = |known: &&&str| {
        let known = known.split(':').nth(1).unwrap_or_default().to_ascii_lowercase();
        !family.is_empty() && (known.starts_with(&family) || family.starts_with(&known))
    };
    let mut some: Vec<_> = Event::values().iter().filter(near).copied().collect();
    if some.is_empty() {
        some = Event::values().to_vec();
    }
    some.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(one: (&[&str], &str, &str), two: (&[&str], &str, &str)) -> bool {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let (first, second) = (texts(one.0), texts(two.0));
        let one = Scope {
            events: &first,
            prefix: one.1,
            suffix: one.2,
        };
        let two = Scope {
            events: &second,
            prefix: two.1,
            suffix: two.2,
        };
        assert_eq!(one.overlaps(&two), two.overlaps(&one));
        one.overlaps(&two)
    }

    const ALL: &[&str] = &["s3:ObjectCreated:*"];
    const PUT: &[&str] = &["s3:ObjectCreated:Put"];
    const COPY: &[&str] = &["s3:ObjectCreated:Copy"];

    #[test]
    fn two_notifications_overlap_in_events_prefix_and_suffix_together() {
        assert!(overlap((ALL, "", ""), (ALL, "", "")));
        assert!(overlap((ALL, "", ""), (PUT, "", "")));
        assert!(!overlap((PUT, "", ""), (COPY, "", "")));
        assert!(!overlap((ALL, "", ""), (&["s3:ObjectRemoved:*"], "", "")));
        assert!(overlap((PUT, "images/", ""), (PUT, "images/a", "")));
        assert!(!overlap((PUT, "images/", ""), (PUT, "logs/", "")));
        assert!(!overlap((PUT, "images/", ".jpg"), (PUT, "images/", ".png")));
        assert!(overlap((PUT, "images/", ".jpg"), (PUT, "", "g")));
        // Each has what the other leaves open: an object may well begin and end so.
        assert!(overlap((PUT, "images/", ""), (PUT, "", ".jpg")));
    }

    #[test]
    fn event_types_are_those_of_s3() {
        assert!(is_known("s3:ObjectCreated:*") && is_known("s3:Replication:OperationMissedThreshold"));
        assert!(!is_known("s3:ObjectCreated") && !is_known("ObjectCreated:Put") && !is_known("*"));
        assert!(alternatives("s3:ObjectCreatedPut").contains("s3:ObjectCreated:Put"));
        assert!(!alternatives("s3:objectcreated:put").contains("s3:ObjectRemoved:Delete"));
        assert!(alternatives("created").contains("s3:IntelligentTiering"));
    }
}
