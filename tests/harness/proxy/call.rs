//! What the proxy saw: one [`Call`] for each request, and questions about many of them ([`Calls`]).

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::operation::{self, Access, Operation};
use super::upstream::Asked;

/// One request that passed, or should have passed, the proxy.
#[derive(Debug, Clone)]
pub struct Call {
    /// Service, name, and read or write.
    pub operation: Operation,
    /// HTTP method.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query fields, decoded.
    pub query: BTreeMap<String, String>,
    /// The body as a value: JSON as it is, a form as an object of strings, anything else as a string; null where there is none.
    pub body: Value,
    /// The body as sent.
    pub raw: Bytes,
    /// When it arrived, for those who measure.
    pub arrived: SystemTime,
    /// Position of its arrival in the one order of all arrivals and answers.
    pub started: usize,
    /// Position of its answer in that order; none while it is in flight.
    pub ended: Option<usize>,
    /// Status of the answer; none where the connection was dropped or nothing has come yet.
    pub status: Option<u16>,
    /// Body of the answer.
    pub answer: Bytes,
    /// The fault that struck it, by name.
    pub fault: Option<&'static str>,
}

impl Call {
    /// The operation's name.
    pub fn name(&self) -> &str {
        &self.operation.name
    }

    /// Whether it could change anything.
    pub fn is_write(&self) -> bool {
        self.operation.access == Access::Write
    }

    /// The answer as JSON; null where it is none.
    pub fn answer_json(&self) -> Value {
        serde_json::from_slice(&self.answer).unwrap_or(Value::Null)
    }
}

/// A request as a call that has just arrived.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes tell the time of day of what they do"
)]
pub(super) fn read(asked: &Asked, started: usize) -> Call {
    let parts = &asked.parts;
    let kind = parts.headers.get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    Call {
        operation: operation::identify(&parts.method, &parts.uri, &parts.headers, &asked.body),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: fields(parts.uri.query().unwrap_or_default()),
        body: value_of(&asked.body, kind),
        raw: asked.body.clone(),
        arrived: SystemTime::now(),
        started,
        ended: None,
        status: None,
        answer: Bytes::new(),
        fault: None,
    }
}

/// Calls in order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Calls(Vec<Call>);

impl Calls {
    pub(super) fn new(calls: Vec<Call>) -> Calls {
        Calls(calls)
    }

    /// Each call.
    pub fn iter(&self) -> std::slice::Iter<'_, Call> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those for which `wanted` holds.
    pub fn filter(&self, wanted: impl Fn(&Call) -> bool) -> Calls {
        Calls(self.0.iter().filter(|call| wanted(call)).cloned().collect())
    }

    /// Those that could change something.
    pub fn writes(&self) -> Calls {
        self.filter(Call::is_write)
    }

    /// Those that only look.
    pub fn reads(&self) -> Calls {
        self.filter(|call| !call.is_write())
    }

    /// Those of one operation.
    pub fn named(&self, name: &str) -> Calls {
        self.filter(|call| call.name() == name)
    }

    /// Names in order of arrival.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(Call::name).collect()
    }

    /// How often each operation was called.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.0 {
            *counts.entry(call.name().to_owned()).or_default() += 1;
        }
        counts
    }

    /// The longest row of calls of which each arrived after the one before it was answered: what the latency of a call
    /// is paid for at least, one after the other.
    pub fn longest_row(&self) -> Vec<&Call> {
        let mut by_end: Vec<_> = self.0.iter().filter(|call| call.ended.is_some()).collect();
        by_end.sort_by_key(|call| call.ended);
        // For each call the longest row that ends with it, by its length and the call before.
        let mut rows: Vec<(usize, Option<usize>)> = Vec::new();
        for call in &by_end {
            let before = by_end[..rows.len()].iter().enumerate();
            let before = before.filter(|(_, earlier)| earlier.ended < Some(call.started));
            let longest = before.max_by_key(|(place, _)| rows[*place].0);
            rows.push(longest.map_or((1, None), |(place, _)| (rows[place].0 + 1, Some(place))));
        }
        let mut at = (0..rows.len()).max_by_key(|place| rows[*place].0);
        let mut row = Vec::new();
        while let Some(place) = at {
            row.push(by_end[place]);
            at = rows[place].1;
        }
        row.reverse();
        row
    }

    /// The most of these calls that were under way at one time.
    pub fn max_in_flight(&self) -> usize {
        let mut changes: Vec<(usize, isize)> = Vec::new();
        for call in &self.0 {
            changes.push((call.started, 1));
            changes.extend(call.ended.map(|ended| (ended, -1)));
        }
        changes.sort_unstable();
        let running = changes.iter().scan(0_isize, |now, (_, change)| {
            *now += change;
            Some(*now)
        });
        running.max().unwrap_or_default().unsigned_abs()
    }
}

impl<'a> IntoIterator for &'a Calls {
    type Item = &'a Call;
    type IntoIter = std::slice::Iter<'a, Call>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The query of a path as decoded fields.
pub(super) fn fields(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// A body as a value; see [`Call::body`].
pub(super) fn value_of(body: &[u8], content_type: &str) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let text = String::from_utf8_lossy(body);
        let object: Map<String, Value> = fields(&text)
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        return Value::Object(object);
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
}

/// Undoes percent encoding and `+` for a blank.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = hex
            .filter(|_| first == b'%')
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(started: usize, ended: Option<usize>) -> Call {
        let operation = Operation {
            service: "lambda".into(),
            name: "GetFunction".into(),
            access: Access::Read,
        };
        Call {
            operation,
            method: "GET".into(),
            path: "/".into(),
            query: BTreeMap::new(),
            body: Value::Null,
            raw: Bytes::new(),
            arrived: SystemTime::UNIX_EPOCH,
            started,
            ended,
            status: Some(200),
            answer: Bytes::new(),
            fault: None,
        }
    }

    #[test]
    fn max_in_flight_counts_overlaps_only() {
        let one_by_one = Calls::new(vec![call(0, Some(1)), call(2, Some(3)), call(4, Some(5))]);
        assert_eq!(one_by_one.max_in_flight(), 1);
        let overlapping = Calls::new(vec![call(0, Some(4)), call(1, Some(2)), call(3, None)]);
        assert_eq!(overlapping.max_in_flight(), 2);
        assert_eq!(Calls::default().max_in_flight(), 0);
    }

    #[test]
    fn forms_and_queries_are_decoded() {
        let body = value_of(
            b"Action=CreateRole&RoleName=a%2Fb+c",
            "application/x-www-form-urlencoded; charset=utf-8",
        );
        assert_eq!(body["RoleName"], "a/b c");
        assert_eq!(value_of(b"{\"a\":1}", "application/json")["a"], 1);
        assert_eq!(value_of(b"", "application/json"), Value::Null);
        assert_eq!(decoded("100%"), "100%");
    }
}
