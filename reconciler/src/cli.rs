//! The command line: words, exit codes and wiring. The only part of grail that prints or reads the environment.

use std::process::ExitCode;

use clap::Parser as _;
use tracing::{Instrument as _, Span};

pub mod args;
pub mod ci;
pub mod environment;
pub mod exit;
pub mod refusal;
pub mod report;
pub mod settings;

pub mod ask;
pub mod commands;
mod defect;
pub mod deployment;
pub mod goal;
pub mod grail_toml;
pub mod guard;
pub mod pass;
mod revisions;
pub mod saved;
pub mod serve_toml;
pub mod shared;
pub mod signals;
pub mod stage;
pub mod systemd;
mod toml_reader;
pub mod trace;
pub mod wish;
pub mod words;

use args::{Command, CommandLine, Output};
use environment::Environment;
use exit::Exit;
use refusal::Refusal;
use settings::Settings;
use trace::Telemetry;

/// Runs the command line of this process to its end.
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    defect::tell_without_payload();
    let command = line.command.name();
    let (output, colour) = (
        line.global.output,
        environment.colours(line.global.no_color || line.global.ci),
    );
    let traced = line.command.is_traced().then_some(command);
    let telemetry = match Telemetry::start(&line.global, &environment, traced) {
        Ok(telemetry) => telemetry,
        Err(refusal) => {
            words::refuse(&refusal, command, output, colour);
            return refusal.exit.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            words::refuse(
                &Refusal::new("could not start").because(error),
                command,
                output,
                colour,
            );
            return Exit::Failed.into();
        }
    };
    let span = telemetry.command();
    let inside = match line.command.stays() {
        true => Span::none(),
        false => span.clone(),
    };
    let done = runtime.block_on(run(line, environment, span).instrument(inside));
    telemetry.end();
    // What still runs (a look that nobody waits for any more) is not worth waiting for.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit,
        Err(refusal) => {
            words::refuse(&refusal, command, output, colour);
            refusal.exit.into()
        }
    }
}

async fn run(line: CommandLine, environment: Environment, span: Span) -> Result<ExitCode, Refusal> {
    if let Command::Completions { shell } = line.command {
        return Ok(commands::completions::run(shell).into());
    }
    if let Command::Manual { plan_schema } = line.command {
        return Ok(commands::manual::run(plan_schema).into());
    }
    if let Command::Schema(args) = line.command {
        return Ok(commands::schema::run(args).into());
    }
    if let Command::Policy(args) = &line.command {
        return Ok(commands::policy::run(&line.global, args).into());
    }
    let debug = line.global.debug;
    let settings = Settings::resolve(line.command.name(), &line.global, environment);
    let settings = settings.inspect_err(|refusal| trace::ended(&span, Err(refusal)))?;
    let done = match line.command {
        Command::Plan(args) => signals::unless_stopped(commands::plan::run(&settings, &args)).await,
        Command::Deploy(args) => commands::deploy::run(&settings, &args).await,
        Command::Watch(args) => commands::watch::run(&settings, &line.global, &args).await,
        Command::Serve(args) => commands::serve::run(&settings, &line.global, &args).await,
        Command::Delete(args) => commands::delete::run(&settings, &args).await,
        Command::Rollback(args) => commands::rollback::run(&settings, &args).await,
        Command::Status => commands::status::run(&settings).await,
        Command::Drift => signals::unless_stopped(commands::drift::run(&settings)).await,
        Command::History(args) => commands::history::run(&settings, &args).await,
        Command::Graph(args) => signals::unless_stopped(commands::graph::run(&settings, &args)).await,
        Command::Url => commands::url::run(&settings).await,
        Command::State(args) => commands::state::run(&settings, &args.verb).await,
        Command::Validate => signals::unless_stopped(commands::validate::run(&settings)).await,
        Command::Init(args) => signals::unless_stopped(commands::init::run(&settings, &args)).await,
        Command::Fmt(args) => commands::fmt::run(&settings, &args),
        Command::LocalCloud(args) => commands::local_cloud::run(&settings, args.verb).await,
        Command::Chalice(words) => return commands::chalice::run(&settings, &words, debug).await,
        Command::Completions { .. } | Command::Manual { .. } | Command::Policy(_) | Command::Schema(_) => {
            Ok(Exit::Done)
        }
    };
    if let (Err(refusal), Some(ci)) = (&done, &settings.ci) {
        ci.refused(refusal);
    }
    trace::ended(&span, done.as_ref().map(|exit| *exit));
    done.map(ExitCode::from)
}

fn usage(error: &clap::Error) -> ExitCode {
    let _closed = error.print();
    match error.kind() {
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}

/// True where words, not JSON, are wanted.
fn is_human(settings: &Settings) -> bool {
    settings.output == Output::Human
}
