//! Which files and folders of the project a manifest speaks of, for those who follow them.
//!
//! Loosely: a manifest that is wrong in one place still names what stands in the others, and one that is no YAML any more names
//! nothing, but is followed itself. What is named and not there may come. What a command reads that makes code (`build`) nobody
//! can know; what it makes (`outputs`) is not followed, since each pass makes it anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::node::{Content, Node};
use super::{find, merge, root};

/// Keys whose values are paths, whether or not something is there.
const PATHS: [&str; 9] = [
    "chalice",
    "code",
    "dir",
    "file",
    "files",
    "include",
    "openapi",
    "requirements",
    "zip",
];
/// The longest text that is asked after as the name of a file.
const LONGEST: usize = 512;

/// What the project's manifest names: files, and folders with all that is in them.
pub fn named(project: &Path) -> BTreeSet<PathBuf> {
    let Some(mut tree) = find(project).and_then(|name| root(project, name).ok()) else {
        return BTreeSet::new();
    };
    let mut naming = Naming {
        project,
        found: BTreeSet::new(),
    };
    if let Some(patterns) = tree.get("include") {
        naming.patterns(patterns);
    }
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    merge::include(&mut tree, project, &mut files, &mut |_| {}, &mut problems);
    files.iter().for_each(|file| naming.path(file));
    naming.visit("", &tree);
    naming.found
}

struct Naming<'p> {
    project: &'p Path,
    found: BTreeSet<PathBuf>,
}

impl Naming<'_> {
    /// Another file that matches may appear beside those that do.
    fn patterns(&mut self, node: &Node) {
        let Content::List(items) = &node.content else {
            let folder = node.as_text().and_then(|pattern| Path::new(pattern).parent());
            if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
                self.found.insert(self.project.join(folder));
            }
            return;
        };
        items.iter().for_each(|item| self.patterns(item));
    }

    fn visit(&mut self, key: &str, node: &Node) {
        match &node.content {
            Content::Map(entries) => {
                for entry in entries {
                    if entry.key == "python"
                        && entry.value.get("dir").is_none()
                        && entry.value.get("files").is_none()
                    {
                        self.path(".");
                    }
                    if entry.key != "outputs" {
                        self.visit(&entry.key, &entry.value);
                    }
                }
            }
            Content::List(items) => items.iter().for_each(|item| self.visit(key, item)),
            Content::Text(text) => self.text(key, &text.text),
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        for part in text.split("${file:").skip(1) {
            let path = part.split(['}', ',']).next().unwrap_or_default();
            self.path(path.trim());
        }
        let is_name = text.len() <= LONGEST && !text.contains(['\n', '$']) && !text.is_empty();
        if is_name && (PATHS.contains(&key) || self.project.join(text).is_file()) {
            self.path(text);
        }
        if key == "chalice" {
            self.path(&format!("{text}/.chalice/config.json"));
        }
    }

    fn path(&mut self, path: &str) {
        // `dir: ./code` is followed as `code`.
        let parts = Path::new(path).components();
        let plain: PathBuf = parts
            .filter(|part| *part != std::path::Component::CurDir)
            .collect();
        self.found.insert(self.project.join(plain));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::folder;
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let folder = folder(files);
        let named = named(folder.path());
        let inside = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
        named.iter().map(inside).collect()
    }

    #[test]
    fn code_is_named_in_every_form() {
        let manifest = "grail: 1\napp: shop\nfunctions:\n  a: {code: {dir: ./one}}\n  b: {code: two}\n  \
             c: {code: {python: {dir: three, requirements: three/requirements.txt}}}\n  d: {code: {zip: four.zip}}\n  \
             e: {code: {python: {files: [five.py, lib/six.py], requirements: [boto3]}}}\n  \
             f: {code: {build: make, outputs: [dist]}, environment: {TEXT: \"${file:words.txt, none}\"}}\n  \
             g: {code: {inline: \"exports.handler = 1\\n\"}}\n  h: {code: {chalice: app}, description: here.txt}\n";
        assert_eq!(
            of(&[("grail.yaml", manifest), ("here.txt", "")]),
            [
                "app",
                "app/.chalice/config.json",
                "boto3",
                "five.py",
                "four.zip",
                "here.txt",
                "lib/six.py",
                "one",
                "three",
                "three/requirements.txt",
                "two",
                "words.txt"
            ]
        );
    }

    #[test]
    fn what_is_included_names_as_well_and_a_broken_manifest_names_nothing() {
        let manifest = "grail: 1\napp: shop\ninclude: \"parts/*.yaml\"\n";
        let part = "functions:\n  a: {code: {dir: one}}\n";
        let names = of(&[("grail.yaml", manifest), ("parts/a.yaml", part)]);
        assert_eq!(names, ["one", "parts", "parts/a.yaml"]);
        assert_eq!(of(&[("grail.yaml", "grail: [")]), [""; 0]);
        assert_eq!(of(&[("app.py", "")]), [""; 0]);
        // Python without a folder is packed from the project's.
        let manifest = "grail: 1\napp: shop\nfunctions:\n  a: {code: {python: {requirements: r.txt}}}\n";
        assert_eq!(of(&[("grail.yaml", manifest)]), ["", "r.txt"]);
    }
}
