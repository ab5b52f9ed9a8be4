//! Texts that readers have stumbled over, in `corpus/`: tabs, tags, anchors, ends of lines, numbers that are too large, bytes
//! that are no text. Each of them, and each with a part cut out, doubled or turned, must be answered, and soon: a hang would
//! not end this test.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::super::parse::parse;
use super::*;

/// How often each text is damaged.
const DAMAGES: u64 = 60;

/// The texts of a folder beside this file.
fn texts(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/source/manifest/tests")
        .join(folder);
    let mut all: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

fn damaged(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let from = rng.random_range(0..bytes.len());
        let to = rng.random_range(from..bytes.len().min(from + 40)) + 1;
        match rng.random_range(0..4) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(from..from, part);
            }
            2 => bytes[from] = b" \n\t:-[]{}&*!|>'\"%@#,?$\\\0\xff"[rng.random_range(0..25)],
            _ => bytes.truncate(to),
        }
    }
    bytes
}

#[test]
fn every_text_of_the_corpus_is_answered_whole_and_damaged() {
    let corpus = texts("corpus");
    assert!(corpus.len() >= 20, "only {} texts", corpus.len());
    for (name, bytes) in corpus.iter().chain(&texts("bad")) {
        let mut rng = ChaCha8Rng::seed_from_u64(bytes.len() as u64);
        for round in 0..=DAMAGES {
            let bytes = if round == 0 {
                bytes.clone()
            } else {
                damaged(bytes, &mut rng)
            };
            let text = String::from_utf8_lossy(&bytes);
            for file in ["grail.yaml", "grail.json"] {
                // Both answers are right; that there is one is what is shown.
                if let Err(problems) = parse(file, &text) {
                    assert!(!problems.is_empty(), "{name}: refused without a word");
                }
            }
        }
    }
}

#[test]
fn a_text_of_the_corpus_is_read_to_the_end_or_refused_with_its_place() {
    for (name, bytes) in texts("corpus") {
        if let Err(problems) = read_text(&String::from_utf8_lossy(&bytes), "dev") {
            let placed = problems.0.iter().all(|problem| problem.place.is_some());
            assert!(placed && !problems.0.is_empty(), "{name}: {}", told(&problems));
        }
    }
}
