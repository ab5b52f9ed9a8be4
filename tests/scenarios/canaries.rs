//! Secrets that are planted everywhere, and looked for in every byte that grail leaves, in every spelling. The user's own files
//! and the packages of their code hold what the user has put there, and are left out.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use grail_tests::cli::{Grail, Run};
use grail_tests::project::Project;
use grail_tests::proxy::{Effect, Fault, On};
use serde_json::{Value, json};

use crate::stand::Stand;

/// Values of environment variables: at first, and then.
pub(crate) const FIRST: &str = "c4n\"ry/ü +one-5d0c";
pub(crate) const SECOND: &str = "c4n\"ry/ü +two-91fe";
/// A value in the condition of a policy.
const AGREED: &str = "c4n-agreed/between us-77aa";
/// The key that seals, and the credentials.
pub(crate) const KEY: &str = "c4a4a4a4c4a4a4a4c4a4a4a4c4a4a4a4c4a4a4a4c4a4a4a4c4a4a4a4c4a4a4a4";
const CREDENTIAL: &str = "c4n/credential+3bd1";
const SESSION: &str = "c4n/session+token-06e2";

/// Every spelling of these secrets that is looked for.
pub(crate) struct Canaries(Vec<(String, Vec<u8>)>);

impl Canaries {
    pub(crate) fn all() -> Canaries {
        let secrets = [FIRST, SECOND, AGREED, KEY, CREDENTIAL, SESSION];
        let spelled = secrets.iter().flat_map(|secret| {
            spellings(secret)
                .into_iter()
                .map(|spelling| ((*secret).to_owned(), spelling.into_bytes()))
        });
        Canaries(spelled.collect())
    }

    /// Fails if one of them is there.
    #[track_caller]
    pub(crate) fn assert_none_in(&self, what: &str, bytes: &[u8]) {
        for (secret, spelling) in &self.0 {
            let found = bytes.windows(spelling.len()).any(|window| window == spelling);
            let spelling = String::from_utf8_lossy(spelling);
            assert!(
                !found,
                "{what} holds {secret:?} as {spelling}: {}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[track_caller]
    pub(crate) fn assert_none_said(&self, run: &Run) {
        self.assert_none_in(&format!("the output of `{}`", run.command), run.stdout.as_bytes());
        self.assert_none_in(&format!("the errors of `{}`", run.command), run.stderr.as_bytes());
    }

    /// Looks through the project and what lies beside it.
    #[track_caller]
    pub(crate) fn assert_none_kept(&self, project: &Project) {
        let own = ["config.json", "app.py", "policy-mine.json"];
        for (path, bytes) in project.files() {
            let is_code = path.extension().is_some_and(|it| it == "zip")
                || path.components().any(|it| it.as_os_str() == "artifacts");
            if !is_code && !own.iter().any(|name| path.ends_with(name)) {
                self.assert_none_in(&path.display().to_string(), &bytes);
            }
        }
        for folder in ["home", "plans"] {
            for (path, bytes) in files_below(&project.beside(folder)) {
                self.assert_none_in(&path.display().to_string(), &bytes);
            }
        }
    }
}

fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if let Ok(content) = std::fs::read(&path) {
            files.push((path, content));
        }
    }
    files
}

fn spellings(secret: &str) -> Vec<String> {
    let json = |text: &str| {
        Value::from(text)
            .to_string()
            .trim_matches('"')
            .trim_end_matches('\\')
            .to_owned()
    };
    let ascii = |text: &str| text.replace('ü', "\\u00fc");
    let percent = |space: &str| -> String {
        secret
            .bytes()
            .map(|byte| match byte {
                b' ' => space.to_owned(),
                byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let mut all = vec![
        secret.to_owned(),
        json(secret),
        json(&json(secret)),
        ascii(&json(secret)),
        ascii(&json(&json(secret))),
    ];
    for text in [percent("%20"), percent("+")] {
        all.push(text.to_lowercase());
        all.push(text);
    }
    // Wherever it begins in what is encoded: the letters that hold nothing but it.
    for before in ["", "x", "xy"] {
        let text = format!("{before}{secret}");
        let (first, last) = ((before.len() * 8).div_ceil(6), text.len() * 8 / 6);
        all.push(STANDARD_NO_PAD.encode(&text)[first..last].to_owned());
        all.push(URL_SAFE_NO_PAD.encode(&text)[first..last].to_owned());
    }
    all
}

/// Plants a value in the environment of the functions.
pub(crate) fn plant(project: &Project, value: &str) {
    let value = value.to_owned();
    project.configure(move |config| {
        config["stages"]["dev"]["environment_variables"]["TOKEN"] = value.into();
    });
}

/// Plants one in a policy.
fn plant_policy(project: &Project, action: &str) {
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*",
        "Condition": {"StringEquals": {"sts:ExternalId": AGREED}, "StringLike": {"aws:UserAgent": [AGREED, "other"]}}});
    project.write(
        ".chalice/policy-mine.json",
        &json!({"Version": "2012-10-17", "Statement": [statement]}).to_string(),
    );
    project.configure(|config| {
        config["stages"]["dev"]["autogen_policy"] = false.into();
        config["stages"]["dev"]["iam_policy_file"] = "policy-mine.json".into();
    });
}

/// An answer that quotes the request, in several ways.
pub(crate) fn echo(secret: &str) -> Fault {
    let request = json!({"Environment": {"Variables": {"TOKEN": secret}}, "Role": "r"}).to_string();
    let encoded = STANDARD_NO_PAD.encode(&request);
    let percent = spellings(secret)
        .into_iter()
        .find(|spelling| spelling.contains("%20"))
        .unwrap_or_default();
    let said =
        format!("Value '{secret}' in {request} (TOKEN={percent}, {encoded}) failed to satisfy constraint");
    Fault::refuse(400, "InvalidParameterValueException", &said)
}

const FORMS: [&[&str]; 5] = [
    &[],
    &["--output", "json"],
    &["--debug", "--verbose"],
    &["--format", "json"],
    &["--format", "markdown"],
];

/// All that tells of the stage, whether or not there is anything to tell.
const TELLING: [&[&str]; 10] = [
    &["status"],
    &["history"],
    &["url"],
    &["validate"],
    &["drift"],
    &["graph"],
    &["graph", "--plan"],
    &["graph", "--desired"],
    &["state", "list"],
    &["state", "show", "lambda_function.api_handler"],
];

struct Watch {
    stand: Stand,
    grail: Grail,
    canaries: Canaries,
}

impl Watch {
    #[track_caller]
    fn run(&self, words: &[&str], code: i32) -> Run {
        let run = self.grail.run(words).expect_code(code);
        self.look(&run);
        run
    }

    #[track_caller]
    fn look(&self, run: &Run) {
        self.canaries.assert_none_said(run);
        self.canaries.assert_none_kept(&self.stand.project);
    }

    /// Every way to plan, and everything that tells of the stage.
    fn ask(&self) {
        let plan = self
            .stand
            .project
            .beside("plans")
            .join("plan.json")
            .display()
            .to_string();
        for form in FORMS {
            self.run(&[&["plan", "--out", &plan][..], form].concat(), 0);
        }
        for form in &FORMS[..3] {
            for command in TELLING {
                let run = self.grail.run(&[command, form].concat());
                self.look(&run);
            }
        }
        let copy = self.stand.project.beside("plans").join("copy.json");
        let _ = std::fs::remove_file(&copy);
        let run = self
            .grail
            .run(&["state", "pull", "--out", &copy.display().to_string()]);
        self.look(&run);
    }

    /// A deployment that dies at its `nth` write.
    fn die(&self, nth: usize) {
        let fault = Fault::Silence(Effect::Done);
        let name = fault.name();
        self.stand.proxy.forget_calls();
        self.stand.proxy.inject(On::writes().nth(nth), fault);
        let mut running = self.grail.start(&["deploy", "--debug", "--verbose"]);
        assert!(self.stand.proxy.wait_for(name, || running.has_ended()));
        let run = running.kill();
        self.stand.proxy.heal();
        self.look(&run);
    }
}

#[test]
fn no_byte_of_a_secret_is_left_anywhere() {
    let stand = Stand::of_the_shop();
    let grail = stand
        .grail
        .clone()
        .env("GRAIL_SEAL_KEY", KEY)
        .env("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
        .env("AWS_SESSION_TOKEN", SESSION)
        .env("RUST_BACKTRACE", "full");
    let watch = Watch {
        stand,
        grail,
        canaries: Canaries::all(),
    };
    let Watch { stand, .. } = &watch;
    plant(&stand.project, FIRST);
    plant_policy(&stand.project, "s3:GetObject");
    watch.ask();

    // A birth is refused, with words that quote it, and all goes back; then all goes well.
    for form in &FORMS[..3] {
        stand.proxy.inject(On::operation("CreateFunction"), echo(FIRST));
        watch.run(&[&["deploy"][..], form].concat(), 3);
        stand.proxy.heal();
    }
    watch.run(&["deploy", "--debug"], 0);
    let sent = stand.world().section("functions")["shop-dev"].to_string();
    assert!(
        sent.contains("two") || sent.contains("one-5d0c"),
        "the function never got it: {sent}"
    );
    let sent = stand.world().section("roles").clone();
    assert!(
        json!(sent).to_string().contains("c4n-agreed"),
        "the role never got it: {sent:?}"
    );

    // A change is refused, is kept half-way, dies, goes back, and is made.
    plant(&stand.project, SECOND);
    plant_policy(&stand.project, "s3:PutObject");
    watch.ask();
    for form in &FORMS[..3] {
        stand
            .proxy
            .inject(On::operation("UpdateFunctionConfiguration").nth(2), echo(SECOND));
        watch.run(&[&["deploy"][..], form].concat(), 3);
        stand.proxy.heal();
    }
    stand
        .proxy
        .inject(On::operation("UpdateFunctionConfiguration").nth(2), echo(SECOND));
    watch.run(&["deploy", "--on-failure", "keep"], 6);
    stand.proxy.heal();
    watch.ask();
    watch.run(&["rollback", "--debug"], 0);
    watch.die(2);
    watch.ask();
    watch.run(&["rollback", "--output", "json"], 0);
    let plan = stand
        .project
        .beside("plans")
        .join("plan.json")
        .display()
        .to_string();
    watch.run(&["plan", "--out", &plan], 0);
    watch.run(&["deploy", &plan, "--verbose"], 0);
    watch.ask();
    watch.run(&["delete", "--debug"], 0);
    watch.ask();
}
