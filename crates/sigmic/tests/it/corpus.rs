//! What fuzzing found worth keeping, and the seeds it began with, is checked each time, so that the
//! targets neither rot nor break again. How to fuzz: `fuzz/README.md`.

#![expect(
    unreachable_pub,
    reason = "the targets are public where they are fuzzed"
)]

use std::path::Path;

#[path = "../../../../fuzz/src/credentials.rs"]
mod credentials;
#[path = "../../../../fuzz/src/events.rs"]
mod events;
#[path = "../../../../fuzz/src/masks.rs"]
mod masks;
#[path = "../../../../fuzz/src/origins.rs"]
mod origins;
#[path = "../../../../fuzz/src/tokens.rs"]
mod tokens;

/// A target's name, and what it does with an input.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 5] = [
    ("credentials", credentials::check),
    ("events", events::check),
    ("masks", masks::check),
    ("origins", origins::check),
    ("tokens", tokens::check),
];

#[test]
fn every_input_of_the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut known: Vec<String> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    known.sort();
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, targets);
    for (name, check) in TARGETS {
        let inputs = std::fs::read_dir(corpus.join(name)).unwrap();
        let mut count = 0;
        for input in inputs {
            check(&std::fs::read(input.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 7, "{count} inputs of {name}");
    }
}
