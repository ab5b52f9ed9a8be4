//! An `app.py` that cannot be imported, or declares what cannot be.

use serde_json::json;

use super::Spoilt;

#[test]
fn an_app_that_cannot_be_imported_is_shown_by_its_authors_own_lines() {
    let shop = Spoilt::shop();
    shop.with_edit(
        "app.py",
        ("def items():", "def items(:"),
        &["app.py:16:", "not valid Python", "def items(:"],
    );
    // The traceback is trimmed to the project's own lines: neither Python's import machinery nor the probe is in it.
    let run = shop.with_edit(
        "chalicelib/shelf.py",
        (
            "class Shelf",
            "raise ValueError('the shelf fell down')\nclass Shelf",
        ),
        &[
            "app.py failed while it was imported: ValueError: the shelf fell down",
            "app.py:4 in <module>",
            "chalicelib/shelf.py:4 in <module>: raise ValueError",
        ],
    );
    for word in ["importlib", "site-packages", "<frozen", "exec_module", "probe"] {
        assert!(!run.stderr.contains(word), "{word} shows: {run}");
    }
    shop.with_lines(
        "\nimport lanterns\n",
        &["app.py:", "needs the module `lanterns`", "requirements.txt"],
    );
    shop.with_lines("\nimport sys; sys.exit(3)\n", &["app.py:"]);
    shop.with_edit(
        "app.py",
        ("app = Chalice(app_name='shop')", "app = None"),
        &["app.py"],
    );
    let app = shop.stand.project.read("app.py");
    shop.stand.project.remove("app.py");
    shop.refused(&["deploy"], &["the project has no app.py", "--project-dir"]);
    shop.stand.project.write("app.py", &app);
    shop.stand.deploy();
}

#[test]
fn a_domain_without_certificate_and_a_taken_name_are_refused_by_line() {
    let shop = Spoilt::shop();
    let lines = shop.stand.project.read("app.py").lines().count();
    let code = "\n\n@app.schedule('rate(1 hour)', name='rest_api')\ndef tidy(event):\n    pass\n";
    let taken = [
        "`rest_api` is the name of the REST API",
        "give the function another with `name=`",
        &format!("app.py:{}", lines + 3),
    ];
    shop.with_lines(code, &taken);
    shop.with_setting(
        "api_gateway_custom_domain",
        json!({ "domain_nam": "shop.example" }),
        &[
            "`api_gateway_custom_domain` has no `domain_name`",
            "`api_gateway_custom_domain` has no `certificate_arn`",
            "did you mean `domain_name`?",
            "config.json:",
        ],
    );
}
