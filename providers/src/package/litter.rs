//! Names that a machine leaves behind and that are no part of the code.

/// Whether `path` (with `/` between its parts) is left out of every bundle and every content digest:
/// anything in or named `__pycache__` or `.git`, and files `*.pyc` and `.DS_Store`.
///
/// Chalice packs all of these when they lie in `chalicelib/` or `vendor/`, so that importing a module changes its
/// package. Lambda cannot use the bytecode of another interpreter and writes none of its own.
#[must_use]
pub fn is_litter(path: &str) -> bool {
    let mut parts = path.split('/');
    if parts.any(|part| part == "__pycache__" || part == ".git") {
        return true;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    name == ".DS_Store" || name.ends_with(".pyc")
}

#[cfg(test)]
mod tests {
    use super::is_litter;

    #[test]
    fn only_what_a_machine_leaves_behind_is_litter() {
        for path in [
            "__pycache__/app.cpython-312.pyc",
            "chalicelib/__pycache__/x",
            "a/b.pyc",
            ".DS_Store",
            "a/.DS_Store",
            ".git/HEAD",
            "a/.git",
        ] {
            assert!(is_litter(path), "{path}");
        }
        for path in [
            "app.py",
            "a/git/x",
            ".gitignore",
            "a/pyc",
            "a/DS_Store",
            "x.pyc/y",
            "__pycache__x/y",
        ] {
            assert!(!is_litter(path), "{path}");
        }
    }
}
