use std::process::Command;

use super::*;

/// A remote in a folder, with a copy of it that somebody works in.
struct Stand {
    _folder: tempfile::TempDir,
    work: PathBuf,
    tree: PathBuf,
    git: Git,
    remote: Remote,
}

fn program(folder: &Path, words: &[&str]) -> String {
    let identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.example",
        "-c",
        "init.defaultBranch=main",
    ];
    let output = Command::new("git")
        .args(identity)
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bare, work) = (folder.path().join("remote.git"), folder.path().join("work"));
        fs::create_dir_all(&work).unwrap();
        program(folder.path(), &["init", "--quiet", "--bare", "remote.git"]);
        program(&work, &["init", "--quiet"]);
        let url = format!("file://{}", bare.display());
        program(&work, &["remote", "add", "origin", &url]);
        let surroundings = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("HOME", folder.path().display().to_string()),
        ];
        let stand = Self {
            tree: folder.path().join("trees").join("dev"),
            git: Git::new(Surroundings::new(surroundings)),
            remote: Remote {
                shown: url.clone(),
                url,
                reference: Some("refs/heads/main".to_owned()),
            },
            work,
            _folder: folder,
        };
        stand.push("app.py", "one");
        stand
    }

    fn push(&self, file: &str, text: &str) -> String {
        fs::write(self.work.join(file), text).unwrap();
        program(&self.work, &["add", "-A"]);
        program(&self.work, &["commit", "--quiet", "-m", text]);
        program(&self.work, &["push", "--quiet", "--force", "origin", "main"]);
        program(&self.work, &["rev-parse", "HEAD"])
    }

    async fn out(&self) -> String {
        self.git.check_out(&self.remote, &self.tree).await.unwrap().0
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.tree.join(file)).unwrap_or_default()
    }
}

#[tokio::test]
async fn what_is_pushed_is_found_and_checked_out_and_what_git_does_not_know_stays() {
    let stand = Stand::new();
    assert_eq!(stand.git.head(&stand.remote).await.unwrap(), stand.out().await);
    assert_eq!(stand.read("app.py"), "one");
    fs::create_dir_all(stand.tree.join(".chalice/grail")).unwrap();
    fs::write(stand.tree.join(".chalice/grail/state.json"), "ours").unwrap();
    fs::write(stand.tree.join("app.py"), "somebody was here").unwrap();
    // A git that was killed.
    fs::write(stand.tree.join(".git/index.lock"), "").unwrap();
    stand.push("lib.py", "more");
    let commit = stand.push("app.py", "two");
    assert_eq!(stand.git.head(&stand.remote).await.unwrap(), commit);
    assert_eq!(stand.out().await, commit);
    assert_eq!(
        (stand.read("app.py"), stand.read("lib.py")),
        ("two".to_owned(), "more".to_owned())
    );
    assert_eq!(stand.read(".chalice/grail/state.json"), "ours");
    // History that was rewritten, and a file that is gone.
    program(&stand.work, &["reset", "--quiet", "--hard", "HEAD~2"]);
    let commit = stand.push("app.py", "three");
    assert_eq!(stand.out().await, commit);
    assert_eq!(
        (stand.read("app.py"), stand.tree.join("lib.py").exists()),
        ("three".to_owned(), false)
    );
}

#[tokio::test]
async fn what_a_killed_checkout_has_left_is_not_deployed() {
    let stand = Stand::new();
    stand.out().await;
    let write = |file: &str, text: &str| {
        let path = stand.tree.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let ours = [
        ".chalice/deployed/dev.json",
        ".chalice/grail/dev/state.json",
        ".chalice/deployments/packed.zip",
        ".grail/dev/journal.ndjson",
        "services/shop/.chalice/grail/dev/state.json",
        "services/shop/.grail/dev/state.json",
        ".venv/bin/python",
        "services/shop/venv/bin/python",
        "built/ignored.bin",
    ];
    ours.iter().for_each(|file| write(file, "ours"));
    // The files of a commit whose checkout was killed before git had written its index.
    let left = [
        "lib.py",
        "chalicelib/views.py",
        "services/shop/other.py",
        "module/.git/HEAD",
    ];
    left.iter().for_each(|file| write(file, "of another commit"));
    write("app.py", "of another commit");
    let commit = stand.push(".gitignore", "built/\n");
    assert_eq!(stand.out().await, commit);
    assert_eq!(stand.read("app.py"), "one");
    for file in left {
        assert!(!stand.tree.join(file).exists(), "{file}");
    }
    for file in ours {
        assert_eq!(stand.read(file), "ours", "{file}");
    }
}

#[tokio::test]
async fn tags_and_the_head_can_be_followed_and_a_name_is_the_whole_name() {
    let mut stand = Stand::new();
    let tagged = program(&stand.work, &["rev-parse", "HEAD"]);
    program(&stand.work, &["tag", "-a", "live", "-m", "live"]);
    program(&stand.work, &["branch", "other/main"]);
    program(&stand.work, &["push", "--quiet", "origin", "live", "other/main"]);
    let newer = stand.push("app.py", "two");
    assert_eq!(stand.git.head(&stand.remote).await.unwrap(), newer);
    stand.remote.reference = Some("refs/tags/live".to_owned());
    assert_eq!(stand.git.head(&stand.remote).await.unwrap(), tagged);
    assert_eq!(stand.out().await, tagged);
    stand.remote.reference = Some("refs/heads/nothing".to_owned());
    let head = stand.git.head(&stand.remote).await.unwrap_err();
    assert!(matches!(head, GitError::NoReference { .. }), "{head}");
    let out = stand.git.check_out(&stand.remote, &stand.tree).await.unwrap_err();
    assert!(matches!(out, GitError::NoReference { .. }), "{out}");
}

#[tokio::test]
async fn a_folder_is_one_processs_alone() {
    let stand = Stand::new();
    let (_, held) = stand.git.check_out(&stand.remote, &stand.tree).await.unwrap();
    let refused = stand.git.check_out(&stand.remote, &stand.tree).await.unwrap_err();
    assert!(matches!(refused, GitError::Folder { .. }), "{refused}");
    drop(held);
    stand.out().await;
}

#[test]
fn no_stage_keeps_another_out_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["eu", "eu.dev", "eu.prod", "eu.lock", "lock", "x.lock", "x"];
    let held: Vec<_> = names
        .iter()
        .map(|name| Held::at(&folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
        .collect();
    for name in names {
        assert!(Held::at(&folder.path().join(name)).is_err(), "{name} is held");
    }
    drop(held);
}

#[tokio::test]
async fn no_credentials_are_told() {
    let mut stand = Stand::new();
    stand.remote.url = "http://ann:hush-4711@127.0.0.1:1/x.git".to_owned();
    stand.remote.shown = "http://127.0.0.1:1/x.git".to_owned();
    for error in [
        stand.git.head(&stand.remote).await.unwrap_err(),
        stand.git.check_out(&stand.remote, &stand.tree).await.unwrap_err(),
    ] {
        assert!(matches!(error, GitError::Remote { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    }
    let said = Said {
        out: String::new(),
        err: "fatal: redirected to 'https://b:hush@h/x'\nand https://hush@g".to_owned(),
        code: Some(1),
    };
    assert_eq!(
        said.told("", ""),
        "fatal: redirected to 'https://h/x'; and https://g"
    );
}
