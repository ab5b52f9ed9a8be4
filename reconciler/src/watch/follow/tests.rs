use std::fs;
use std::path::Path;

use super::*;
use crate::watch::project::followed;

/// A limit for hangs, not a measure.
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    folder: tempfile::TempDir,
    bell: Bell,
    follower: Follower,
}

impl Place {
    fn new(means: Means) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bell = Bell::default();
        let mut place = Self {
            follower: Follower::new(means, bell.clone()),
            folder,
            bell,
        };
        place.write("app.py", "one");
        place.write("chalicelib/__init__.py", "");
        place.write(".chalice/config.json", "{}");
        place.refresh();
        place
    }

    fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn refresh(&mut self) -> Option<String> {
        let root = self.root();
        self.follower.refresh(&followed(&root, "dev"))
    }

    /// What rings until `last` does, which is changed now.
    async fn heard_until(&self, last: &str) -> BTreeSet<String> {
        self.write(last, "the last that is written");
        self.heard(last).await
    }

    /// What rings until `name` does.
    async fn heard(&self, name: &str) -> BTreeSet<String> {
        let wanted = self.root().join(name);
        let mut all = BTreeSet::new();
        let listening = async {
            while !all.contains(&wanted) {
                self.bell.rings().await;
                all.extend(self.bell.take().changed.unwrap_or_default());
            }
        };
        let heard = tokio::time::timeout(PATIENCE, listening).await;
        assert!(heard.is_ok(), "{name} was not heard of, but {all:?}");
        let root = self.root();
        let name = |path: &PathBuf| path.strip_prefix(&root).unwrap_or(path).display().to_string();
        all.iter().map(name).collect()
    }
}

fn both() -> [Means; 2] {
    [Means::Notifications, Means::Looking(Duration::from_millis(20))]
}

#[tokio::test]
async fn what_shapes_the_project_is_heard_and_noise_is_not() {
    for means in both() {
        let mut place = Place::new(means);
        for noise in [
            "README.md",
            ".git/index",
            ".venv/x.py",
            ".chalice/deployed/dev.json",
            ".chalice/grail/dev/state.json",
            ".chalice/deployments/a.zip",
            "chalicelib/__pycache__/a.pyc",
            "chalicelib/4913",
            "chalicelib/.a.py.swp",
            "chalicelib/#a.py#",
            ".app.py.swp",
            "app.py~",
        ] {
            place.write(noise, "noise");
        }
        let heard = place.heard_until("app.py").await;
        assert_eq!(heard, ["app.py".to_owned()].into(), "{means:?}");
        for name in [
            "chalicelib/__init__.py",
            ".chalice/config.json",
            "requirements.txt",
            "grail.toml",
        ] {
            place.refresh();
            let heard = place.heard_until(name).await;
            assert!(heard.contains(name), "{means:?}: {heard:?}");
        }
    }
}

#[tokio::test]
async fn a_save_by_rename_is_heard_again_and_again() {
    for means in both() {
        let mut place = Place::new(means);
        for round in 0..3 {
            place.write("app.py.new", &format!("round {round}"));
            fs::rename(place.path("app.py"), place.path("app.py~")).unwrap();
            fs::rename(place.path("app.py.new"), place.path("app.py")).unwrap();
            place.heard("app.py").await;
            place.refresh();
        }
    }
}

#[tokio::test]
async fn folders_may_come_go_and_come_again() {
    for means in both() {
        let mut place = Place::new(means);
        for round in 0..3 {
            place.write("vendor/deep/er/a.py", &format!("a{round}"));
            place.heard("vendor").await;
            place.refresh();
            place.write("vendor/deep/er/a.py", &format!("another {round}"));
            place.heard("vendor/deep/er/a.py").await;
            fs::remove_dir_all(place.path("vendor")).unwrap();
            place.heard("vendor").await;
            place.refresh();
            let old = place.path(".chalice");
            fs::rename(&old, place.path("moved")).unwrap();
            place.heard(".chalice").await;
            place.refresh();
            fs::rename(place.path("moved"), &old).unwrap();
            place.heard(".chalice").await;
            place.refresh();
            place.write(".chalice/config.json", &format!("{{\"round\": {round}}}"));
            place.heard(".chalice/config.json").await;
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_to_where_they_lead() {
    use std::os::unix::fs::symlink;
    for means in both() {
        let mut place = Place::new(means);
        let elsewhere = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(elsewhere.path()).unwrap();
        fs::create_dir(real.join("lib")).unwrap();
        fs::write(real.join("policy.json"), "{}").unwrap();
        symlink(real.join("lib"), place.path("chalicelib/lib")).unwrap();
        symlink(real.join("policy.json"), place.path(".chalice/policy-dev.json")).unwrap();
        place.heard("chalicelib/lib").await;
        place.refresh();
        for file in ["lib/a.py", "policy.json"] {
            let path = real.join(file);
            fs::write(&path, format!("{{\"{file}\": 1}}")).unwrap();
            place.heard(path.to_str().unwrap()).await;
        }
    }
}

#[test]
fn a_missing_folder_is_represented_by_the_nearest_one_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    let of = |file: &str| {
        let files = BTreeSet::from([root.join(file)]);
        let followed = Followed {
            root: root.clone(),
            files,
            trees: BTreeSet::new(),
        };
        scope::Scope::of(&followed)
    };
    let scope = of("a/b/c.json");
    assert_eq!(scope.watched, BTreeSet::from([root.clone()]));
    assert!(scope.holds(&root.join("a")) && !scope.holds(&root.join("b")));
    fs::create_dir(root.join("a")).unwrap();
    let scope = of("a/b/c.json");
    assert_eq!(scope.watched, BTreeSet::from([root.clone(), root.join("a")]));
    assert!(scope.holds(&root.join("a/b")) && scope.holds(&root.join("a")));
}

#[test]
fn noise_is_told_from_names() {
    let noise = |name: &str| scope::is_noise(Path::new(name).file_name().unwrap());
    for name in [
        "__pycache__",
        "a.pyc",
        "a.py~",
        ".#a.py",
        "#a.py#",
        ".a.py.swp",
        "4913",
        ".goutputstream-X",
        ".git",
    ] {
        assert!(noise(name), "{name}");
    }
    for name in ["a.py", "#", "pyc", "49130", "git", "data.json", ".hidden", "swp"] {
        assert!(!noise(name), "{name}");
    }
}
