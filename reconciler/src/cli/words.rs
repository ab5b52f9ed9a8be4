//! The two streams, and the one way to print on them. A closed pipe is a quiet success.

use std::io::Write as _;

use super::args::Output;
use super::refusal::{Fault, Refusal};
use super::settings::Verbosity;
use super::wish::Remark;
use crate::event;
use crate::source::chalice::diagnostic::{Problem, Problems};
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

/// Prints one event of the JSON form.
pub fn json_line(kind: &str, mut fields: Value) {
    if let Value::Object(object) = &mut fields {
        object.insert("version".to_owned(), json!(event::VERSION));
        object.insert("event".to_owned(), json!(kind));
    }
    data(&format!("{fields}\n"));
}

/// Prints why a command ends early.
pub fn refuse(refusal: &Refusal, output: Output, colour: bool) {
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
            "error",
            json!({
                "exit": refusal.exit as u8,
                "problems": refusal.problems.as_ref().map(|problems| &problems.0),
                "faults": refusal.faults.iter().map(|fault| json!({
                    "what": fault.what, "causes": fault.causes, "hint": fault.hint,
                })).collect::<Vec<_>>(),
            }),
        ),
    }
}

/// Prints a remark of the source.
pub fn remark(remark: &Remark, output: Output, verbosity: Verbosity, colour: bool) {
    match (output, remark) {
        (Output::Json, Remark::Notice(text)) => {
            json_line("said", json!({"code": "notice", "text": text, "warning": false}));
        }
        (Output::Json, Remark::Problem(problem)) => {
            json_line("problem", json!({"problem": problem}));
        }
        (Output::Json, Remark::AppSaid(text)) => {
            json_line(
                "said",
                json!({"code": "app.printed", "text": text, "warning": false}),
            );
        }
        (Output::Json, Remark::Packaged { reused, size }) => {
            json_line("packaged", json!({"reused": reused, "size": size}));
        }
        (Output::Human, _) if verbosity == Verbosity::Quiet => {}
        (Output::Human, Remark::Notice(text)) => words(&format!("{text}\n")),
        (Output::Human, Remark::Problem(problem)) => words(&warned(problem, colour)),
        (Output::Human, Remark::AppSaid(text)) => {
            text.lines().for_each(|line| words(&format!("app.py: {line}\n")));
        }
        // Chalice's own words, where its users and their scripts look for them.
        (Output::Human, Remark::Packaged { reused, .. }) => {
            data(if *reused {
                "Reusing existing deployment package.\n"
            } else {
                "Creating deployment package.\n"
            });
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
    for problem in problems.0.iter().map(placed) {
        if drawer.render_report(&mut text, &problem).is_err() {
            text.push_str(&format!("{problem}\n"));
        }
    }
    text
}

/// The problem with its place in words, where there is no text that could be drawn with the place in it.
fn placed(problem: &Problem) -> Problem {
    let mut placed = problem.clone();
    if let Some(place) = problem.place.as_ref().filter(|place| !place.is_shown()) {
        placed.message = format!("{place}: {}", problem.message);
    }
    placed
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
    use crate::source::chalice::diagnostic::Place;

    #[test]
    fn a_place_without_its_text_is_told_in_words() {
        let broken =
            Problem::error("config::broken-json", "expected `,`").at(Place::point("config.json", 4, 3));
        let whole = Problem::warning("x::y", "it has no `app`").at(Place::file("app.py"));
        insta::assert_snapshot!(drawn(&Problems(vec![broken, whole]), false), @r"
        config::broken-json

          × config.json:4:3: expected `,`
        x::y

          ⚠ app.py: it has no `app`
        ");
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
