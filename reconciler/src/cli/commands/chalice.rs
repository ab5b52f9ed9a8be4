//! Chalice's other verbs: the project's own `chalice` is run, so that `alias chalice=grail` is harmless.

use std::process::Stdio;

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::words;
use crate::source::python;

/// The verbs of Chalice 1.34 that grail does not have itself (`chalice-app.md` 5.2).
const VERBS: [&str; 10] = [
    "dev",
    "gen-policy",
    "generate-models",
    "generate-pipeline",
    "generate-sdk",
    "invoke",
    "local",
    "logs",
    "new-project",
    "package",
];

/// Runs `chalice` with these words.
///
/// # Errors
/// For a verb that neither knows, or where there is no Python.
pub async fn run(settings: &Settings, words: &[String], debug: bool) -> Result<Exit, Refusal> {
    let verb = words.first().cloned().unwrap_or_default();
    if !VERBS.contains(&verb.as_str()) {
        let known = VERBS.iter().chain(&[
            "plan",
            "deploy",
            "delete",
            "url",
            "status",
            "rollback",
            "history",
            "validate",
            "local-cloud",
        ]);
        let near =
            known.max_by(|a, b| strsim::jaro_winkler(&verb, a).total_cmp(&strsim::jaro_winkler(&verb, b)));
        let near = near.filter(|near| strsim::jaro_winkler(&verb, near) > 0.8);
        let hint = near.map_or_else(
            || "see `grail help`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Refusal::new(format!("there is no command `{verb}`"))
            .hint(hint)
            .exit(Exit::Usage));
    }
    let surroundings = settings.environment.surroundings();
    let tell = |notice: python::Notice| words::words(&format!("{notice}\n"));
    let found = python::project_python(&settings.project, &surroundings, &settings.cache, &tell).await?;
    words::words(&format!(
        "`{verb}` is Chalice's own: running the project's chalice\n"
    ));
    let mut command = surroundings.command(&found.executable);
    command.args([
        "-c",
        "from chalice.cli import main; import sys; sys.argv[0] = 'chalice'; sys.exit(main())",
    ]);
    if debug {
        command.arg("--debug");
    }
    command.args(words).current_dir(&settings.project);
    command
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    let status = command
        .status()
        .await
        .map_err(|error| Refusal::new("could not run chalice").because(error))?;
    Ok(if status.success() {
        Exit::Done
    } else {
        Exit::Failed
    })
}
