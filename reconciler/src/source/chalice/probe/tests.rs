use std::fs;
use std::time::SystemTime;

use grail_state::digest::Digester;

use super::*;
use crate::source::chalice::test_python::{environment, python};

/// A project in a folder of its own, whose files look as if they were written an hour ago.
struct Project {
    folder: tempfile::TempDir,
    configured: BTreeMap<String, String>,
    environment: Environment,
    timeout: Duration,
}

impl Project {
    fn new(app: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self {
            folder,
            configured: BTreeMap::new(),
            environment: environment(),
            timeout: DEFAULT_TIMEOUT,
        };
        project.write(
            "app.py",
            &format!("from chalice import Chalice\napp = Chalice(app_name='a')\n{app}"),
        );
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a file's age is the one thing that is told in wall-clock time"
        )]
        let now = SystemTime::now();
        file.set_modified(now - Duration::from_secs(3_600)).unwrap();
    }

    async fn probe_with(&self, cache: Option<&Cache>) -> Result<Probed, ProbeError> {
        let python = python();
        let request = Request {
            python: &python,
            project: self.folder.path(),
            configured: &self.configured,
            environment: &self.environment,
            timeout: self.timeout,
        };
        probe(&request, cache).await
    }

    async fn probe(&self) -> Result<Probed, ProbeError> {
        self.probe_with(None).await
    }

    /// The problem of an app that fails: code, place, message, hint.
    async fn fails(&self) -> (&'static str, String, String, String) {
        let problem = self.probe().await.unwrap_err().problem();
        let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
        (
            problem.code,
            place,
            problem.message,
            problem.hint.unwrap_or_default(),
        )
    }
}

#[tokio::test]
async fn what_an_app_prints_is_kept_apart_and_no_bytecode_is_written() {
    let mut project = Project::new(
        "import os, sys\nimport chalicelib.x\nprint('{\"outcome\": 1}', os.environ['TOKEN'])\nos.system('echo from a shell')\nsys.stderr.write('to stderr\\n')\nprint(os.environ['AWS_CHALICE_CLI_MODE'], sys.stdin.read() == '')\n",
    );
    project.write("chalicelib/x.py", "y = 1");
    project.configured.insert("TOKEN".into(), "s3cr3t-value".into());
    let probed = project.probe().await.unwrap();
    assert_eq!(probed.app.app_name, "a");
    for words in [
        "{\"outcome\": 1} <TOKEN>",
        "from a shell",
        "to stderr",
        "true True",
    ] {
        assert!(probed.said.contains(words), "{words}: {}", probed.said);
    }
    assert!(!probed.said.contains("s3cr3t-value"));
    assert!(!project.folder.path().join("chalicelib/__pycache__").exists());
}

#[tokio::test]
async fn every_decorator_is_told_with_its_line() {
    let project = Project::new(
        r#"from chalice import Cron, Rate
app.experimental_feature_flags.update(['WEBSOCKETS'])

@app.schedule(Rate(1, unit=Rate.HOURS), description='d')
def hourly(e): pass

@app.schedule(Cron(0, 18, '?', '*', 'MON-FRI', '*'))
def evening(e): pass

@app.on_cw_event({"source": ["aws.ec2"]})
def instance(e): pass

@app.on_s3_event(bucket='b', prefix='p/', events=['s3:ObjectRemoved:*'])
def object(e): pass

@app.on_sns_message(topic='t')
def message(e): pass

@app.on_sqs_message(
    queue='q', batch_size=5, maximum_concurrency=2)
def queue(e): pass

@app.on_kinesis_record(stream='s')
def record(e): pass

@app.on_dynamodb_record(stream_arn='arn:s', starting_position='TRIM_HORIZON')
def change(e): pass

@app.on_ws_connect()
def connect(e): pass

@app.on_ws_message(name='ignored')
def receive(e): pass

@app.middleware('http')
def around(event, get_response): pass
"#,
    );
    let app = project.probe().await.unwrap().app;
    let told = |source: &super::super::app::EventSource| {
        format!(
            "{} {} {} {}",
            source.decorator,
            source.name,
            source.handler,
            source.place.as_ref().unwrap().line
        )
    };
    assert_eq!(
        app.event_sources.iter().map(told).collect::<Vec<_>>(),
        [
            "schedule hourly app.hourly 6",
            "schedule evening app.evening 9",
            "on_cw_event instance app.instance 12",
            "on_s3_event object app.object 15",
            "on_sns_message message app.message 18",
            "on_sqs_message queue app.queue 21",
            "on_kinesis_record record app.record 25",
            "on_dynamodb_record change app.change 28",
        ]
    );
    let detail = |index: usize, name: &str| app.event_sources[index].details[name].clone();
    assert_eq!(detail(0, "schedule_expression"), "rate(1 hour)");
    assert_eq!(detail(1, "schedule_expression"), "cron(0 18 ? * MON-FRI *)");
    assert_eq!(detail(2, "event_pattern"), r#"{"source": ["aws.ec2"]}"#);
    assert_eq!(
        (detail(3, "prefix"), detail(3, "suffix")),
        (json!("p/"), json!(null))
    );
    assert_eq!(
        (detail(5, "batch_size"), detail(5, "queue_arn")),
        (json!(5), json!(null))
    );
    assert_eq!(detail(7, "starting_position"), "TRIM_HORIZON");
    let keys: Vec<_> = app
        .websocket_handlers
        .iter()
        .map(|one| (one.route_key.as_str(), one.handler.as_str()))
        .collect();
    assert_eq!(keys, [("$connect", "app.connect"), ("$default", "app.receive")]);
    assert_eq!(
        (app.features_used, app.feature_flags),
        (vec!["WEBSOCKETS".to_owned()], vec!["WEBSOCKETS".to_owned()])
    );
    assert_eq!(app.middleware[0].event_type, "http");
}

#[tokio::test]
async fn a_decorator_of_a_wrapped_function_is_placed_where_it_stands() {
    let project = Project::new(
        "from chalicelib.wrap import wrap\n\n@app.lambda_function(name='one')\n@wrap\ndef work(e, c): pass\n",
    );
    project.write(
        "chalicelib/wrap.py",
        "def wrap(f):\n    def inner(e, c): pass\n    return inner\n",
    );
    let app = project.probe().await.unwrap().app;
    let told: Vec<_> = app
        .functions
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.handler.as_str(),
                one.place.clone().unwrap().line,
            )
        })
        .collect();
    // Chalice takes the name of the outermost function, which Lambda will not find; that is what it deploys.
    assert_eq!(told, [("one", "app.inner", 5)]);
}

#[tokio::test]
async fn a_syntax_error_names_file_line_column_and_text() {
    let project = Project::new("import chalicelib.broken\n");
    project.write("chalicelib/broken.py", "x = 1\nif x\n    pass\n");
    let (code, place, message, _) = project.fails().await;
    assert_eq!(
        (code, place.as_str()),
        ("app::syntax", "chalicelib/broken.py:2:5")
    );
    assert!(
        message.starts_with("`chalicelib/broken.py` is not valid Python: expected ':'\n    if x\n        ^"),
        "{message}"
    );
    let project = Project::new("def f(:\n");
    assert_eq!(project.fails().await.1, "app.py:3:7");
}

#[tokio::test]
async fn an_exception_comes_with_the_users_own_frames() {
    let project = Project::new("import json\nfrom chalicelib.settings import load\nload('{')\n");
    project.write("chalicelib/settings.py", "import json\n\ndef load(text):\n    try:\n        return json.loads(text)\n    except ValueError as error:\n        raise RuntimeError('bad settings') from error\n");
    let (code, place, message, _) = project.fails().await;
    assert_eq!(
        (code, place.as_str()),
        ("app::exception", "chalicelib/settings.py:7")
    );
    let expected = "app.py failed while it was imported: RuntimeError: bad settings\n  app.py:5 in <module>: load('{')\n  chalicelib/settings.py:7 in load: raise RuntimeError('bad settings') from error\n  caused by JSONDecodeError: Expecting property name";
    assert!(message.starts_with(expected), "{message}");
    assert!(!message.contains("decoder.py"), "{message}");
}

#[tokio::test]
async fn a_missing_variable_says_where_to_set_it() {
    let project = Project::new("import os\nTABLE = os.environ['TABLE']\n");
    let (_, place, message, hint) = project.fails().await;
    assert_eq!(place, "app.py:4");
    assert!(message.contains("KeyError: 'TABLE'"));
    assert_eq!(
        hint,
        "set `TABLE` under `environment_variables` in .chalice/config.json"
    );
}

#[tokio::test]
async fn no_message_shows_a_configured_value() {
    let mut project = Project::new("import os\nraise ValueError('cannot use ' + os.environ['KEY'])\n");
    project.configured.insert("KEY".into(), "hunter2-hunter2".into());
    let error = project.probe().await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.problem());
    assert!(
        shown.contains("cannot use <KEY>") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_missing_module_is_named_with_what_to_do() {
    let project = Project::new("import no_such_thing.part\n");
    let (code, place, message, hint) = project.fails().await;
    assert_eq!((code, place.as_str()), ("app::missing-module", "app.py:3"));
    assert!(
        message.starts_with("app.py needs the module `no_such_thing`, which is not installed"),
        "{message}"
    );
    assert!(hint.contains("requirements.txt") && hint.contains("vendor/"));
    project.write("requirements.txt", "# ours\nNo-Such.Thing>=2\n");
    assert!(
        project
            .fails()
            .await
            .3
            .starts_with("requirements.txt lists it, but this Python lacks it: ")
    );
}

#[tokio::test]
async fn vendored_and_project_modules_are_found() {
    let project = Project::new("import vendored, beside\n");
    project.write("vendor/vendored.py", "");
    project.write("beside.py", "");
    project.probe().await.unwrap();
}

#[tokio::test]
async fn an_app_that_ends_the_interpreter_or_is_none_is_told() {
    let project = Project::new("import sys\nsys.exit(3)\n");
    assert!(project.fails().await.2.contains("SystemExit: 3"));
    let project = Project::new("import os\nprint('last words', flush=True)\nos._exit(3)\n");
    let (code, _, message, _) = project.fails().await;
    assert_eq!(code, "app::died");
    assert!(
        message.contains("exit status: 3") && message.contains("| last words"),
        "{message}"
    );
    let project = Project::new("del app\n");
    assert_eq!(project.fails().await.0, "app::no-app");
    let project = Project::new("app = 3\n");
    assert_eq!(
        project.fails().await.2,
        "`app` in app.py is a int, not a Chalice object"
    );
    let project = Project::new("@app.route('/', methods=[object()])\ndef f(): pass\n");
    assert_eq!(project.fails().await.0, "app::not-plain");
    fs::remove_file(project.folder.path().join("app.py")).unwrap();
    assert_eq!(project.fails().await.0, "app::missing");
}

#[tokio::test]
async fn a_python_without_chalice_or_no_python_is_told_apart() {
    let mut project = Project::new("");
    project.write("elsewhere/chalice.py", "raise ImportError('not here')\n");
    let elsewhere = project.folder.path().join("elsewhere");
    project.environment.insert("PYTHONPATH".into(), elsewhere.into());
    assert!(matches!(project.probe().await, Err(ProbeError::NoChalice { .. })));
    let environment = environment();
    let request = Request {
        python: Path::new("/no/such/python"),
        project: project.folder.path(),
        configured: &project.configured,
        environment: &environment,
        timeout: DEFAULT_TIMEOUT,
    };
    let error = probe(&request, None).await.unwrap_err();
    assert_eq!(error.problem().code, "app::no-python");
}

#[tokio::test]
async fn an_import_that_hangs_is_ended_with_its_children_and_says_where() {
    let mut project = Project::new(
        "import subprocess, time\n\ndef wait():\n    child = subprocess.Popen(['sleep', '1000'])\n    open('child', 'w').write(str(child.pid))\n    time.sleep(1000)\n\nwait()\n",
    );
    // Time enough to get there on a slow machine; the import itself never ends.
    project.timeout = Duration::from_secs(8);
    let error = project.probe().await.unwrap_err();
    let problem = error.problem();
    assert_eq!(problem.code, "app::timeout");
    assert_eq!(problem.place.unwrap().to_string(), "app.py:8");
    assert!(
        problem.message.contains("app.py:10 in <module>: wait()"),
        "{}",
        problem.message
    );
    let child = fs::read_to_string(project.folder.path().join("child")).unwrap();
    let alive = || {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.contains("(sleep)") && !stat.contains(") Z ")
    };
    while alive() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

type Change = fn(&mut Project);

fn cache(folder: &tempfile::TempDir) -> Cache {
    Cache::new(folder.path().join("answers"), Digester::new([7; 32]))
}

#[tokio::test]
async fn an_answer_is_kept_until_something_that_was_read_changes() {
    let mut project = Project::new(
        "import os\nimport chalicelib.x, vendored\nopen('settings.txt').read()\nFLAG = os.path.exists('flag')\nTABLE = os.environ.get('TABLE')\n",
    );
    project.write("chalicelib/x.py", "");
    project.write("vendor/vendored.py", "");
    project.write("settings.txt", "1");
    project
        .configured
        .insert("SECRET".into(), "hunter2-hunter2".into());
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder);
    let fresh = project.probe_with(Some(&cache)).await.unwrap();
    assert!(!fresh.kept);
    let kept = project.probe_with(Some(&cache)).await.unwrap();
    assert!(kept.kept);
    assert_eq!((kept.app, kept.python), (fresh.app, fresh.python));

    project.write(".chalice/notes", "nobody reads this");
    project.environment.insert("SHLVL".into(), "3".into());
    project.environment.insert("UNREAD".into(), "x".into());
    assert!(
        !project.probe_with(Some(&cache)).await.unwrap().kept,
        "a new name beside app.py could be a module"
    );
    assert!(project.probe_with(Some(&cache)).await.unwrap().kept);

    let changes: [(&str, Change); 8] = [
        ("a module", |p| p.write("chalicelib/x.py", "z = 1")),
        ("a vendored module", |p| p.write("vendor/vendored.py", "z = 1")),
        ("a file that the app opens", |p| p.write("settings.txt", "2")),
        ("a name that the app asks for", |p| p.write("flag/x", "")),
        ("a module that could come first", |p| p.write("vendored.py", "")),
        ("a variable that the app reads", |p| {
            drop(p.environment.insert("TABLE".into(), "t".into()))
        }),
        ("a configured variable", |p| {
            drop(p.configured.insert("SECRET".into(), "other".into()))
        }),
        ("app.py", |p| {
            p.write("app.py", "from chalice import Chalice\nimport os\nos.environ.get('TABLE')\napp = Chalice(app_name='b')\n");
        }),
    ];
    for (what, change) in changes {
        change(&mut project);
        assert!(
            !project.probe_with(Some(&cache)).await.unwrap().kept,
            "{what} changed"
        );
        assert!(
            project.probe_with(Some(&cache)).await.unwrap().kept,
            "{what} stayed"
        );
    }
    assert_eq!(project.probe_with(Some(&cache)).await.unwrap().app.app_name, "b");

    for entry in walkdir::WalkDir::new(folder.path())
        .into_iter()
        .map(Result::unwrap)
        .filter(|e| e.path().is_file())
    {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains("hunter2"), "a secret is kept in clear");
        fs::write(entry.path(), "{").unwrap();
    }
    assert!(
        !project.probe_with(Some(&cache)).await.unwrap().kept,
        "a damaged answer is as good as none"
    );
}

#[tokio::test]
async fn an_import_with_outside_effects_is_not_kept() {
    let apps = [
        "import subprocess\nsubprocess.run(['true'])\n",
        "import socket\ns = socket.socket()\ntry:\n    s.connect(('127.0.0.1', 1))\nexcept OSError:\n    pass\n",
        "open('made.txt', 'w').close()\n",
        "open('/dev/urandom', 'rb').read(1)\n",
    ];
    for app in apps {
        let folder = tempfile::tempdir().unwrap();
        let (project, cache) = (Project::new(app), cache(&folder));
        for _ in 0..2 {
            assert!(!project.probe_with(Some(&cache)).await.unwrap().kept, "{app}");
        }
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let project =
        Project::new("import os\nif not os.path.exists('ready'): raise RuntimeError('not ready')\n");
    let cache = cache(&folder);
    assert!(project.probe_with(Some(&cache)).await.is_err());
    project.write("ready", "");
    assert!(!project.probe_with(Some(&cache)).await.unwrap().kept);
}
