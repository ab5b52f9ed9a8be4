//! The worked examples of the guides below `docs/`: every block of YAML that begins with `grail: 1` is a manifest.

use super::*;

/// The blocks of a page that are fenced as `language`.
fn blocks<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let parts = page.split(fence.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn the_manifests_of_the_guides_are_valid_and_formatted() {
    for (guide, functions) in [
        ("from-chalice.md", 2),
        ("from-terraform.md", 2),
        ("from-sam.md", 2),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(guide);
        let page = std::fs::read_to_string(&path).unwrap();
        let manifests: Vec<_> = blocks(&page, "yaml")
            .into_iter()
            .filter(|text| text.contains("grail: 1"))
            .collect();
        assert_eq!(manifests.len(), 1, "{guide}");
        for text in manifests {
            let files = [
                "src/main.py",
                "app.py",
                "requirements.txt",
                "index.js",
                "src/app.py",
            ];
            let files = files.map(|name| (name, ""));
            let all: Vec<_> = files.into_iter().chain([("grail.yaml", text)]).collect();
            let folder = folder(&all);
            for stage in ["dev", "prod"] {
                let (manifest, remarks) = read(folder.path(), stage)
                    .unwrap_or_else(|problems| panic!("{guide}: {}", told(&problems)));
                assert!(remarks.is_empty(), "{guide}: {remarks:?}");
                assert_eq!(manifest.counts().unwrap().0, functions, "{guide}");
            }
            let formatted = super::super::fmt::format("grail.yaml", text);
            let formatted = formatted.unwrap_or_else(|problems| panic!("{guide}: {}", told(&problems)));
            assert_eq!(formatted, text, "{guide}");
        }
    }
}
