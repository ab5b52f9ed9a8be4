//! The two streams, and the one way to print on them. A closed pipe is a quiet success.

use std::io::Write as _;

use super::args::Output;
use super::refusal::{Fault, Refusal};
use super::report::json;
use super::settings::{Settings, Verbosity};
use super::wish::{Part, Remark};
use crate::source::chalice::diagnostic::{Problem, Problems};
use jiff::Timestamp;
use miette::Diagnostic as _;
use serde_json::{Value, json};

/// Prints data: what a user asked for.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints words: what a user should know.
pub fn words(text: &str) {
    let mut err = std::io::stderr().lock();
    let _closed = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Prints one event of the JSON form of `command`. `fields` is an object.
pub fn json_line(command: &str, kind: &str, fields: Value) {
    let Value::Object(mut fields) = fields else {
        return;
    };
    fields.insert("event".to_owned(), json!(kind));
    data(&format!("{}\n", json::line(command, Timestamp::now(), fields)));
}

/// Prints why `command` ends early.
pub fn refuse(refusal: &Refusal, command: &str, output: Output, colour: bool) {
    match output {
        Output::Human => {
            if let Some(problems) = &refusal.problems {
                words(&drawn(problems, colour));
            }
            refusal
                .faults
                .iter()
                .for_each(|fault| words(&told(fault, colour)));
        }
        Output::Json => json_line(
            command,
            "error",
            json!({
                "exit": refusal.exit as u8,
                "problems": refusal.problems.as_ref().map(|problems| &problems.0),
                "faults": refusal.faults.iter().map(|fault| json!({
                    "what": fault.what, "origin": fault.origin, "causes": fault.causes, "hint": fault.hint,
                })).collect::<Vec<_>>(),
            }),
        ),
    }
}

/// Prints that something is so, for people and programs.
pub fn notice(settings: &Settings, text: &str) {
    remark(&Remark::Notice(text.to_owned()), settings);
}

/// Prints a remark of the source.
pub fn remark(remark: &Remark, settings: &Settings) {
    if let (Remark::Problem(problem), Some(ci)) = (remark, &settings.ci) {
        ci.problem(problem);
    }
    let line = |kind, fields| json_line(settings.command, kind, fields);
    match (settings.output, remark) {
        (Output::Json, Remark::Notice(text)) => {
            line("said", json!({"code": "notice", "text": text, "warning": false}));
        }
        (Output::Json, Remark::Problem(problem)) => line("problem", json!({"problem": problem})),
        (Output::Json, Remark::AppSaid(text)) => {
            line(
                "said",
                json!({"code": "app.printed", "text": text, "warning": false}),
            );
        }
        (Output::Json, Remark::Packaged { part, reused, size }) => {
            line("packaged", json!({"part": part, "reused": reused, "size": size}));
        }
        (Output::Human, _) if settings.verbosity == Verbosity::Quiet => {}
        (Output::Human, Remark::Notice(text)) => words(&format!("{text}\n")),
        (Output::Human, Remark::Problem(problem)) => words(&warned(problem, settings.colour)),
        (Output::Human, Remark::AppSaid(text)) => {
            text.lines().for_each(|line| words(&format!("app.py: {line}\n")));
        }
        // Chalice's own words, where its users and their scripts look for them.
        (Output::Human, Remark::Packaged { part, reused, .. }) => {
            data(packaged(*part, *reused));
        }
    }
}

/// What Chalice says of a package: the second line follows the first where there was one already.
pub fn packaged(part: Part, reused: bool) -> &'static str {
    match (part, reused) {
        (Part::Whole, false) => "Creating deployment package.\n",
        (Part::Whole, true) => "Creating deployment package.\nReusing existing deployment package.\n",
        (Part::App, false) => "Creating app deployment package.\n",
        (Part::App, true) => "Creating app deployment package.\n  Reusing existing app deployment package.\n",
        (Part::Layer, false) => "Creating shared layer deployment package.\n",
        (Part::Layer, true) => {
            "Creating shared layer deployment package.\n  Reusing existing shared layer deployment package.\n"
        }
    }
}

fn drawn(problems: &Problems, colour: bool) -> String {
    let theme = if colour {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    };
    let drawer = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut text = String::new();
    for problem in &problems.0 {
        if drawer.render_report(&mut text, problem).is_err() {
            text.push_str(&format!("{problem}\n"));
        }
        // Where there is no text to point at, the place is told.
        if let (None, Some(place)) = (problem.labels(), &problem.place) {
            text.push_str(&format!("  at {place}\n"));
        }
    }
    text
}

fn warned(problem: &Problem, colour: bool) -> String {
    drawn(&Problems(vec![problem.clone()]), colour)
}

fn told(fault: &Fault, colour: bool) -> String {
    let paint = |text: &str, code: &str| match colour {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    let mut text = format!("{} {}\n", paint("error:", "1;31"), fault.what);
    if let Some(origin) = &fault.origin {
        text.push_str(&format!("  at {origin}\n"));
    }
    for cause in &fault.causes {
        let indented = cause.replace('\n', "\n    ");
        text.push_str(&format!("  because: {indented}\n"));
    }
    if let Some(hint) = &fault.hint {
        text.push_str(&format!("  {} {hint}\n", paint("next:", "1;36")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use grail_providers::port::Invalid;

    use crate::plan::{PlanError, PlanProblem};
    use crate::source::chalice::diagnostic::Place;

    #[test]
    fn a_problem_without_text_to_show_tells_its_place() {
        let problem = Problem::error("x::y", "no good").at(Place::point("a.json", 3, 7));
        assert!(warned(&problem, false).ends_with("no good\n  at a.json:3:7\n"));
    }

    #[test]
    fn a_problem_of_a_plan_tells_where_its_wish_stands() {
        let error = PlanError::Unfit {
            id: "sns_subscription.reports-sns-subscription".parse().unwrap(),
            problems: vec![Invalid {
                field: "topic".to_owned(),
                why: "there is no topic `sales`".to_owned(),
            }],
        };
        let origin = Some("app.py:12".to_owned());
        let refusal = Refusal::from(vec![PlanProblem { error, origin }]);
        let text: String = refusal.faults.iter().map(|fault| told(fault, false)).collect();
        insta::assert_snapshot!(text, @r"
        error: `sns_subscription.reports-sns-subscription` does not fit what is there: topic: there is no topic `sales`
          at app.py:12
          next: put in place what is missing there, or name something else in the project
        ");
        assert_eq!(refusal.exit as u8, 1);
    }

    #[test]
    fn an_error_shows_its_causes_and_what_to_do_apart() {
        let refusal = Refusal::new("could not reach the moon")
            .because(std::io::Error::other("no rocket"))
            .hint("build one");
        let text: String = refusal.faults.iter().map(|fault| told(fault, false)).collect();
        insta::assert_snapshot!(text, @r"
        error: could not reach the moon
          because: no rocket
          next: build one
        ");
    }
}
