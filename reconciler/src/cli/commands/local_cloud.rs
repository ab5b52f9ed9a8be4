//! `grail local-cloud up|down|status|reset`.

use std::path::PathBuf;

use grail_state::store::file::prepare;
use serde_json::json;

use crate::cli::args::LocalCloudVerb;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, stage, words};
use crate::local::{LocalCloud, LocalSettings, Note, Running, Status, Stopped};
use crate::source::python;

/// Does what was asked with the local cloud of the stage.
///
/// # Errors
/// Where it cannot be installed, started or stopped.
pub async fn run(settings: &Settings, verb: LocalCloudVerb) -> Result<Exit, Refusal> {
    let settings = &settings.on_local_cloud();
    match verb {
        LocalCloudVerb::Up => {
            let running = up(settings).await?;
            let said = if running.started {
                "started"
            } else {
                "running already"
            };
            say(
                settings,
                &format!(
                    "local cloud of stage {}: {said} at {}",
                    settings.stage, running.endpoint_url
                ),
            );
            event(
                settings,
                json!({"state": "running", "port": running.port, "endpoint_url": running.endpoint_url}),
            );
        }
        LocalCloudVerb::Down => {
            let stopped = LocalCloud::down(&local_settings(settings, None)).await?;
            say(settings, words_of(stopped));
            event(
                settings,
                json!({"state": "stopped", "orderly": stopped != Stopped::Killed}),
            );
        }
        LocalCloudVerb::Status => status(settings).await,
        LocalCloudVerb::Reset => {
            let stopped = reset(settings).await?;
            say(
                settings,
                &format!("{}; all that was deployed in it is forgotten", words_of(stopped)),
            );
            event(settings, json!({"state": "empty"}));
        }
    }
    Ok(Exit::Done)
}

/// Makes the local cloud run, with the project's Python for its functions.
///
/// # Errors
/// As [`crate::local::LocalError`] says.
pub async fn up(settings: &Settings) -> Result<Running, Refusal> {
    prepare(&settings.grail_folder())?;
    let surroundings = settings.environment.surroundings();
    let tell = |notice: python::Notice| say(settings, &notice.to_string());
    let found = python::project_python(&settings.project, &surroundings, &settings.cache, &tell).await?;
    let local = local_settings(settings, Some(found.executable));
    let mut note = |note: Note| say(settings, &heard(&note));
    let running = LocalCloud::up(&local, &mut note).await?;
    if let Some(before) = running.moved_from {
        let moved = format!(
            "port {before} is taken: URLs with it are no longer valid, the cloud is at port {}",
            running.port
        );
        say(settings, &moved);
    }
    Ok(running)
}

/// Makes the local cloud run without a look at the project's Python: for commands that need none.
///
/// # Errors
/// As [`crate::local::LocalError`] says.
pub async fn up_alone(settings: &Settings) -> Result<Running, Refusal> {
    let mut note = |note: Note| say(settings, &heard(&note));
    Ok(LocalCloud::up(&local_settings(settings, None), &mut note).await?)
}

fn local_settings(settings: &Settings, function_python: Option<PathBuf>) -> LocalSettings {
    LocalSettings {
        cache: settings.cache.clone(),
        folder: settings.folder(),
        python: settings
            .environment
            .surroundings()
            .find_program("python3")
            .unwrap_or_else(|| "python3".into()),
        function_python,
    }
}

async fn status(settings: &Settings) {
    let status = LocalCloud::status(&local_settings(settings, None)).await;
    let (words, fields) = match &status {
        Status::Running { port, pid } => (
            format!("running at http://127.0.0.1:{port} (process {pid})"),
            json!({"state": "running", "port": port, "pid": pid}),
        ),
        Status::Silent { pid } => (
            "started, but not answering".to_owned(),
            json!({"state": "silent", "pid": pid}),
        ),
        Status::Stopped { holds_state: true } => (
            "stopped; what was deployed comes back when it is started".to_owned(),
            json!({"state": "stopped", "holds_state": true}),
        ),
        Status::Stopped { holds_state: false } => (
            "stopped and empty".to_owned(),
            json!({"state": "stopped", "holds_state": false}),
        ),
    };
    if is_human(settings) {
        words::data(&format!("local cloud of stage {}: {words}\n", settings.stage));
    }
    event(settings, fields);
}

/// Empties the cloud, and forgets its record, which says nothing true any more. Not while a command works with it.
async fn reset(settings: &Settings) -> Result<Stopped, Refusal> {
    prepare(&settings.grail_folder())?;
    let condemned = stage::condemn(settings, "local-cloud reset")?;
    let stopped = LocalCloud::reset(&local_settings(settings, None)).await?;
    condemned.forget()?;
    Ok(stopped)
}

fn heard(note: &Note) -> String {
    match note {
        Note::Installing { .. } => "Installing the local cloud (MiniStack), once for this machine".to_owned(),
        Note::Starting => "Starting the local cloud".to_owned(),
        Note::Renewing => {
            "Restarting the local cloud, which an older grail started; it keeps what it holds".to_owned()
        }
    }
}

fn words_of(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::WasNot => "the local cloud did not run",
        Stopped::Orderly => "the local cloud is stopped",
        Stopped::Killed => {
            "the local cloud did not stop by itself and was killed: what was deployed since its last stop is lost to it"
        }
    }
}

fn say(settings: &Settings, text: &str) {
    if is_human(settings) {
        words::words(&format!("{text}\n"));
    } else {
        words::json_line(
            settings.command,
            "said",
            json!({"code": "local-cloud", "text": text, "warning": false}),
        );
    }
}

fn event(settings: &Settings, fields: serde_json::Value) {
    if !is_human(settings) {
        words::json_line(settings.command, "local_cloud", fields);
    }
}
