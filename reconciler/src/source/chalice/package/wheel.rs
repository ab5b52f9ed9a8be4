//! The names of wheels, and which of them run on Lambda.

use crate::source::python::{Runtime, normal_name};

use super::Architecture;

/// Wheels that run although their tags say otherwise: their extensions are optional (Chalice's
/// `DependencyBuilder._COMPATIBLE_PACKAGE_WHITELIST`).
const RUNS_ANYWAY: &[&str] = &["sqlalchemy", "pyyaml", "pyrsistent"];

/// The name of a file that pip downloaded: a wheel, or an archive of sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Download {
    /// The normal form of the package's name.
    pub(super) name: String,
    pub(super) version: String,
    /// The tags of a wheel; `None` for sources.
    pub(super) tags: Option<Tags>,
}

/// The compressed tags of a wheel (PEP 425): any combination of one of each will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tags {
    python: Vec<String>,
    abi: Vec<String>,
    platform: Vec<String>,
}

impl Download {
    /// Reads a file name; `None` for files that are neither.
    pub(super) fn parse(file: &str) -> Option<Self> {
        match file.strip_suffix(".whl") {
            Some(stem) => Self::wheel(stem),
            None => Self::sources(file),
        }
    }

    /// `name-version(-build)?-python-abi-platform` (PEP 427).
    fn wheel(stem: &str) -> Option<Self> {
        let parts: Vec<&str> = stem.split('-').collect();
        let [name, version, .., python, abi, platform] = parts.as_slice() else {
            return None;
        };
        let list = |tags: &str| tags.split('.').map(str::to_owned).collect();
        Some(Self {
            name: normal_name(name),
            version: (*version).to_owned(),
            tags: Some(Tags {
                python: list(python),
                abi: list(abi),
                platform: list(platform),
            }),
        })
    }

    /// `name-version.tar.gz`; older names hold hyphens, versions do not.
    fn sources(file: &str) -> Option<Self> {
        let stem = [".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".tgz"]
            .iter()
            .find_map(|suffix| file.strip_suffix(suffix))?;
        let (name, version) = stem.rsplit_once('-')?;
        Some(Self {
            name: normal_name(name),
            version: version.to_owned(),
            tags: None,
        })
    }

    /// Whether it is a wheel that runs on Lambda though it is for another machine, if there is no better one.
    pub(super) fn runs_anyway(&self) -> bool {
        self.tags.is_some() && RUNS_ANYWAY.contains(&self.name.as_str())
    }

    /// `name==version`, as pip and people write it.
    pub(super) fn pin(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }
}

/// What a wheel must fit.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    minor: u32,
    abi: String,
    glibc: (u32, u32),
    machine: &'static str,
}

impl Fit {
    pub(super) fn new(runtime: &Runtime, architecture: Architecture) -> Self {
        Self {
            minor: runtime.minor,
            abi: runtime.abi(),
            glibc: runtime.glibc,
            machine: architecture.machine(),
        }
    }

    /// Whether a download is a wheel that runs on Lambda.
    pub(super) fn accepts(&self, download: &Download) -> bool {
        let Some(tags) = &download.tags else { return false };
        tags.platform.iter().any(|tag| self.platform(tag))
            && tags
                .python
                .iter()
                .any(|python| tags.abi.iter().any(|abi| self.interpreter(python, abi)))
    }

    /// `none`, the runtime's own ABI, or the stable ABI of this or an earlier version. Chalice takes the stable ABI
    /// of any version, also of one to come.
    fn interpreter(&self, python: &str, abi: &str) -> bool {
        match abi {
            "none" => true,
            "abi3" => python.strip_prefix("cp3").is_some_and(|minor| {
                minor.is_empty() || minor.parse().is_ok_and(|minor: u32| minor <= self.minor)
            }),
            _ => abi == self.abi,
        }
    }

    fn platform(&self, tag: &str) -> bool {
        if tag == "any" || tag.strip_prefix("linux_") == Some(self.machine) {
            return true;
        }
        glibc_of(tag).is_some_and(|(glibc, machine)| machine == self.machine && glibc <= self.glibc)
    }

    /// The platforms to ask pip for. It takes each for itself and none below it, so all are named; the old name of
    /// 2.17 stands for everything older.
    pub(super) fn pip_platforms(&self) -> Vec<String> {
        let (major, minor) = self.glibc;
        let mut platforms: Vec<String> = (17..=minor)
            .map(|minor| format!("manylinux_{major}_{minor}_{}", self.machine))
            .collect();
        platforms.push(format!("manylinux2014_{}", self.machine));
        platforms
    }
}

/// The glibc and machine of a manylinux tag, in its new form (PEP 600) or one of the old.
fn glibc_of(tag: &str) -> Option<((u32, u32), &str)> {
    for (old, glibc) in [
        ("manylinux1_", (2, 5)),
        ("manylinux2010_", (2, 12)),
        ("manylinux2014_", (2, 17)),
    ] {
        if let Some(machine) = tag.strip_prefix(old) {
            return Some((glibc, machine));
        }
    }
    let mut parts = tag.strip_prefix("manylinux_")?.splitn(3, '_');
    let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(((major, minor), parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::{Download, Fit};
    use crate::source::chalice::package::Architecture;
    use crate::source::python::{Runtime, Version};

    fn fit(minor: u32, architecture: Architecture) -> Fit {
        Fit::new(
            &Runtime::of(Version {
                major: 3,
                minor,
                micro: 0,
            }),
            architecture,
        )
    }

    fn accepts(fit: &Fit, tags: &str) -> bool {
        fit.accepts(&Download::parse(&format!("some-1.0-{tags}.whl")).unwrap())
    }

    #[test]
    fn file_names_are_read() {
        let wheel = Download::parse("Foo.Bar_baz-1.0+local-1-cp311-cp311-linux_x86_64.whl").unwrap();
        assert_eq!(wheel.pin(), "foo-bar-baz==1.0+local");
        assert!(wheel.tags.is_some());
        assert_eq!(
            Download::parse("old-style-name-2.1.tar.gz").unwrap().pin(),
            "old-style-name==2.1"
        );
        assert_eq!(Download::parse("x-1.zip").unwrap().pin(), "x==1");
        assert_eq!(Download::parse("x-1.whl"), None);
        assert_eq!(Download::parse("README.txt"), None);
        assert_eq!(Download::parse("x.tar.gz"), None);
    }

    #[test]
    fn what_runs_on_lambda() {
        let old = fit(11, Architecture::X86_64);
        for tags in [
            "py3-none-any",
            "py2.py3-none-any",
            "cp311-cp311-linux_x86_64",
            "cp311-cp311-manylinux1_x86_64",
            "cp311-cp311-manylinux_2_26_x86_64",
            "cp37-abi3-manylinux2014_x86_64",
            "cp311-cp311-manylinux_2_28_x86_64.manylinux_2_17_x86_64",
        ] {
            assert!(accepts(&old, tags), "{tags}");
        }
        for tags in [
            "cp311-cp311-manylinux_2_28_x86_64",
            "cp310-cp310-manylinux2014_x86_64",
            "cp311-cp311-manylinux2014_aarch64",
            "cp311-cp311-macosx_11_0_arm64",
            "cp311-cp311-musllinux_1_1_x86_64",
            "cp312-abi3-manylinux2014_x86_64",
            "cp311-cp311t-manylinux2014_x86_64",
            "cp311-cp311-manylinux_x_y_x86_64",
        ] {
            assert!(!accepts(&old, tags), "{tags}");
        }
        assert!(accepts(
            &fit(12, Architecture::X86_64),
            "cp312-cp312-manylinux_2_34_x86_64"
        ));
        assert!(accepts(
            &fit(12, Architecture::Arm64),
            "cp312-cp312-manylinux_2_17_aarch64"
        ));
        assert!(!accepts(
            &fit(12, Architecture::Arm64),
            "cp312-cp312-linux_x86_64"
        ));
    }

    #[test]
    fn some_run_although_their_tags_say_otherwise() {
        let yaml = Download::parse("PyYAML-6.0-cp311-cp311-macosx_11_0_arm64.whl").unwrap();
        assert!(yaml.runs_anyway());
        assert!(!fit(11, Architecture::X86_64).accepts(&yaml));
        assert!(!Download::parse("PyYAML-6.0.tar.gz").unwrap().runs_anyway());
        assert!(
            !Download::parse("numpy-2.0-cp311-cp311-macosx_11_0_arm64.whl")
                .unwrap()
                .runs_anyway()
        );
    }

    #[test]
    fn pip_is_asked_for_every_glibc_up_to_the_limit() {
        let platforms = fit(11, Architecture::Arm64).pip_platforms();
        assert_eq!(platforms.len(), 11);
        assert_eq!(platforms[0], "manylinux_2_17_aarch64");
        assert_eq!(platforms[9], "manylinux_2_26_aarch64");
        assert_eq!(platforms[10], "manylinux2014_aarch64");
    }
}
