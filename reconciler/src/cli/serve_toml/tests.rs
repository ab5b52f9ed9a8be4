use proptest::prelude::*;

use super::*;
use crate::source::diagnostic::Problem;

fn problems(text: &str) -> String {
    let problems = ServeToml::parse(FILE, text.to_owned()).unwrap_err();
    let told = |problem: &Problem| {
        let place = problem.place.as_ref().map(ToString::to_string);
        let hint = problem.hint.clone().unwrap_or_default();
        format!("{}: {problem} ({hint})", place.unwrap_or_default())
    };
    problems.0.iter().map(told).collect::<Vec<_>>().join("\n")
}

const WHOLE: &str = r#"
name = "team-a"
concurrency = 8
per_project = 2
state = "s3://team/grail?region=eu-west-1"
endpoint_url = "http://127.0.0.1:4566"

[http]
listen = "0.0.0.0:7465"
token_file = "token"
tls_cert = "cert.pem"
tls_key = "key.pem"
client_ca = "ca.pem"

[projects.shop]
path = "shop"
interval = "10m"
on_drift = "report"
stages = ["dev", { name = "prod", on_drift = "repair", paused = true, require_approval = "any", max_deletes = 0 }]

[projects.blog]
git = "https://user:word@git.example/blog.git"
branch = "main"
subdirectory = "service"
poll = 15
webhook_secret_env = "BLOG_HOOK"

[[projects.blog.stages]]
name = "dev"
parallelism = 4
region = "eu-west-1"
profile = "p"
on_failure = "keep"
allow_replace = true
follow = "off"
"#;

#[test]
fn every_setting_is_read() {
    let toml = ServeToml::parse(FILE, WHOLE.to_owned()).unwrap();
    assert_eq!(
        (toml.name.as_str(), toml.concurrency, toml.per_project),
        ("team-a", Some(8), Some(2))
    );
    assert_eq!(toml.state.as_deref(), Some("s3://team/grail?region=eu-west-1"));
    assert_eq!(toml.http.listen.to_string(), "0.0.0.0:7465");
    assert_eq!(toml.http.webhooks["blog"], "BLOG_HOOK");
    let shop = &toml.projects["shop"];
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(
        (shop.stages["dev"].interval, shop.stages["prod"].interval),
        (minutes(10), minutes(10))
    );
    assert_eq!(shop.stages["dev"].on_drift, OnDrift::Report);
    let prod = &shop.stages["prod"];
    assert_eq!(
        (prod.on_drift, prod.paused, prod.max_deletes),
        (OnDrift::Repair, true, Some(0))
    );
    assert_eq!(prod.require_approval, Some(RequireApproval::Any));
    let blog = &toml.projects["blog"];
    let Source::Git(git) = &blog.source else {
        panic!("{:?}", blog.source)
    };
    assert_eq!(
        (git.reference.as_deref(), git.poll),
        (Some("refs/heads/main"), Duration::from_secs(15))
    );
    assert_eq!(
        blog.source.to_string(),
        "https://git.example/blog.git main /service"
    );
    assert!(!format!("{toml:?}").contains("word"), "credentials are shown");
    let dev = &blog.stages["dev"];
    assert_eq!(
        (dev.parallelism, dev.follow, dev.on_failure),
        (4, Follow::Off, OnFailure::Keep)
    );
    assert_eq!(
        ServeToml::parse(FILE, String::new()).unwrap(),
        ServeToml::default()
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_all_at_once() {
    insta::assert_snapshot!(problems(
        "concurency = 1\nconcurrency = 0\nname = 'a b'\nstate = 'x'\nlocal_cloud = 1\n[http]\nlisten = 'x'\ntls_key = 'k'\nport = 1\n\
         [projects.a]\nstages = ['dev', 'dev', 1, {interval = '1s'}]\n[projects.b]\npath = 'x'\ngit = 'y'\nstages = 1\n\
         [projects.c]\ngit = '--upload-pack=x'\nbranch = 'a..b'\nsubdirectory = '../x'\npoll = 0\nstages = ['.x']\n\
         [projects.d]\npath = 'p'\nbranch = 'm'\nonn_drift = 'x'\non_drift = 'x'\ninterval = '0s'\n[[projects.d.stages]]\nname = 's'\nintervall = 1\n"
    ), @r#"
        grail-serve.toml:1:1: there is no setting `concurency` (`concurrency` may be meant)
        grail-serve.toml:2:15: `concurrency` is 1 at least ()
        grail-serve.toml:3:8: `name`: a name has letters, digits, `-` and `_` ()
        grail-serve.toml:4:9: `state`: a state is `s3://BUCKET/PREFIX`, with options, or `local` ()
        grail-serve.toml:5:15: `local_cloud` is `true` or `false` ()
        grail-serve.toml:7:10: `http.listen` is an address and a port: `127.0.0.1:7465` ()
        grail-serve.toml:8:11: `http.tls_key`: a key needs its `tls_cert` ()
        grail-serve.toml:9:1: there is no setting `http.port` (known here: client_ca, listen, tls_cert, tls_key, token_env, token_file)
        grail-serve.toml:10:1: `projects.a` comes from nowhere: it needs `path` or `git` ()
        grail-serve.toml:11:18: `projects.a.stages` names `dev` twice ()
        grail-serve.toml:11:25: `projects.a.stages` holds names and tables with a `name` ()
        grail-serve.toml:11:28: a stage of `projects.a.stages` has no `name` ()
        grail-serve.toml:14:7: `projects.b` comes from a folder (`path`) or from `git`, not from both ()
        grail-serve.toml:15:10: `projects.b.stages` is a list: `["dev"]` ()
        grail-serve.toml:17:7: `projects.c.git`: the address of a remote, as `git clone` takes it ()
        grail-serve.toml:18:10: `projects.c.branch`: the name of a branch ()
        grail-serve.toml:19:16: `projects.c.subdirectory`: a folder inside of the repository ()
        grail-serve.toml:20:8: `projects.c.poll` is a second at least ()
        grail-serve.toml:21:11: the name of a stage has letters, digits, `-`, `_` and `.` ()
        grail-serve.toml:24:10: `projects.d.branch` is for a project that comes from `git` ()
        grail-serve.toml:25:1: there is no setting `projects.d.onn_drift` (`projects.d.on_drift` may be meant)
        grail-serve.toml:26:12: `projects.d.on_drift` is `"repair"` or `"report"` ()
        grail-serve.toml:27:12: `projects.d.interval`: it is 1s at least ()
        grail-serve.toml:30:1: there is no setting `projects.d.stages.intervall` (`projects.d.stages.interval` may be meant)
        "#);
}

#[test]
fn an_address_that_others_reach_needs_proof_of_who_asks() {
    let with = |more: &str| format!("[http]\nlisten = '0.0.0.0:1'\n{more}");
    assert!(
        problems(&with(""))
            .starts_with("grail-serve.toml:2:10: `http.listen`: whoever reaches this address could steer")
    );
    assert!(problems("[http]\nlisten = '[::]:1'\n").contains("`http.listen`"));
    for proof in [
        "token_env = 'T'",
        "token_file = 't'",
        "client_ca = 'c'\ntls_cert = 'c'\ntls_key = 'k'",
    ] {
        ServeToml::parse(FILE, with(proof)).unwrap();
    }
    for (wrong, word) in [
        ("token_env = 'T'\ntoken_file = 't'", "not in both"),
        ("client_ca = 'c'", "need `tls_cert`"),
        ("token_env = 'T'\ntls_cert = 'c'", "needs its `tls_key`"),
        ("token_env = 'T-1'", "the name of an environment variable"),
    ] {
        assert!(problems(&with(wrong)).contains(word), "{wrong}");
    }
}

#[test]
fn credentials_of_an_address_are_not_shown() {
    for (url, shown) in [
        ("https://a:b@h/x", "https://h/x"),
        ("https://tok@h", "https://h"),
        ("https://h/x@y", "https://h/x@y"),
        ("https://a:b/c@h/x", "https://a:b/c@h/x"),
        ("git@h:x", "git@h:x"),
        ("/srv/x", "/srv/x"),
    ] {
        assert_eq!(without_credentials(url), shown);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the file, it is read or refused.
    #[test]
    fn no_text_makes_the_reader_fail(text in "\\PC{0,200}") {
        let _ = ServeToml::parse(FILE, text);
    }

    /// The same for what is nearly right: lines of a good file, cut, doubled and put elsewhere.
    #[test]
    fn no_mixture_of_good_lines_makes_the_reader_fail(
        picks in proptest::collection::vec((0usize..40, 0usize..80), 0..30),
    ) {
        let lines: Vec<&str> = WHOLE.lines().collect();
        let part = |(at, length): &(usize, usize)| -> String {
            lines[at % lines.len()].chars().take(*length).collect()
        };
        let text: Vec<String> = picks.iter().map(part).collect();
        let _ = ServeToml::parse(FILE, text.join("\n"));
    }
}
