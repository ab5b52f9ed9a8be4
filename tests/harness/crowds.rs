//! Projects of many functions, as large as they are asked for.

use std::fmt::Write as _;

use crate::project::Project;

/// A manifest of Python functions `f000`, `f001`, ..., each with a folder of its own, and one role for all.
pub fn functions_of_their_own(count: usize) -> Project {
    let project = Project::empty();
    let mut manifest = "grail: 1\napp: crowd\nroles:\n  worker:\n    statements:\n      - {Effect: Allow, Action: \"logs:*\", \
                        Resource: \"*\"}\ndefaults:\n  runtime: python3.12\n  role: ${roles.worker.arn}\nfunctions:\n"
        .to_owned();
    for number in 0..count {
        let name = name_of(number);
        let _ = writeln!(
            manifest,
            "  {name}:\n    handler: work.handler\n    code: {{python: {{dir: {name}}}}}"
        );
        project.write(&format!("{name}/work.py"), &code_of(number, 0));
        project.write(
            &format!("{name}/words.py"),
            &format!("WORDS = {:?}\n", "word ".repeat(number % 50)),
        );
    }
    project.write("grail.yaml", &manifest);
    project
}

/// What the function of this number is called in its manifest.
pub fn name_of(number: usize) -> String {
    format!("f{number:03}")
}

/// The text of `work.py` of the function of this number, in its `edition`th form.
pub fn code_of(number: usize, edition: usize) -> String {
    format!(
        "from words import WORDS\n\n\ndef handler(event, context):\n    return [{number}, {edition}, len(WORDS)]\n"
    )
}

/// A Chalice app of so many functions, none of them an API, that share `chalicelib/shared.py`.
pub fn functions_of_one_package(count: usize) -> Project {
    let project = Project::empty();
    let mut app = "from chalice import Chalice\nfrom chalicelib.shared import EDITION\n\napp = Chalice(app_name='choir')\n"
        .to_owned();
    for number in 0..count {
        let _ = write!(
            app,
            "\n\n@app.lambda_function()\ndef voice_{number}(event, context):\n    return [{number}, EDITION]\n"
        );
    }
    project.write("app.py", &app);
    project.write("chalicelib/__init__.py", "");
    project.write("chalicelib/shared.py", &shared_code(0));
    project.write("requirements.txt", "");
    project.write(
        ".chalice/config.json",
        "{\"version\": \"2.0\", \"app_name\": \"choir\", \"stages\": {\"dev\": {}}}\n",
    );
    project
}

/// The text of `chalicelib/shared.py` in its `edition`th form.
pub fn shared_code(edition: usize) -> String {
    format!("EDITION = {edition}\n")
}
