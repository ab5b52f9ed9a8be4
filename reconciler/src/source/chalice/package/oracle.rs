//! What Chalice makes of the same project.

use std::fs;
use std::path::PathBuf;

use grail_providers::package::{Limits, content_of_zip};

use super::testing::Project;
use super::{Architecture, Target};
use crate::source::chalice::test_python;

/// Packs with the real Chalice; prints where: the package of the functions, and the layer if one is asked for.
const CHALICE_PACKS: &str = "
import json, os, sys
from chalice.utils import OSUtils, UI
from chalice.deploy import packager
project, architecture, runtime, layered = sys.argv[1:]
os.chdir(project)
tools = OSUtils()
builder = packager.DependencyBuilder(tools, architecture=architecture)
def packed(make):
    return make(tools, builder, UI(out=sys.stderr), architecture=architecture).create_deployment_package(project, runtime)
if layered == 'true':
    made = [packed(packager.AppOnlyDeploymentPackager), packed(packager.LayerDeploymentPackager)]
else:
    made = [packed(packager.LambdaDeploymentPackager)]
print(json.dumps(made))
";

#[tokio::test]
async fn the_content_is_that_of_the_package_that_chalice_makes() {
    let project = Project::new("lib\nfast\nsourced\npyyaml\nonly-here\nchalice\n");
    let chalice = test_python::python();
    let environment = chalice.parent().unwrap().parent().unwrap();
    let surroundings = project.world.surroundings().with("VIRTUAL_ENV", environment);
    let python = crate::source::python::find(&project.world.project(), &surroundings, &|_| {})
        .await
        .unwrap();
    let mut project = Project { python, ..project };
    let world = &project.world;
    let dated = |tags: &str| tags.replace("manylinux2014", "manylinux_2_17");
    for tags in [&dated(&project.tags("x86_64")), &dated(&project.tags("aarch64"))] {
        project.simple_wheel("fast", tags);
    }
    // For this machine only, and one of them runs elsewhere too.
    let elsewhere = format!("py3-none-linux_{}.linux_armv7l", std::env::consts::ARCH);
    for name in ["only_here", "pyyaml"] {
        project.simple_wheel(name, &elsewhere);
    }
    world.chalice();
    world.sources("sourced", "1.0", "py3-none-any", false);
    let files = [
        ("lib/__init__.py", "root"),
        ("lib-1.0.data/purelib/lib/__init__.py", "purelib"),
        ("lib-1.0.data/platlib/plat.py", ""),
        ("lib-1.0.data/scripts/tool", "#!python\n"),
        ("lib-1.0.data/headers/lib.h", ""),
        ("lib/__pycache__/x.pyc", ""),
        ("\u{fc}ber.txt", ""),
    ];
    world.wheel("lib", "1.0", "py3-none-any", "", &files);
    for path in [
        "chalicelib/a/b.py",
        "chalicelib/__pycache__/b.pyc",
        "vendor/lib/__init__.py",
        "vendor/.DS_Store",
        "outside/x.py",
    ] {
        world.write(path, path);
    }
    for (path, mode) in [
        ("vendor/run", 0o755),
        ("chalicelib/tool", 0o700),
        ("vendor/private", 0o600),
    ] {
        let file = world.write(path, path);
        fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    for folder in ["chalicelib", "vendor"] {
        for (name, to) in [("linked", "../outside"), ("link.py", "../outside/x.py")] {
            std::os::unix::fs::symlink(to, world.project().join(folder).join(name)).unwrap();
        }
    }
    for (architecture, layered) in [
        (Architecture::X86_64, false),
        (Architecture::Arm64, false),
        (Architecture::X86_64, true),
        (Architecture::Arm64, true),
    ] {
        project.layered = layered;
        let ours = project.build(Target::Lambda(architecture)).await.unwrap();
        let mut command = surroundings.command(&chalice);
        command.args(["-c", CHALICE_PACKS]).arg(project.world.project());
        command.args([architecture.name(), &ours.runtime.name, &layered.to_string()]);
        let answer = crate::source::python::run(command).await.unwrap();
        assert!(answer.success, "{}", answer.stderr);
        let theirs: Vec<PathBuf> = serde_json::from_str(&answer.stdout).unwrap();
        let packed: Vec<_> = std::iter::once(&ours.code).chain(&ours.layer).collect();
        assert_eq!(
            (packed.len(), theirs.len()),
            if layered { (2, 2) } else { (1, 1) }
        );
        for (ours, theirs) in packed.into_iter().zip(theirs) {
            let shown = theirs.display().to_string();
            let theirs = content_of_zip(fs::File::open(theirs).unwrap(), Limits::default()).unwrap();
            assert_eq!(ours.content, theirs, "{shown}");
        }
        // What is named as missing is the same too.
        assert_eq!(
            answer.stderr.contains("only-here==1.0"),
            !ours.warnings.is_empty(),
            "{:?}",
            ours.warnings
        );
    }
}
