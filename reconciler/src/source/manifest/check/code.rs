//! Where code comes from is there, as far as files go.

use super::{Check, known};
use crate::source::manifest::form::{Brief, Word};
use crate::source::manifest::functions::Code;

impl Check<'_> {
    pub(super) fn code(&mut self, path: &[&str], code: &Brief<Code, Word>, runtime: Option<&str>) {
        let code = match code {
            Brief::Word(word) => {
                if !self.manifest.project.join(&word.0).exists() {
                    let said = format!("there is no `{}` in the project", word.0);
                    let hint = "`code` in a word is a folder, a zip or a single file";
                    self.error_with(path, "manifest::no-code", said, hint);
                }
                return;
            }
            Brief::Full(code) => code,
        };
        if let Some(image) = &code.image
            && let Some(uri) = known(&image.uri)
            && !is_image(uri)
        {
            let at: Vec<&str> = path.iter().copied().chain(["image", "uri"]).collect();
            let hint = "such as `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:...`";
            self.error_with(
                &at,
                "manifest::image",
                "this is no image of a registry of ECR",
                hint,
            );
        }
        let below = |key: &'static str| -> Vec<&str> { path.iter().copied().chain([key]).collect() };
        if let Some(dir) = &code.dir
            && !self.manifest.project.join(dir).is_dir()
        {
            self.error(
                &below("dir"),
                "manifest::no-code",
                format!("there is no folder `{dir}`"),
            );
        }
        if let Some(zip) = &code.zip
            && !self.manifest.project.join(zip).is_file()
        {
            let said = format!("there is no file `{zip}`");
            let hint = "make it first, or name the command that makes it under `build`";
            self.error_with(&below("zip"), "manifest::no-code", said, hint);
        }
        if code.build.is_some() && code.outputs.as_ref().is_none_or(Vec::is_empty) {
            let said = "`build` lacks `outputs`: what the command makes";
            self.error(path, "manifest::missing", said);
        }
        if code.inline.is_some() && code.file.is_none() && runtime.and_then(ending).is_none() {
            let said = "`inline` lacks `file`: the name of the only file";
            self.error(path, "manifest::missing", said);
        }
        for (key, stands, with) in [
            ("outputs", code.outputs.is_some(), code.build.is_some()),
            ("file", code.file.is_some(), code.inline.is_some()),
            (
                "ignore",
                code.ignore.is_some(),
                code.dir.is_some() || code.build.is_some() || code.python.is_some(),
            ),
        ] {
            if stands && !with {
                let said = format!("`{key}` has no meaning with this kind of code");
                self.error(&below(key), "manifest::exclusive", said);
            }
        }
        if let Some(python) = &code.python {
            if runtime.is_some_and(|runtime| !runtime.starts_with("python3.")) {
                self.error(
                    &below("python"),
                    "manifest::runtime",
                    "this code needs a runtime of Python",
                );
            }
            let at: Vec<&str> = path.iter().copied().chain(["python", "dir"]).collect();
            if let Some(dir) = &python.dir
                && !self.manifest.project.join(dir).is_dir()
            {
                self.error(&at, "manifest::no-code", format!("there is no folder `{dir}`"));
            }
            for (index, file) in python.files.iter().flatten().enumerate() {
                let index = index.to_string();
                let at: Vec<&str> = path.iter().copied().chain(["python", "files", &index]).collect();
                if !self.manifest.project.join(file).is_file() {
                    self.error(&at, "manifest::no-code", format!("there is no file `{file}`"));
                }
            }
        }
    }
}

/// Whether a text is the address of an image in ECR, private or public, by tag or digest.
fn is_image(uri: &str) -> bool {
    let Some((registry, rest)) = uri.split_once('/') else {
        return false;
    };
    let ecr = registry.contains(".dkr.ecr.") || registry == "public.ecr.aws";
    let named = match rest.split_once('@') {
        Some((_, digest)) => digest
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit())),
        None => rest
            .rsplit_once(':')
            .is_some_and(|(name, tag)| !name.is_empty() && !tag.is_empty()),
    };
    ecr && named
}

/// The ending of a file of the runtime.
pub(crate) fn ending(runtime: &str) -> Option<&'static str> {
    let endings = [("python", "py"), ("nodejs", "js"), ("ruby", "rb")];
    let found = endings.iter().find(|(family, _)| runtime.starts_with(family));
    found.map(|(_, ending)| *ending)
}
