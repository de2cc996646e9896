//! How much of a tool's output goes where.

/// Bytes of a tool's output that the model sees at most (head and tail).
pub const MODEL_OUTPUT_BYTES: usize = 16 * 1024;
/// Bytes of a tool's output that a client sees at most (head and tail).
pub const WIRE_OUTPUT_BYTES: usize = 128 * 1024;

/// `text` if it fits in `limit` bytes, else its head and tail around a marker that says how many
/// bytes are left out. The result is never longer than `limit` plus the marker's line.
pub fn head_and_tail(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let head = floor_boundary(text, limit / 2);
    let tail = ceil_boundary(text, text.len() - limit / 2);
    let left_out = tail - head;
    format!(
        "{}\n[… {left_out} bytes left out …]\n{}",
        &text[..head],
        &text[tail..]
    )
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_head_and_tail() {
        assert_eq!(head_and_tail("short", 10), "short");
        let cut = head_and_tail(&format!("{}é{}", "a".repeat(50), "z".repeat(50)), 101);
        assert!(cut.starts_with("aaaa") && cut.ends_with("zzzz"));
        assert!(cut.contains("[… 2 bytes left out …]"), "{cut}");
    }
}
