//! Chalice's other verbs: the project's own `chalice` is run, so that `alias chalice=grail` is harmless. It ends as Chalice
//! ends.
//!
//! Flags of grail's own that stand before the verb are handed on where the verb has them, and refused where it has not: a
//! flag that is dropped in silence would let a verb work on another stage, or on AWS in place of the local cloud.

use std::process::{ExitCode, ExitStatus, Stdio};

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

/// Those of them that take `--stage`, and those that take `--profile` (the options in `chalice/cli/__init__.py`).
const STAGED: [&str; 6] = [
    "generate-models",
    "generate-sdk",
    "invoke",
    "local",
    "logs",
    "package",
];
const PROFILED: [&str; 4] = ["invoke", "logs", "new-project", "package"];

/// The stage of both where none is named.
const DEFAULT_STAGE: &str = "dev";

/// Runs `chalice` with these words.
///
/// # Errors
/// For a verb that neither knows, for flags that Chalice does not have, or where there is no Python.
pub async fn run(settings: &Settings, words: &[String], debug: bool) -> Result<ExitCode, Refusal> {
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
    let words = &worded(
        words,
        &settings.stage,
        settings.profile(),
        settings.leads_elsewhere(),
    )?;
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
    Ok(code(status).into())
}

/// The words with what stands before the verb, in Chalice's order: what stands behind it wins.
fn worded(
    words: &[String],
    stage: &str,
    profile: Option<&str>,
    elsewhere: Option<&str>,
) -> Result<Vec<String>, Refusal> {
    let Some((verb, rest)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let refused = |flag: &str| {
        Refusal::new(format!("`{verb}` is Chalice's own, and it takes no `{flag}`"))
            .hint(format!("leave `{flag}` out"))
            .exit(Exit::Usage)
    };
    if let Some(flag) = elsewhere {
        return Err(refused(flag));
    }
    let mut handed = vec![verb.clone()];
    let stage = Some(stage).filter(|stage| *stage != DEFAULT_STAGE);
    let given = [
        ("--stage", stage, &STAGED[..]),
        ("--profile", profile, &PROFILED[..]),
    ];
    for (flag, value, takers) in given {
        match value {
            Some(_) if !takers.contains(&verb.as_str()) => return Err(refused(flag)),
            Some(value) => handed.extend([flag.to_owned(), value.to_owned()]),
            None => {}
        }
    }
    handed.extend(rest.iter().cloned());
    Ok(handed)
}

/// How a process ended, as a shell tells it: its own code, or 128 and the signal.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| signal.map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(Exit::Failed as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_stands_before_the_verb_is_handed_on_where_the_verb_takes_it() {
        let handed = |text: &str, stage, profile| worded(&words(text), stage, profile, None).unwrap();
        assert_eq!(handed("logs -f", "dev", None), words("logs -f"));
        assert_eq!(
            handed("logs --stage beta", "prod", Some("ann")),
            words("logs --stage prod --profile ann --stage beta")
        );
        assert_eq!(
            handed("new-project x", "dev", Some("ann")),
            words("new-project --profile ann x")
        );
    }

    #[test]
    fn what_the_verb_does_not_take_is_refused() {
        for (text, stage, profile, elsewhere, flag) in [
            ("gen-policy", "prod", None, None, "--stage"),
            ("local", "dev", Some("ann"), None, "--profile"),
            ("invoke", "dev", None, Some("--local"), "--local"),
        ] {
            let refused = worded(&words(text), stage, profile, elsewhere).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage);
            assert!(
                refused.faults[0].what.ends_with(&format!("`{flag}`")),
                "{refused:?}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn it_ends_as_chalice_ends() {
        use std::os::unix::process::ExitStatusExt as _;
        let ended = |raw| code(ExitStatus::from_raw(raw));
        assert_eq!(
            [ended(0), ended(2 << 8), ended(255 << 8), ended(15)],
            [0, 2, 255, 143]
        );
    }
}
