//! Parsers of ids meet the texts of strangers.

use proptest::prelude::*;
use sigmic_model::{ApiKeyId, OsRandom, TaskId};

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(text in "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}") {
        if let Ok(id) = text.parse::<TaskId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn only_the_lower_case_hyphenated_form_is_an_id(bytes in any::<[u8; 16]>(), upper in any::<prop::sample::Index>()) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        prop_assert_eq!(text.parse::<TaskId>().unwrap().to_string(), text.clone());
        prop_assert!(hex.parse::<TaskId>().is_err());
        prop_assert!(text.replace('-', ":").parse::<TaskId>().is_err());
        for around in [format!(" {text}"), format!("{text}\n"), format!("{{{text}}}"), format!("urn:uuid:{text}")] {
            prop_assert!(around.parse::<TaskId>().is_err(), "{:?}", around);
        }
        let at = upper.index(text.len());
        let mut shouted = text.clone();
        shouted[at..=at].make_ascii_uppercase();
        prop_assert_eq!(shouted.parse::<TaskId>().is_ok(), shouted == text);
    }

    #[test]
    fn any_other_text_is_refused(text in "\\PC{0,48}") {
        let shape = text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| {
            if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase() }
        });
        prop_assert_eq!(text.parse::<ApiKeyId>().is_ok(), shape);
    }
}

#[test]
fn ids_made_here_are_read_and_are_of_version_4() {
    for _ in 0..100 {
        let id = TaskId::generate(&OsRandom);
        let text = id.to_string();
        assert_eq!(text.parse::<TaskId>().unwrap(), id);
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
