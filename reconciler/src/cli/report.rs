//! What a person or a program is shown: plans, progress, and Chalice's own words.
//!
//! Everything here is text made from plans and events, which hold no secrets, and is written to writers that are handed in:
//! what a user sees is what the tests see.

use std::io;

use jiff::Timestamp;
use tokio::time::Instant;

use super::args::Output;
use super::settings::Settings;
use crate::event::EventSink;

pub mod chalice;
pub mod drift;
pub mod human;
pub mod json;
mod paint;
pub mod plan;

/// Shows the command's events on this process's streams, in the form that the settings ask for. Times count from this call.
pub fn sink(settings: &Settings) -> Box<dyn EventSink> {
    let shown = shown(settings);
    match &settings.ci {
        Some(ci) => ci.listening(settings.command, shown),
        None => shown,
    }
}

fn shown(settings: &Settings) -> Box<dyn EventSink> {
    let command = settings.command;
    match settings.output {
        Output::Json => Box::new(json::Lines::new(
            command,
            Box::new(io::stdout()),
            Box::new(Timestamp::now),
        )),
        Output::Human => {
            let style = human::Style {
                verbosity: settings.verbosity,
                colour: settings.colour,
                draws: settings.draws,
            };
            let began = Instant::now();
            let place = human::Place {
                out: Box::new(io::stdout()),
                err: Box::new(io::stderr()),
                elapsed: Box::new(move || began.elapsed()),
            };
            Box::new(human::Terminal::new(command, style, place))
        }
    }
}
