//! `grail fmt`, over the examples, the corpus and manifests that were put out of order.

use proptest::prelude::*;

use super::super::fmt::format;
use super::super::parse::parse;
use super::*;

/// Every manifest of the repository: examples, the corpus, the bad ones.
fn manifests() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        "src/source/manifest/tests/corpus",
        "src/source/manifest/tests/bad",
    ];
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    let examples = std::fs::read_dir(root.join("../examples")).unwrap();
    files.extend(
        examples
            .map(|entry| entry.unwrap().path().join("grail.yaml"))
            .filter(|file| file.exists()),
    );
    files.sort();
    let text = |file: std::path::PathBuf| {
        let bytes = std::fs::read(&file).unwrap();
        (
            file.display().to_string(),
            String::from_utf8_lossy(&bytes).into_owned(),
        )
    };
    files.into_iter().map(text).collect()
}

/// What is left of a text when its layout is taken away.
fn comments(text: &str) -> Vec<&str> {
    let mut all: Vec<_> = text
        .lines()
        .filter_map(|line| Some(line.split_once('#')?.1.trim()))
        .collect();
    all.sort_unstable();
    all
}

fn assert_kept(name: &str, text: &str, formatted: &str) {
    let values = |text: &str| parse("grail.yaml", text).unwrap().to_json();
    assert_eq!(values(formatted), values(text), "{name}");
    assert_eq!(comments(formatted), comments(text), "{name}");
    assert_eq!(format("grail.yaml", formatted).unwrap(), formatted, "{name}");
}

#[test]
fn every_manifest_keeps_its_values_and_comments_or_is_refused() {
    let (mut taken, mut refused) = (0, Vec::new());
    for (name, text) in manifests() {
        match format("grail.yaml", &text) {
            Ok(formatted) => {
                assert_kept(&name, &text, &formatted);
                taken += 1;
            }
            Err(problems) => {
                let risky = problems
                    .0
                    .iter()
                    .any(|one| one.message.contains("without a risk"));
                // A fault of the formatter, as far as a manifest is one that can be read.
                assert!(
                    !risky || read_text(&text, "dev").is_err(),
                    "{name}: {}",
                    told(&problems)
                );
                refused.push(name);
            }
        }
    }
    assert!(taken > 90, "only {taken}; refused: {refused:?}");
}

#[test]
fn the_examples_are_formatted() {
    for (name, text) in manifests().iter().filter(|(name, _)| name.contains("examples")) {
        let formatted = format("grail.yaml", text).unwrap_or_else(|problems| panic!("{}", told(&problems)));
        if super::writes_golden() {
            std::fs::write(name, formatted).unwrap();
        } else {
            assert!(formatted == *text, "{name}: run `grail fmt`");
        }
    }
}

#[test]
fn keys_and_comments_come_to_stand_where_they_belong() {
    let text = "\
# yaml-language-server: $schema=grail.schema.json
# The shop.
app: shop


stages:
    prod:
        # Larger.
        defaults: {memory: 512}
functions:
    # What is behind.
    work:
        events:
        - sqs: {queue: jobs}
        # Each hour.
        - schedule:
              description: ticks
              # How often.
              expression: rate(1 hour)
              # off: true
        code:
            inline: |
                def handler(event, context):

                    # No comment.
                    return {}
            file: a.py   # its name
        memory: 256

        # Seconds.
        timeout: 5
        # retries: 2
    # The others.
    rest: {code: src}
grail: 1
# The end.
";
    let formatted = format("grail.yaml", text).unwrap_or_else(|problems| panic!("{}", told(&problems)));
    insta::assert_snapshot!(formatted);
    assert_kept("text", text, &formatted);
}

#[test]
fn what_is_not_understood_is_refused_and_stays() {
    for text in [
        "a: &x 1\nb: *x\n",
        "{grail: 1}\n",
        "? grail\n: 1\n",
        "grail: 1\n  app: [\n",
    ] {
        assert!(format("grail.yaml", text).is_err(), "{text}");
    }
}

/// A manifest with the entries of its blocks in another order and another indentation.
fn disordered(value: &Value, depth: usize, by: usize, seed: &mut u64, out: &mut String) {
    let Some(entries) = value.as_object() else { return };
    let mut entries: Vec<_> = entries.iter().collect();
    for at in (1..entries.len()).rev() {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        entries.swap(at, usize::try_from(*seed >> 33).unwrap() % (at + 1));
    }
    for (index, (key, below)) in entries.into_iter().enumerate() {
        let margin = " ".repeat(depth * by);
        if index % 2 == 0 {
            out.push_str(&format!("{margin}# above {key}\n"));
        }
        match below.as_object() {
            Some(inner) if !inner.is_empty() => {
                out.push_str(&format!("{margin}{key}:\n"));
                disordered(below, depth + 1, by, seed, out);
            }
            _ => out.push_str(&format!("{margin}{key}: {below} # at {key}\n")),
        }
    }
}

proptest! {
    /// However its entries are ordered and indented, a manifest has one canonical order of keys.
    #[test]
    fn the_order_of_keys_is_one(seed in any::<u64>(), by in 1usize..6) {
        let value = json!({
            "grail": 1, "app": "shop",
            "functions": {"work": {"code": {"dir": "src", "ignore": ["*.md"]}, "timeout": 5, "events": [{"sqs": "jobs"}]}},
            "stages": {"prod": {"defaults": {"memory": 512, "timeout": 9}}},
        });
        let keys = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            lines.map(|line| line.split(" #").next().unwrap().to_owned()).collect()
        };
        let mut text = String::new();
        let mut random = seed;
        disordered(&value, 0, by, &mut random, &mut text);
        let formatted = format("grail.yaml", &text);
        prop_assert!(formatted.is_ok(), "{}: {}", text, told(&formatted.unwrap_err()));
        let formatted = formatted.unwrap();
        assert_kept(&text, &text, &formatted);
        let mut straight = String::new();
        disordered(&value, 0, 2, &mut 7, &mut straight);
        prop_assert_eq!(keys(&formatted), keys(&format("grail.yaml", &straight).unwrap()));
        // Each comment stays with what it is about.
        for (above, below) in formatted.lines().zip(formatted.lines().skip(1)) {
            if let Some(key) = above.trim().strip_prefix("# above ") {
                prop_assert!(below.trim().starts_with(&format!("{key}:")), "{}", formatted);
            }
        }
    }
}
