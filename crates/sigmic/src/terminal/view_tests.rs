use std::time::Duration;

use client::EventReader;

use super::*;

/// What a person sees without colours.
fn shown(view: &mut View, steps: &[&str]) -> String {
    let mut text = String::new();
    for step in steps {
        if *step == "rewind" {
            text.push_str(&view.show(&Followed::Rewind, Instant::now()));
            continue;
        }
        let mut reader = EventReader::new();
        reader.push(step.as_bytes());
        let received = reader.next_event().unwrap().unwrap();
        text.push_str(&view.show(&Followed::Event(Box::new(received)), Instant::now()));
    }
    anstream::adapter::strip_str(&text).to_string()
}

const MESSAGE: &str = "event: history_message\ndata: {\"id\":\"m\",\"role\":\"user\",\
    \"content\":\"Look\",\"createdAt\":\"x\"}\n\n";
const HISTORY: &str =
    "event: history_done\ndata: {\"messageCount\":1,\"isStreaming\":true}\nid: 1\n\n";
const THOUGHT: &str = "event: thought\ndata: {\"subject\":\"Plan\",\"description\":\"Look.\"}\n\n";
const DONE: &str = "event: done\ndata: {\"finalResponse\":\"x\"}\nid: 9\n\n";

fn part(text: &str) -> String {
    let data = json!({"text": text, "isPartial": true});
    format!("event: content\ndata: {data}\n\n")
}

fn last(text: &str) -> String {
    let data = json!({"text": text, "isPartial": false});
    format!("event: content\ndata: {data}\nid: 5\n\n")
}

#[test]
fn a_run_is_told_line_by_line() {
    let call = "event: tool_call\ndata: {\"callId\":\"c\",\"toolName\":\"run_shell_command\",\
        \"status\":\"executing\",\"args\":{\"command\":\"ls\"}}\nid: 3\n\n";
    let result = "event: tool_result\ndata: {\"callId\":\"c\",\"toolName\":\"run_shell_command\",\
        \"status\":\"success\",\"output\":\"a\\n\\u001b[2Jb\\n\"}\nid: 4\n\n";
    let rejected = "event: tool_result\ndata: {\"callId\":\"d\",\"status\":\"cancelled\",\
        \"output\":\"no\"}\nid: 6\n\n";
    let steps = [
        MESSAGE,
        HISTORY,
        THOUGHT,
        &part("I will "),
        &last("look."),
        call,
        result,
        rejected,
        &last("\n\nDone."),
        DONE,
    ];
    assert_eq!(
        shown(&mut View::of_run(Look::Plain), &steps),
        "· Plan: Look.\nI will look.\n→ run_shell_command {\"command\":\"ls\"}\n\
         ✓ run_shell_command\n  a\n  [2Jb\n– tool was not run\nDone.\n"
    );
    assert!(shown(&mut View::of_task(Look::Plain), &steps).starts_with("> Look\n· Plan"));
}

#[test]
fn what_comes_again_after_a_rewind_is_not_shown_again() {
    let steps = [
        MESSAGE,
        HISTORY,
        THOUGHT,
        &part("one two"),
        "rewind",
        THOUGHT,
        &part("one"),
        "rewind",
        THOUGHT,
        &part("one"),
        &part(" two three"),
        &last("."),
        DONE,
    ];
    assert_eq!(
        shown(&mut View::of_run(Look::Plain), &steps),
        "· Plan: Look.\none two three.\n"
    );
}

#[test]
fn messages_that_come_again_are_not_shown_again() {
    let steps = [MESSAGE, "rewind", MESSAGE, HISTORY];
    assert_eq!(shown(&mut View::of_task(Look::Plain), &steps), "> Look\n");
}

#[test]
fn an_answer_that_was_made_anew_is_told_from_its_beginning() {
    let steps = [&part("one two"), "rewind", &part("one"), &last(" zwei")];
    assert_eq!(
        shown(&mut View::of_run(Look::Plain), &steps),
        "one two\n… the answer begins anew\none zwei\n"
    );
}

#[test]
fn a_shorter_answer_is_told_anew_too() {
    let steps = [&part("one two"), "rewind", &last("one")];
    assert_eq!(
        shown(&mut View::of_run(Look::Plain), &steps),
        "one two\n… the answer begins anew\none\n"
    );
}

#[test]
fn programs_get_an_object_a_line() {
    let steps = [HISTORY, &part("x"), "rewind", DONE];
    assert_eq!(
        shown(&mut View::json(), &steps),
        "{\"event\":\"history_done\",\"id\":1,\"data\":{\"messageCount\":1,\"isStreaming\":true}}\n\
         {\"event\":\"content\",\"id\":null,\"data\":{\"text\":\"x\",\"isPartial\":true}}\n\
         {\"event\":\"rewind\",\"id\":null,\"data\":{}}\n\
         {\"event\":\"done\",\"id\":9,\"data\":{\"finalResponse\":\"x\"}}\n"
    );
}

#[test]
fn a_terminal_shows_marks_and_loses_none_at_a_rewind() {
    let steps = [
        &part("one **tw"),
        "rewind",
        &part("one **two*"),
        &last("* three"),
        DONE,
    ];
    assert_eq!(
        shown(&mut View::of_run(Look::Rich), &steps),
        "one two three\n"
    );
    let steps = [&part("one **tw"), "rewind", &last("# **zwei**")];
    assert_eq!(
        shown(&mut View::of_run(Look::Rich), &steps),
        "one \n… the answer begins anew\nzwei\n"
    );
}

#[test]
fn a_terminal_tells_what_goes_on_and_how_long_it_took() {
    let mut view = View::of_run(Look::Rich);
    let begin = Instant::now();
    let mut show = |step: &str, after_ms| {
        let mut reader = EventReader::new();
        reader.push(step.as_bytes());
        let received = Box::new(reader.next_event().unwrap().unwrap());
        let now = begin + Duration::from_millis(after_ms);
        let shown = view.show(&Followed::Event(received), now);
        let later = view.going_on(now + Duration::from_secs(3));
        (anstream::adapter::strip_str(&shown).to_string(), later)
    };
    let call = |status: &str| {
        format!(
            "event: tool_call\ndata: {{\"callId\":\"c\",\"toolName\":\"ls\",\
             \"status\":\"{status}\",\"args\":{{}}}}\nid: 3\n\n"
        )
    };
    let result = "event: tool_result\ndata: {\"callId\":\"c\",\"toolName\":\"ls\",\
        \"status\":\"success\",\"output\":\"\"}\nid: 4\n\n";
    let going_on = |text: &str| Some(text.to_owned());
    assert_eq!(show(HISTORY, 0).1, going_on("thinking, 3 s"));
    assert_eq!(show(&call("awaiting_approval"), 10).1, None);
    assert_eq!(show(&call("executing"), 9_000).1, going_on("ls, 3 s"));
    let (shown, after) = show(result, 10_500);
    assert_eq!(
        (shown.as_str(), after),
        ("✓ ls 1.5 s\n", going_on("thinking, 3 s"))
    );
    assert_eq!(show(&part("so"), 11_000).1, None);
    assert_eq!(show(DONE, 11_000), ("\n".to_owned(), None));
}

#[test]
fn no_control_character_gets_through_to_a_terminal() {
    let evil = "a\u{9b}31m\u{7f}\u{1b}]0;x\u{7}\u{202e}b";
    for look in [Look::Rich, Look::Plain] {
        let text = shown(&mut View::of_run(look), &[&last(evil)]);
        assert_eq!(text, "a31m]0;xb\n");
    }
    let line = shown(&mut View::json(), &[&last(evil)]);
    assert!(!line.trim_end().contains(char::is_control), "{line:?}");
    let read: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["data"]["text"], evil);
}

#[test]
fn who_is_asked_to_approve_a_call_sees_all_of_it() {
    let hidden = "; rm -rf ~";
    let command = format!(
        "echo {}{hidden}\n\u{1b}[2Kcat\n→ harmless",
        "x".repeat(5_000)
    );
    let args = json!({"command": command, "timeout_ms": 5, "a\nb": ["c\nd"]});
    let data = json!({"callId": "c", "toolName": "run_shell_command",
        "status": "awaiting_approval", "args": args});
    let call = format!("event: tool_call\ndata: {data}\nid: 3\n\n");
    let text = shown(&mut View::of_run(Look::Plain), &[MESSAGE, HISTORY, &call]);
    let long = "x".repeat(5_000);
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.remove(0), "? run_shell_command waits for approval");
    assert!(lines.iter().all(|line| line.starts_with("  │ ")), "{text}");
    for wanted in [
        &format!("  │   echo {long}{hidden}"),
        "  │   [2Kcat",
        "  │   → harmless",
        "  │ timeout_ms: 5",
        "  │ a b: [\"c\\nd\"]",
    ] {
        assert!(lines.contains(&wanted), "{wanted}: {text}");
    }
}
