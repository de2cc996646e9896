//! Cutting long outputs.

use proptest::prelude::*;
use sigmic_model::head_and_tail;

/// The longest marker: its words and the longest number.
const MARKER_BYTES: usize = "\n[… 18446744073709551615 bytes left out …]\n".len();

proptest! {
    #[test]
    fn a_cut_text_is_its_head_and_its_tail(text in "[aé🦀\\n]{0,200}", limit in 0_usize..300) {
        let cut = head_and_tail(&text, limit);
        if text.len() <= limit {
            prop_assert_eq!(cut, text);
            return Ok(());
        }
        prop_assert!(cut.len() <= limit + MARKER_BYTES, "{} > {}", cut.len(), limit);
        let (head, rest) = cut.split_once("\n[… ").unwrap();
        let (count, tail) = rest.split_once(" bytes left out …]\n").unwrap();
        // Whatever is kept is a whole number of characters from each end, and the count is true.
        prop_assert!(text.starts_with(head) && text.ends_with(tail));
        prop_assert_eq!(count.parse::<usize>().unwrap(), text.len() - head.len() - tail.len());
        // No more is cut than a character that does not fit.
        for kept in [head.len(), tail.len()] {
            prop_assert!(kept <= limit / 2 && kept + 4 > limit / 2, "{} of {}", kept, limit);
        }
    }
}
