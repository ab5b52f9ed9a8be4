//! Events for programs: one JSON object a line, each with the version of its form, the command and the time.
//!
//! The form is an interface: a field is never renamed or given another meaning under the same version.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::event::{Event, EventSink, VERSION};

/// One line, without its end: `fields` with what every line has.
pub fn line(command: &str, at: Timestamp, mut fields: Map<String, Value>) -> String {
    fields.insert("version".to_owned(), json!(VERSION));
    fields.insert("command".to_owned(), json!(command));
    fields.insert("at".to_owned(), json!(at));
    Value::Object(fields).to_string()
}

/// Writes events as lines.
pub struct Lines {
    command: String,
    out: Box<dyn Write + Send>,
    clock: Box<dyn Fn() -> Timestamp + Send>,
}

impl Lines {
    /// Lines of `command` on `out`, with times from `clock`.
    pub fn new(command: &str, out: Box<dyn Write + Send>, clock: Box<dyn Fn() -> Timestamp + Send>) -> Self {
        Self {
            command: command.to_owned(),
            out,
            clock,
        }
    }
}

impl EventSink for Lines {
    fn emit(&mut self, event: &Event) {
        let Ok(Value::Object(fields)) = serde_json::to_value(event) else {
            return;
        };
        let line = line(&self.command, (self.clock)(), fields);
        // Who reads may have gone; what is done goes on.
        let _gone = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::report::human::tests::Shared;
    use crate::cli::report::plan::tests::{created, planned};
    use crate::event::Outcome;
    use crate::plan::StepId;

    #[test]
    fn each_event_is_one_line_with_a_version_and_a_time() {
        let written = Shared::default();
        let clock = || Timestamp::from_second(1_700_000_000).unwrap();
        let mut lines = Lines::new("deploy", Box::new(written.clone()), Box::new(clock));
        let role = "iam_role.default-role";
        let plan = planned(vec![created(0, role, json!({"name": "shop-dev"}))], vec![]);
        lines.emit(&Event::Planned {
            plan: Box::new(plan.clone()),
        });
        lines.emit(&Event::Finished {
            step: StepId(0),
            id: role.parse().unwrap(),
            action: "create".into(),
            took: Duration::from_millis(1234),
        });
        lines.emit(&Event::Ended {
            outcome: Outcome::RolledBack {
                why: "no\nroom".into(),
            },
        });
        let text = written.text();
        let read: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read.len(), 3);
        assert!(
            read.iter()
                .all(|line| line["version"] == json!(VERSION) && line["at"].is_string())
        );
        let written_plan: crate::plan::Plan = serde_json::from_value(read[0]["plan"].clone()).unwrap();
        assert_eq!(written_plan.digest, plan.digest);
        let at = "2023-11-14T22:13:20Z";
        let finished = json!({
            "event": "finished", "step": 0, "id": role, "action": "create", "took": 1234,
            "version": 1, "command": "deploy", "at": at,
        });
        let outcome = json!({"outcome": "rolled_back", "why": "no\nroom"});
        let ended =
            json!({"event": "ended", "outcome": outcome, "version": 1, "command": "deploy", "at": at});
        assert_eq!(read[1..], [finished, ended]);
    }
}
