//! A browser that looks at a page: the machine's Chromium, driven by packages that are installed once under the target directory.
//!
//! The packages are pinned by `tests/page/package-lock.json` and installed without running anything of theirs. The browser
//! itself is not installed: where there is none the harness says which package has it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::python::target_dir;

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../page/package.json")),
    ("package-lock.json", include_str!("../page/package-lock.json")),
    ("look.mjs", include_str!("../page/look.mjs")),
];
/// What Chromium is called on Debian, elsewhere, and as Google ships it.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What a look at a page came to.
#[derive(Debug)]
pub struct Look {
    /// What is wrong, a line each.
    pub wrong: Vec<String>,
    /// What is as it should be, a line each.
    pub seen: Vec<String>,
    /// The pictures.
    pub folder: PathBuf,
}

/// Looks at the page at `address` with `tests/page/look.mjs`.
///
/// # Panics
/// Where there is no browser, no `node` or no `npm`, where packages cannot be installed, or where the look breaks off.
pub fn look(address: &str) -> Look {
    let browser = BROWSERS.iter().find_map(|name| found(name)).unwrap_or_else(|| {
        panic!("the status page is tested in Chromium, and there is none on PATH (on Debian: the package chromium)")
    });
    let root = packages(&target_dir());
    let folder = target_dir().join("test-page-pictures");
    let output = Command::new("node")
        .arg(root.join("look.mjs"))
        .args([address.as_ref(), browser.as_os_str(), folder.as_os_str()])
        .output()
        .expect("running node, which drives the browser");
    let text = String::from_utf8_lossy(&output.stdout);
    let said: Value = text
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_else(|| {
            panic!(
                "the look broke off: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
    let lines = |name: &str| {
        let lines = said[name].as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter_map(|line| line.as_str().map(str::to_owned))
            .collect()
    };
    Look {
        wrong: lines("wrong"),
        seen: lines("seen"),
        folder,
    }
}

fn found(name: &str) -> Option<PathBuf> {
    let said = Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .output()
        .ok()?;
    let path = String::from_utf8(said.stdout).ok()?;
    (!path.trim().is_empty()).then(|| PathBuf::from(path.trim()))
}

/// The folder with the packages, installed first where they are missing or others.
fn packages(target: &Path) -> PathBuf {
    let root = target.join("test-page");
    fs::create_dir_all(&root).expect("creating the folder of the browser's packages");
    let lock = File::create(target.join("test-page.lock")).expect("creating the lock file of the packages");
    lock.lock().expect("locking the browser's packages");
    let all: String = FILES.iter().map(|(_, text)| *text).collect();
    let stamp = root.join(format!(".ready-{}", hex::encode(Sha256::digest(all))));
    if stamp.is_file() {
        return root;
    }
    for (name, text) in FILES {
        fs::write(root.join(name), text).expect("writing the files of the browser's packages");
    }
    let installed = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(&root)
        .output()
        .expect("running npm, which installs what drives the browser");
    assert!(
        installed.status.success(),
        "installing the packages of tests/page with npm (this needs a package index) failed:\n{}{}",
        String::from_utf8_lossy(&installed.stdout),
        String::from_utf8_lossy(&installed.stderr)
    );
    fs::write(&stamp, "").expect("writing the stamp of the browser's packages");
    root
}
