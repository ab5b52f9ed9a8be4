//! What is followed, in terms of the file system as it is now: folders to be watched, and which names in them count.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::Followed;

/// How many links may lead to each other, and how many folders that are missing are asked after.
const DEPTH: u32 = 32;

/// Real folders and the names that count in them. A folder that does not exist is represented by its name in the nearest one
/// above it that does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Folders to be watched, each by its real path.
    pub(super) watched: BTreeSet<PathBuf>,
    /// Names that count, each in the real path of its folder.
    pub(super) files: BTreeSet<PathBuf>,
    /// Real folders in which everything counts but noise.
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Scope {
    pub(super) fn of(followed: &Followed) -> Self {
        let mut scope = Self::default();
        for path in followed.files.iter().chain(&followed.trees) {
            scope.add_file(path, &followed.root, DEPTH);
        }
        followed
            .trees
            .iter()
            .for_each(|tree| scope.add_tree(tree, &followed.root));
        scope
    }

    /// True if a change of this path counts.
    pub(super) fn holds(&self, path: &Path) -> bool {
        if self.files.contains(path) {
            return true;
        }
        let inside = path.parent().is_some_and(|folder| self.folders.contains(folder));
        inside && !path.file_name().is_some_and(is_noise)
    }

    /// A path, what it links to, and inside `root` the folders above it.
    fn add_file(&mut self, path: &Path, root: &Path, depth: u32) {
        let (Some(folder), Some(name), Some(less)) = (path.parent(), path.file_name(), depth.checked_sub(1))
        else {
            return;
        };
        match std::fs::canonicalize(folder) {
            Ok(real) => {
                self.files.insert(real.join(name));
                self.watched.insert(real);
            }
            Err(_) => self.add_file(folder, root, less),
        }
        if folder != root && folder.starts_with(root) {
            self.add_file(folder, root, less);
        }
        if let Ok(target) = std::fs::read_link(path) {
            self.add_file(&folder.join(target), root, less);
        }
    }

    fn add_tree(&mut self, tree: &Path, root: &Path) {
        let walk = WalkDir::new(tree).follow_links(true).into_iter();
        let walk = walk.filter_entry(|entry| entry.depth() == 0 || !is_noise(entry.file_name()));
        // What cannot be read, or leads in circles, is left out: the pass will tell of it where it matters.
        for entry in walk.filter_map(Result::ok) {
            if entry.path_is_symlink() {
                self.add_file(entry.path(), root, DEPTH);
            }
            if entry.file_type().is_dir()
                && let Ok(real) = std::fs::canonicalize(entry.path())
            {
                self.watched.insert(real.clone());
                self.folders.insert(real);
            }
        }
    }
}

/// Names that say nothing: what grail and Chalice write, caches, version control, and what editors leave for a moment beside the file that they save.
pub(super) fn is_noise(name: &OsStr) -> bool {
    const NAMES: [&str; 14] = [
        ".chalice",
        ".grail",
        ".venv",
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".DS_Store",
        ".idea",
        ".vscode",
        // Vim asks with it whether it may write here.
        "4913",
    ];
    const ENDS: [&str; 8] = [
        "~",
        ".pyc",
        ".pyo",
        ".swp",
        ".swo",
        ".swx",
        ".kate-swp",
        "___jb_tmp___",
    ];
    const BEGINS: [&str; 3] = [".#", ".goutputstream", ".nfs"];
    let name = name.to_string_lossy();
    let saved_by_emacs = name.len() > 1 && name.starts_with('#') && name.ends_with('#');
    NAMES.contains(&&*name)
        || ENDS.iter().any(|end| name.ends_with(end))
        || BEGINS.iter().any(|start| name.starts_with(start))
        || name.ends_with("___jb_old___")
        || saved_by_emacs
}
