//! What holds for every plan: it fits, says what ends, and lets no text of others out of its place.

use std::collections::BTreeSet;

use grail_state::{Kind, ResourceId};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::super::tests::{created, deleted, planned, updated};
use super::*;
use crate::plan::broadening::Way;
use crate::plan::{Action, Step, StepId};

/// Stands in every text of others.
const EVIL: &str = "EVIL";

const PIECES: &[&str] = &[
    "EVIL",
    "@EVIL",
    "`",
    "``",
    "```\n",
    "~~~\n",
    "|",
    "\\",
    "\\|",
    "\n",
    "\r\n",
    "</details>",
    "<!--",
    "<img src=x>",
    "[a](b)",
    "**",
    "_",
    "#1",
    "$x$",
    "\u{202e}",
    "\u{2028}",
    "http://EVIL.example",
    "&lt;",
    "-",
    " ",
    "a",
    "ü",
];

fn nasty() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 1..6).prop_map(|pieces| pieces.concat())
}

#[derive(Clone, Debug)]
struct Draw {
    what: u8,
    name: String,
    label: String,
    value: String,
    long: usize,
}

fn draw() -> impl Strategy<Value = Draw> {
    (
        any::<u8>(),
        nasty(),
        nasty(),
        nasty(),
        prop_oneof![9 => 0..4_usize, 1 => 0..8_000_usize],
    )
        .prop_map(|(what, name, label, value, long)| Draw {
            what,
            name,
            label,
            value,
            long,
        })
}

fn steps(draws: &[Draw]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (place, draw) in draws.iter().enumerate() {
        let id = u32::try_from(2 * place).unwrap();
        let spec = |version: &str| {
            json!({"name": draw.label, draw.value.clone(): draw.value.repeat(1 + draw.long), "list": vec![draw.value.clone(); draw.long.min(50)],
                "version": version, "policy": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": format!("a:{version}"), "Resource": draw.value.repeat(1 + draw.long)}]}})
        };
        let kind = if draw.what > 200 {
            draw.value.clone()
        } else {
            "a".to_owned()
        };
        let resource = ResourceId::new(Kind::named(kind), format!("{place}{}", draw.name));
        let mut made = match draw.what % 6 {
            0 => created(id, "a.b", spec("1")),
            1 | 2 => updated(id, "a.b", spec("2"), spec("1")),
            3 | 4 => deleted(id, "a.b", &draw.label),
            _ => {
                let mut old = deleted(id + 1, "a.b", &draw.label);
                old.action = Action::Delete {
                    replaced_by: Some(StepId(id)),
                };
                old.resource = resource.clone();
                steps.push(old);
                let mut made = created(id, "a.b", spec("1"));
                made.action = Action::Create {
                    replaces: Some(StepId(id + 1)),
                };
                made
            }
        };
        made.resource = resource;
        steps.push(made);
    }
    steps
}

fn plan_of(draws: &[Draw], last: &[Draw]) -> Plan {
    let mut plan = planned(steps(draws), Vec::new());
    for draw in last {
        let resource = ResourceId::new(Kind::named("a"), draw.name.clone());
        plan.broadenings.push(Broadening {
            resource: resource.clone(),
            way: Way::Policy,
            what: draw.value.repeat(1 + draw.long),
        });
        plan.additions.insert(resource.clone(), vec![draw.label.clone()]);
        plan.notes.insert(resource, None);
    }
    plan
}

/// What of a line stands in no code span: the rule of CommonMark, that a run of backticks is closed by the next of its length.
fn outside_spans(line: &str) -> String {
    let mut outside = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let (before, from) = rest.split_at(start);
        outside.push_str(before);
        let run = from.len() - from.trim_start_matches('`').len();
        let after = &from[run..];
        let mut at = 0;
        let mut closed = None;
        while let Some(next) = after[at..].find('`') {
            let begin = at + next;
            let length = after[begin..].len() - after[begin..].trim_start_matches('`').len();
            if length == run {
                closed = Some(begin + length);
                break;
            }
            at = begin + length;
        }
        match closed {
            Some(end) => rest = &after[end..],
            None => {
                outside.push_str(&from[..run]);
                rest = after;
            }
        }
    }
    outside + rest
}

/// Splits a row as GFM does: at each `|` that no backslash stands before, where a pair of backslashes is one letter.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut letters = row.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                cells.last_mut().unwrap().push(letter);
                cells.last_mut().unwrap().extend(letters.next());
            }
            '|' => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    cells
}

/// Fails where a text of others stands in no code, or a block is not closed where ours is.
fn judge(text: &str) -> Result<(), TestCaseError> {
    let mut fence: Option<String> = None;
    let mut open = 0;
    for line in text.split('\n') {
        let unseen = |letter: char| letter.is_control() || ['\u{202e}', '\u{2028}'].contains(&letter);
        prop_assert!(!line.contains(unseen), "{line}");
        if let Some(closing) = &fence {
            if line.trim_end().chars().all(|letter| letter == '`') && line.len() >= closing.len() {
                fence = None;
            }
            continue;
        }
        if line.starts_with("```") {
            let ours = line.ends_with("diff") && open == 1;
            prop_assert!(ours, "{line}");
            fence = Some(line.trim_end_matches("diff").to_owned());
            continue;
        }
        if line == "</details>" {
            open -= 1;
            continue;
        }
        if let Some(rest) = line.strip_prefix("<details><summary><code>") {
            let inner = rest.strip_suffix("</code></summary>");
            prop_assert!(inner.is_some_and(|inner| !inner.contains(['<', '>'])), "{line}");
            open += 1;
            continue;
        }
        if line.is_empty() {
            continue;
        }
        prop_assert_eq!(open, 0, "{}", line);
        let parts = if line.starts_with('|') {
            let cells = cells(line);
            prop_assert_eq!(cells.len(), 6, "{}", line);
            cells
        } else {
            vec![line.to_owned()]
        };
        for part in parts {
            let part = match part
                .trim()
                .strip_prefix("<code>")
                .and_then(|part| part.strip_suffix("</code>"))
            {
                Some(inner) => {
                    let strange = |letter: char| !letter.is_ascii_alphanumeric() && !" -&#;".contains(letter);
                    prop_assert!(!inner.contains(strange), "{}", inner);
                    continue;
                }
                None => part,
            };
            let outside = outside_spans(&part);
            let escaped = outside.contains(EVIL) || outside.contains(['<', '@', '[', '$']);
            prop_assert!(!escaped, "{line}");
        }
    }
    prop_assert!(fence.is_none() && open == 0, "something is open at the end");
    Ok(())
}

fn ended(plan: &Plan) -> BTreeSet<&ResourceId> {
    let ends = |step: &&Step| matches!(step.action, Action::Delete { .. });
    plan.steps().filter(ends).map(|step| &step.resource).collect()
}

fn names(text: &str, id: &ResourceId) -> bool {
    text.contains(&cell(&id.to_string())) || text.contains(&code(&id.name))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 120, failure_persistence: None, rng_seed: RngSeed::Fixed(65_535), ..ProptestConfig::default()
    })]
    #[test]
    fn every_plan_fits_names_what_ends_and_keeps_text_in_its_place(
        draws in prop::collection::vec(draw(), 0..40),
        last in prop::collection::vec(draw(), 0..8),
        times in prop_oneof![4 => Just(1_usize), 1 => Just(40)],
    ) {
        let many: Vec<_> = (0..times).flat_map(|_| draws.clone()).collect();
        let plan = plan_of(&many, &last);
        let text = markdown(&plan);
        prop_assert!(text.len() <= LONGEST, "{} bytes", text.len());
        judge(&text)?;
        if !text.contains("deletions, by name") {
            for id in ended(&plan) {
                prop_assert!(names(&text, id), "{id} is missing");
            }
        }
    }
}

fn many(count: u32, of: fn(u32) -> Step) -> Plan {
    planned((0..count).map(of).collect(), Vec::new())
}

#[test]
fn details_go_before_names_and_names_of_what_ends_never_do() {
    let mut plan = many(6_000, |place| {
        let id = format!("lambda_function.handler-{place}");
        match place % 3 {
            0 => created(place, &id, json!({"name": "x".repeat(60), "memory": 128})),
            1 => updated(place, &id, json!({"memory": 128}), json!({"memory": 256})),
            _ => deleted(place, &id, "arn"),
        }
    });
    plan.broadenings = vec![Broadening {
        resource: "iam_role.r".parse().unwrap(),
        way: Way::Policy,
        what: "allows a:b on *".to_owned(),
    }];
    let text = markdown(&plan);
    assert!(text.len() <= LONGEST);
    for id in ended(&plan) {
        assert!(names(&text, id), "{id}");
    }
    assert!(
        text.contains("allows a:b on *") && !text.contains("deletions, by name"),
        "{text}"
    );
    assert!(
        text.contains("4000 resources in detail"),
        "{}",
        &text[text.len() - 300..]
    );
    let counted = text.split("Left out").nth(1).unwrap();
    assert!(counted.contains("changes, by name"), "{counted}");
}

#[test]
fn more_names_than_a_comment_holds_are_counted() {
    let plan = many(20_000, |place| {
        deleted(place, &format!("lambda_function.handler-{place}"), "arn")
    });
    let text = markdown(&plan);
    let shown = (0..20_000)
        .filter(|place| text.contains(&format!("`handler-{place}`")))
        .count();
    assert!(
        text.contains("20000 to delete") && text.contains(&format!("{} deletions, by name", 20_000 - shown))
    );
    assert!(
        text.len() > LONGEST - 2 * SPARE && text.len() <= LONGEST,
        "{}",
        text.len()
    );
}

#[test]
fn what_is_broadened_is_named() {
    let mut plan = planned(vec![], vec![]);
    plan.build.push(created(0, "iam_role.r", Value::Null));
    let broadening = |what: String| Broadening {
        resource: "iam_role.r".parse().unwrap(),
        way: Way::Policy,
        what,
    };
    plan.broadenings = vec![
        broadening("allows s3:* on *".to_owned()),
        broadening("x".repeat(80_000)),
    ];
    insta::assert_snapshot!(markdown(&plan), @r"
    **Plan:** 1 to create, 4 unchanged.

    | | Resource | Name | Why |
    | --- | --- | --- | --- |
    | create | `iam_role.r` |  | new |

    **Lets somebody do what they could not do before:**

    - `iam_role.r` `allows s3:* on *`
    - `iam_role.r`: 1 more, too long to be shown here
    ");
}
