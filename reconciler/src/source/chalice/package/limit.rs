//! Lambda's limit on the size of a package.

use std::collections::BTreeMap;

use super::{PackageError, Warning};

/// What Lambda takes unzipped, layers included: 250 MiB.
pub(super) const UNZIPPED: u64 = 250 * 1024 * 1024;
/// How many of the largest parts are named.
const NAMED: usize = 5;

/// A part of a package: what lies under one name at its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name at the root, such as `numpy`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A package that is too large, and why.
#[derive(Debug)]
pub(super) struct TooBig {
    size: u64,
    largest: Vec<Part>,
}

/// Tells whether files are too large for Lambda, given their paths and sizes.
pub(super) fn over<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> Option<TooBig> {
    let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, size) in files {
        let part = parts.entry(path.split('/').next().unwrap_or(path)).or_default();
        *part = part.saturating_add(size);
    }
    let size = parts.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
    if size <= UNZIPPED {
        return None;
    }
    let mut largest: Vec<Part> = parts
        .into_iter()
        .map(|(name, size)| Part {
            name: name.to_owned(),
            size,
        })
        .collect();
    // Stable, so parts of equal size stay in the order of their names.
    largest.sort_by_key(|part| std::cmp::Reverse(part.size));
    largest.truncate(NAMED);
    Some(TooBig { size, largest })
}

impl TooBig {
    pub(super) fn into_error(self) -> PackageError {
        PackageError::TooBig {
            size: self.size,
            limit: UNZIPPED,
            largest: self.largest,
        }
    }

    pub(super) fn into_warning(self) -> Warning {
        Warning::TooBigForLambda {
            size: self.size,
            limit: UNZIPPED,
            largest: self.largest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{UNZIPPED, over};

    #[test]
    fn the_largest_parts_are_named() {
        let mib = 1024 * 1024;
        let files = [
            ("numpy/core.so", 100 * mib),
            ("numpy.libs/blas.so", 60 * mib),
            ("numpy/random.so", 20 * mib),
            ("app.py", 1),
            ("a/x", mib),
            ("b/x", mib),
            ("scipy/x", 80 * mib),
        ];
        let error = over(files.into_iter()).unwrap().into_error();
        assert_eq!(
            error.to_string(),
            "the package is 262.1 MiB unzipped, and Lambda takes 250.0 MiB at most; its largest parts: \
             numpy 120.0 MiB, scipy 80.0 MiB, numpy.libs 60.0 MiB, a 1.0 MiB, b 1.0 MiB"
        );
        assert!(error.hint().is_some());
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        assert!(over([("a", UNZIPPED)].into_iter()).is_none());
        assert!(over([("a", UNZIPPED), ("b", 1)].into_iter()).is_some());
        assert!(over([("a", u64::MAX), ("b", 1)].into_iter()).is_some());
    }
}
