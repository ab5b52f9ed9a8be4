//! From an interpreter to the Lambda runtime that runs its code.

use super::Version;

/// A Python runtime of Lambda and what wheels must fit to run on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Its name for Lambda, such as `python3.12`.
    pub name: String,
    /// Its minor version: 12.
    pub minor: u32,
    /// The newest glibc for which a wheel may be built.
    pub glibc: (u32, u32),
    /// Whether the interpreter is of another version, so that code may behave differently on Lambda.
    pub differs: bool,
}

impl Runtime {
    /// The runtime that Chalice 1.34.0 chooses for an interpreter: the same minor version from 3.10 to 3.15,
    /// the nearest of these for others (its `Config.lambda_python_version`). No setting overrides it.
    ///
    /// The glibc limits are its `DependencyBuilder._RUNTIME_GLIBC`: Amazon Linux 2 below 3.12, 2023 from there.
    #[must_use]
    pub fn of(version: Version) -> Self {
        let minor = match (version.major, version.minor) {
            (0..=2, _) => 10,
            (3, minor) => minor.clamp(10, 15),
            _ => 15,
        };
        Self {
            name: format!("python3.{minor}"),
            minor,
            glibc: if minor < 12 { (2, 26) } else { (2, 34) },
            differs: (version.major, version.minor) != (3, minor),
        }
    }

    /// The ABI tag of compiled wheels: `cp312`.
    #[must_use]
    pub fn abi(&self) -> String {
        format!("cp3{}", self.minor)
    }

    /// The version as pip wants it: `3.12`.
    #[must_use]
    pub fn python_version(&self) -> String {
        format!("3.{}", self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::{Runtime, Version};

    #[test]
    fn the_table_of_chalice() {
        let row = |major, minor| {
            let runtime = Runtime::of(Version {
                major,
                minor,
                micro: 1,
            });
            let (_, glibc) = runtime.glibc;
            format!("{} {} 2.{glibc} {}", runtime.name, runtime.abi(), runtime.differs)
        };
        assert_eq!(row(2, 7), "python3.10 cp310 2.26 true");
        assert_eq!(row(3, 9), "python3.10 cp310 2.26 true");
        assert_eq!(row(3, 10), "python3.10 cp310 2.26 false");
        assert_eq!(row(3, 11), "python3.11 cp311 2.26 false");
        assert_eq!(row(3, 12), "python3.12 cp312 2.34 false");
        assert_eq!(row(3, 13), "python3.13 cp313 2.34 false");
        assert_eq!(row(3, 14), "python3.14 cp314 2.34 false");
        assert_eq!(row(3, 15), "python3.15 cp315 2.34 false");
        assert_eq!(row(3, 16), "python3.15 cp315 2.34 true");
        assert_eq!(row(4, 0), "python3.15 cp315 2.34 true");
    }
}
