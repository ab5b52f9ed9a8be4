//! What is told of a file that is wrong, and where.

use super::*;

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_place() {
    let text = r#"{
  "app_nam": "shop",
  "stages": {
    "dev": {
      "lambda_timout": 3,
      "lambda_timeout": "3",
      "environment_variables": {"PIN": 4711},
      "automatic_layer": true,
      "lambda_functions": {"f": {"layers": "arn", "automatic_layer": false}}
    },
    "prod": {"xray": "yes", "app_name": "x"}
  }
}"#;
    assert_eq!(
        told(text),
        [
            "error config::no-app-name .chalice/config.json:1 `app_name` is missing -> rename `app_nam` to `app_name`",
            "warning config::unknown-key .chalice/config.json:2:3 unknown key `app_nam` -> did you mean `app_name`?",
            "warning config::unknown-key .chalice/config.json:5:7 unknown key `lambda_timout` -> did you mean `lambda_timeout`?",
            "error config::wrong-type .chalice/config.json:6:25 `lambda_timeout`: expected a whole number, found a string",
            "error config::wrong-type .chalice/config.json:7:40 `PIN` in `environment_variables`: expected a string, found a number",
            "error config::wrong-type .chalice/config.json:9:44 `layers`: expected a list of strings, found a string",
            "warning config::ignored-key .chalice/config.json:9:51 `automatic_layer` has no effect here -> Chalice reads it at the top level and in a stage only",
            "warning config::doubtful-value .chalice/config.json:11:22 `xray`: expected true or false, found a string, which counts as true",
            "warning config::ignored-key .chalice/config.json:11:29 `app_name` has no effect here -> Chalice reads it at the top level only",
        ]
    );
}

#[test]

fn versions_up_to_two_are_read() {
    for version in ["\"1.0\"", "\"2.0\"", "2.0", "1"] {
        assert_eq!(
            told(&format!(r#"{{"app_name": "a", "version": {version}}}"#)),
            [""; 0]
        );
    }
    assert_eq!(
        told(r#"{"app_name": "a", "version": "2.1"}"#),
        [
            "error config::unknown-version .chalice/config.json:1:30 `version` is 2.1, and this grail reads configurations up to version 2.0"
        ]
    );
    assert_eq!(
        told(r#"{"app_name": "a", "version": "two"}"#),
        ["error config::unknown-version .chalice/config.json:1:30 `version` is not a number"]
    );
}

#[test]
fn the_name_of_the_application_can_be_had_of_a_file_that_is_wrong_elsewhere() {
    let wrong = r#"{"app_name": "shop", "lambda_timeout": "sixty"}"#;
    let (name, problems) = ProjectConfig::parse(wrong).unwrap().app_name("dev").unwrap();
    assert_eq!((name.as_str(), problems.len()), ("shop", 1));
    assert_eq!(problems[0].severity, Severity::Warning);
    for nameless in [r#"{"app_name": ""}"#, r#"{"app_name": 5}"#, "{}"] {
        let project = ProjectConfig::parse(nameless).unwrap();
        assert!(project.app_name("dev").is_err(), "{nameless}");
    }
}

#[test]
fn what_chalice_takes_by_its_truth_is_only_doubted() {
    assert_eq!(
        told(r#"{"app_name": "a", "xray": 1, "automatic_layer": "true", "autogen_policy": ""}"#),
        [
            "warning config::doubtful-value .chalice/config.json:1:27 `xray`: expected true or false, found a number, which counts as true",
            "warning config::doubtful-value .chalice/config.json:1:49 `automatic_layer`: expected true or false, found a string, which counts as true",
            "warning config::doubtful-value .chalice/config.json:1:75 `autogen_policy`: expected true or false, found a string, which counts as false",
        ]
    );
    assert_eq!(
        told(r#"{"app_name": "a", "environment_variables": []}"#),
        [
            "warning config::doubtful-value .chalice/config.json:1:44 `environment_variables`: expected an object of strings, found a list, which counts as none"
        ]
    );
}

#[test]
fn merged_values_are_judged_as_they_are_merged() {
    let text = |stage: &str| {
        format!(
            r#"{{"app_name": "a", "environment_variables": {{"PIN": 1}},
 "lambda_functions": {{"f": {{"environment_variables": {{"PIN": 2}}}}}},
 "stages": {{"dev": {{"environment_variables": {stage}}}}}}}"#
        )
    };
    let codes = |stage: &str| {
        let told = told(&text(stage)).into_iter();
        told.map(|told| told.split(" .chalice").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let ignored = "warning config::ignored-key";
    assert_eq!(codes("{}"), ["error config::wrong-type", ignored]);
    assert_eq!(codes(r#"{"PIN": "1"}"#), ["warning config::wrong-type", ignored]);
    assert_eq!(
        codes(r#"{"PIN": 3}"#),
        ["warning config::wrong-type", ignored, "error config::wrong-type"]
    );
}

#[test]
fn structure_of_the_wrong_type_is_an_error() {
    assert_eq!(
        told(r#"{"app_name": "a", "stages": [], "lambda_functions": {"f": 3}}"#),
        [
            "error config::wrong-type .chalice/config.json:1:29 `stages`: expected an object, found a list",
            "error config::wrong-type .chalice/config.json:1:59 `f`: expected an object, found a number",
        ]
    );
    assert_eq!(
        told("[]"),
        [
            "error config::wrong-type .chalice/config.json:1:1 `.chalice/config.json` holds a list, not an object -> it needs at least `{\"version\": \"2.0\", \"app_name\": \"...\"}`"
        ]
    );
}

#[test]
fn a_missing_or_broken_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ProjectConfig::read(folder.path()).unwrap_err();
    assert_eq!(missing.0[0].code, "config::missing");
    std::fs::create_dir(folder.path().join(".chalice")).unwrap();
    std::fs::write(folder.path().join(CONFIG_FILE), b"{\"app_name\": \"\xff\"}").unwrap();
    assert_eq!(
        ProjectConfig::read(folder.path()).unwrap_err().0[0].code,
        "config::unreadable"
    );
    std::fs::write(folder.path().join(CONFIG_FILE), "{\n  \"app_name\" \"a\"\n}").unwrap();
    let broken = ProjectConfig::read(folder.path()).unwrap_err();
    assert_eq!(
        broken.0[0].place.as_ref().unwrap().to_string(),
        ".chalice/config.json:2:14"
    );
}

#[test]
fn a_stage_name_that_would_leave_its_folder_is_refused() {
    let project = ProjectConfig::parse(r#"{"app_name": "a"}"#).unwrap();
    for stage in ["../x", ".hidden", "", "a/b"] {
        assert_eq!(
            project.stage(stage, &Overrides::default()).unwrap_err().0[0].code,
            "config::bad-stage",
            "{stage}"
        );
    }
}

#[test]
fn no_debug_text_shows_a_secret() {
    let text = r#"{"app_name": "a", "environment_variables": {"KEY": "hunter2", "N": 4711}}"#;
    let project = ProjectConfig::parse(text).unwrap();
    let problems = project.stage("dev", &Overrides::default()).unwrap_err();
    let (config, _) = config(&text.replace("4711", "\"\""));
    let shown = format!("{project:?} {config:?} {:?} {problems:?}", config.function("f"));
    assert!(!shown.contains("hunter2") && !shown.contains("4711"), "{shown}");
    let drawn = format!("{:?}", miette::Report::new(problems.0[0].clone()));
    assert!(
        drawn.contains("KEY") && !drawn.contains("hunter2") && !drawn.contains("4711"),
        "{drawn}"
    );
}
