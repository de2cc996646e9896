use proptest::prelude::*;

use super::*;

fn masker(values: &[&str]) -> Masker {
    let secrets: Vec<_> = values
        .iter()
        .map(|value| Secret::new((*value).to_owned()))
        .collect();
    Masker::new(&secrets)
}

#[test]
fn values_are_replaced() {
    let masker = masker(&["hunter2hunter2", "s3cr3t-value", "short"]);
    let cases = [
        ("", ""),
        (
            "nothing here, not even short",
            "nothing here, not even short",
        ),
        ("hunter2hunter2", "***"),
        ("a hunter2hunter2 b s3cr3t-value.", "a *** b ***."),
        ("hunter2hunter2hunter2", "***"),
        ("hunter2hunter", "hunter2hunter"),
        ("hunter2hunter2s3cr3t-value", "***"),
        ("hunter2hunter2 s3cr3t-value", "*** ***"),
        ("🦀hunter2hunter2🦀", "🦀***🦀"),
    ];
    for (text, wanted) in cases {
        assert_eq!(masker.mask(text), wanted);
    }
}

#[test]
fn overlapping_values_hide_each_other() {
    assert_eq!(
        masker(&["abcdefgh", "efghijkl"]).mask("xabcdefghijklx"),
        "x***x"
    );
    assert_eq!(
        masker(&["abcdefgh", "xxabcdefghyy"]).mask("xxabcdefghyz"),
        "xx***yz"
    );
    assert_eq!(
        masker(&["abcdefgh", "xxabcdefghyy"]).mask("xxabcdefghyy"),
        "***"
    );
}

#[test]
fn characters_count_not_bytes() {
    assert_eq!(
        masker(&["éééé"]).mask("éééé"),
        "éééé",
        "8 bytes, 4 characters"
    );
    assert_eq!(masker(&["éééééééé"]).mask("aééééééééb"), "a***b");
}

#[test]
fn a_stream_holds_back_no_more_than_it_must() {
    let mut stream = masker(&["hunter2hunter2"]).stream();
    assert_eq!(stream.push("see hunt"), "see ");
    assert_eq!(stream.push("ing"), "hunting");
    assert_eq!(stream.push(" hunter2h"), " ");
    assert_eq!(stream.push("unter2"), "***");
    assert_eq!(stream.push("."), ".");
    assert_eq!(stream.push("hunter2"), "");
    assert_eq!(stream.finish(), "hunter2");
    assert_eq!(stream.push("hunter2"), "", "a new text begins");
    assert_eq!(stream.finish(), "hunter2");
}

#[test]
fn nothing_to_mask_costs_nothing_and_changes_nothing() {
    let mut stream = Masker::empty().stream();
    assert_eq!(stream.push("hunter2hunter2"), "hunter2hunter2");
    assert_eq!(stream.finish(), "");
    assert!(!format!("{:?}", masker(&["hunter2hunter2"])).contains("hunter"));
}

/// The definition, word for word.
fn reference(values: &[String], text: &str) -> String {
    let mut covered = vec![false; text.len()];
    for value in values
        .iter()
        .filter(|v| v.chars().count() >= MIN_MASKED_CHARS)
    {
        for at in 0..text.len() {
            if text.as_bytes()[at..].starts_with(value.as_bytes()) {
                covered[at..at + value.len()].fill(true);
            }
        }
    }
    let mut out = String::new();
    for (at, character) in text.char_indices() {
        if !covered[at] {
            out.push(character);
        } else if at == 0 || !covered[at - 1] {
            out.push_str(MASK);
        }
    }
    out
}

proptest! {
    // Few letters, so that values overlap, repeat and nearly occur.
    #[test]
    fn any_split_equals_the_whole(
        values in prop::collection::vec("[abé]{6,14}", 0..6),
        pieces in prop::collection::vec(prop_oneof!["[abé]{0,12}", "[abé🦀 ]{0,4}"], 0..12),
        planted in prop::collection::vec((0_usize..12, 0_usize..6), 0..4),
    ) {
        let mut pieces: Vec<String> = pieces;
        for (piece, value) in planted {
            if let (Some(piece), Some(value)) = (pieces.get_mut(piece), values.get(value)) {
                piece.push_str(value);
            }
        }
        let secrets: Vec<_> = values.iter().cloned().map(Secret::new).collect();
        let masker = Masker::new(&secrets);
        let whole = pieces.concat();
        let wanted = reference(&values, &whole);
        prop_assert_eq!(&masker.mask(&whole), &wanted);

        let mut stream = masker.stream();
        let mut out: String = pieces.iter().map(|piece| stream.push(piece)).collect();
        out.push_str(&stream.finish());
        prop_assert_eq!(&out, &wanted);

        let mut by_character = masker.stream();
        let mut out: String = whole
            .chars()
            .map(|character| by_character.push(&character.to_string()))
            .collect();
        out.push_str(&by_character.finish());
        prop_assert_eq!(&out, &wanted);
    }

    #[test]
    fn no_value_is_left(value in "[ab]{8,12}", before in "[ab]{0,20}", after in "[ab]{0,20}") {
        let text = format!("{before}{value}{after}");
        let masked = Masker::new(&[Secret::new(value.clone())]).mask(&text);
        prop_assert!(!masked.contains(&value));
        prop_assert!(masked.contains(MASK));
    }
}

#[test]
fn encoded_values_are_masked_whatever_the_pieces() {
    let value = "hunter2/hunter2 +x";
    let masker = masker(&[value]);
    for (text, wanted) in [
        ("url: hunter2%2Fhunter2%20%2Bx.", "url: ***."),
        ("form: hunter2%2fhunter2+%2bx.", "form: ***."),
        ("hex: 68756e746572322f68756e74657232202b78", "hex: ***"),
        ("hex: 68756E746572322F68756E74657232202B78", "hex: ***"),
        ("aHVudGVyMi9odW50ZXIyICt4", "***"),
        // "user:" before it, as in an Authorization header of scheme Basic: the characters at
        // both ends hold bits of others too.
        ("dXNlcjpodW50ZXIyL2h1bnRlcjIgK3g=", "dXNlcjp***g="),
    ] {
        assert_eq!(masker.mask(text), wanted);
        for cut in 0..text.len() {
            let mut stream = masker.stream();
            let mut out = stream.push(&text[..cut]);
            out.push_str(&stream.push(&text[cut..]));
            out.push_str(&stream.finish());
            assert_eq!(out, wanted, "cut at {cut}");
        }
    }
}

#[test]
fn long_values_are_masked_as_they_are() {
    let long: Vec<String> = (0..8)
        .map(|n| format!("{n}{}", "x".repeat(32 * 1024)))
        .collect();
    let values: Vec<&str> = long
        .iter()
        .map(String::as_str)
        .chain(["short-value"])
        .collect();
    let masker = masker(&values);
    assert_eq!(masker.mask(&format!("<{}>", long[3])), "<***>");
    assert_eq!(
        masker.mask("73686f72742d76616c7565"),
        "***",
        "the short one is encoded"
    );
}

#[test]
fn the_values_of_one_owner_take_no_room_from_anothers() {
    let theirs = [Secret::new("a-token-of-the-backend-".repeat(17))];
    let mine: Vec<Secret> = (0..100)
        .map(|n| Secret::new(format!("{n:03}-{}", "x".repeat(380))))
        .collect();
    let encoded = hex(theirs[0].expose_secret());
    for groups in [[&mine[..], &theirs[..]], [&theirs[..], &mine[..]]] {
        assert_eq!(Masker::of_groups(groups).mask(&encoded), "***");
    }
    // One owner's do: the short ones come first.
    let masker = Masker::new(mine.iter().chain(&theirs));
    assert_eq!(masker.mask(&encoded), encoded);
}

fn hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}
