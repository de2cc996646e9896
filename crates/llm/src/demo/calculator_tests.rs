use proptest::prelude::*;

use super::*;

fn asked(text: &str, memory: Option<f64>) -> String {
    match answer(text, memory) {
        Some(Answer::Result(shown)) => shown,
        Some(Answer::NoMemory) => "no memory".to_owned(),
        Some(Answer::Undefined) => "undefined".to_owned(),
        None => "not arithmetic".to_owned(),
    }
}

#[test]
fn a_question_without_memory_is_answered() {
    let table = [
        ("What is 2 + 2?", "2 + 2 = 4"),
        ("what's 2 plus 2", "2 + 2 = 4"),
        ("2+2", "2 + 2 = 4"),
        ("Calculate (1 + 2) * 3 please.", "(1 + 2) * 3 = 9"),
        ("1 + 2 × 3", "1 + 2 * 3 = 7"),
        ("10 - 4 - 3 =", "10 - 4 - 3 = 3"),
        ("What is 12 divided by 5?", "12 / 5 = 2.4"),
        ("7 times six", "7 * 6 = 42"),
        ("3 multiplied by 4", "3 * 4 = 12"),
        ("2 ^ 3 ^ 2", "2 ^ 3 ^ 2 = 512"),
        ("2 to the power of 10", "2 ^ 10 = 1024"),
        ("-5 + 3", "-5 + 3 = -2"),
        ("5 - -3", "5 - -3 = 8"),
        ("-2 ^ 2", "-2 ^ 2 = -4"),
        ("0.1 + 0.2", "0.1 + 0.2 = 0.3"),
        ("1,000 + 1", "1000 + 1 = 1001"),
        ("15% of 80", "15 / 100 * 80 = 12"),
        ("12 squared", "12 ^ 2 = 144"),
        ("Add 5 and 3", "5 + 3 = 8"),
        ("add 5 to 10", "10 + 5 = 15"),
        ("Subtract 4 from 10", "10 - 4 = 6"),
        ("multiply 6 by 7", "6 * 7 = 42"),
        ("multiply 2 + 3 by 4", "(2 + 3) * 4 = 20"),
        ("divide 9 by 2", "9 / 2 = 4.5"),
        ("the sum of 1, 2 and 3", "1 + 2 + 3 = 6"),
        ("What is the result of 2 + 2?", "2 + 2 = 4"),
        ("Take 5 and multiply it by 3", "5 * 3 = 15"),
        ("What is 3 * 3 and then add 1", "3 * 3 = 9, and 9 + 1 = 10"),
        ("1 / 0", "undefined"),
        ("9 ^ 999", "undefined"),
    ];
    for (text, expected) in table {
        assert_eq!(asked(text, None), expected, "{text}");
    }
}

#[test]
fn a_follow_up_goes_on_from_the_result() {
    let table = [
        ("Multiply that by 10", "4 * 10 = 40"),
        ("Now multiply the previous result by 10.", "4 * 10 = 40"),
        ("multiply by 10", "4 * 10 = 40"),
        ("What is the previous result times 10?", "4 * 10 = 40"),
        (
            "Take the previous result and multiply it by 10",
            "4 * 10 = 40",
        ),
        ("use the last answer: add 1", "4 + 1 = 5"),
        ("add 5 to it", "4 + 5 = 9"),
        ("Add 5 to the result", "4 + 5 = 9"),
        ("subtract 1", "4 - 1 = 3"),
        ("minus 1", "4 - 1 = 3"),
        ("-1 + 2", "-1 + 2 = 1"),
        ("Subtract 1 from the previous result", "4 - 1 = 3"),
        ("divide it by 8", "4 / 8 = 0.5"),
        ("double it", "4 * 2 = 8"),
        ("halve that", "4 / 2 = 2"),
        ("square it", "4 ^ 2 = 16"),
        ("increase it by 3", "4 + 3 = 7"),
        ("and plus 5?", "4 + 5 = 9"),
        ("times three", "4 * 3 = 12"),
        ("10 minus that", "10 - 4 = 6"),
        ("What was the previous result?", "The previous result = 4"),
        ("Double it and add 1", "4 * 2 = 8, and 8 + 1 = 9"),
    ];
    for (text, expected) in table {
        assert_eq!(asked(text, Some(4.0)), expected, "{text}");
    }
    assert_eq!(asked("multiply that by 10", None), "no memory");
}

#[test]
fn other_talk_is_no_arithmetic() {
    let deep = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    let long = "1 + ".repeat(100_000) + "1";
    for text in [
        "",
        "Hello",
        "5",
        "What is Rust?",
        "list the files",
        "2 +",
        "(1 + 2",
        "1 2",
        "and",
        "multiply",
        "add 1 2 and x y",
        deep.as_str(),
        long.as_str(),
    ] {
        assert_eq!(asked(text, Some(4.0)), "not arithmetic", "{text}");
    }
}

#[test]
fn a_result_is_found_in_an_answer() {
    let table = [
        ("2 + 2 = 4.", Some(4.0)),
        ("-5 + 3 = -2.", Some(-2.0)),
        ("12 / 5 = 2.4.", Some(2.4)),
        ("3 * 3 = 9, and 9 + 1 = 10.", Some(10.0)),
        (
            "9 ^ 20 = 1.21576654590569e19.",
            Some(1.215_766_545_905_69e19),
        ),
        ("no result", None),
        ("a = b", None),
    ];
    for (text, expected) in table {
        assert_eq!(result_in(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in r"[-0-9+*/^()., a-z?%]{0,60}", memory in any::<Option<f64>>()) {
        let _ = answer(&text, memory);
        let _ = result_in(&text);
    }

    #[test]
    fn a_shown_result_is_read_back(value in -1e9..1e9_f64) {
        let shown = format!("x = {}.", format_number(value));
        let read = result_in(&shown).unwrap();
        prop_assert!((read - value).abs() <= value.abs() * 1e-12);
    }
}
