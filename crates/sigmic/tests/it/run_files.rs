//! `sigmic run`: files up, files down, and broken connections.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::scripted::{Answer, CREATED, event, serve};
use crate::support::{Home, read};

#[test]
fn files_go_up_and_what_was_made_comes_down() {
    let home = Home::new();
    let _server = home.serve();
    let csv = home.path("säles.csv");
    std::fs::write(&csv, "region,amount\nnorth,40\nsouth,2\n").unwrap();
    let csv = csv.to_str().unwrap();
    let said = home.say(&[
        "run",
        "--file",
        csv,
        "Sum the amount column of uploads/säles.csv",
    ]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("42"), "{said:?}");

    let out = home.path("made/here");
    let out_text = out.to_str().unwrap();
    let write = "Write 42 to downloads/total.txt";
    let said = home.say(&[
        "run", "--file", csv, "--file", csv, "--out", out_text, write,
    ]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(read(&out.join("downloads/total.txt")), "42");
    assert!(said.err.contains("total.txt (2 bytes)"), "{said:?}");
    assert!(!out.join("uploads").exists());
    let task = home.json(&["tasks", "list", "--limit", "1", "--json"]);
    let id = task[0]["id"].as_str().unwrap();
    let history = home.json(&["tasks", "history", id, "--json"]);
    let attached = history["messages"][0]["attachedFiles"].as_array().unwrap();
    assert_eq!(attached.len(), 2, "{history}");

    let more = [
        "tasks",
        "follow-up",
        id,
        "Write 43 to downloads/total.txt",
        "--out",
        out_text,
    ];
    let said = home.say(&more);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(read(&out.join("downloads/total.txt")), "43");
}

#[test]
fn a_file_that_cannot_be_sent_makes_no_task() {
    let home = Home::new();
    let _server = home.serve();
    let directory = home.path("");
    for missing in ["/no/such/file", directory.to_str().unwrap(), "/dev/null"] {
        let said = home.say(&["run", "--file", missing, "hi"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("cannot read"), "{said:?}");
    }
    let said = home.say(&["run", "--out", "/dev/null/x", "hi"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(
        home.json(&["tasks", "list", "--json"]),
        serde_json::json!([])
    );
}

const FILES: &str = r#"{"files":[
    {"name":"a","path":"../outside","size":4,"mimeType":"x","category":"other","modifiedAt":"x"},
    {"name":"b","path":"linked/b","size":4,"mimeType":"x","category":"other","modifiedAt":"x"},
    {"name":"c","path":"link","size":4,"mimeType":"x","category":"other","modifiedAt":"x"},
    {"name":"d","path":"/absolute","size":4,"mimeType":"x","category":"other","modifiedAt":"x"},
    {"name":"e","path":"good/e","size":4,"mimeType":"x","category":"other","modifiedAt":"x"}
]}"#;

#[test]
fn nothing_is_saved_outside_and_no_link_is_followed() {
    let url = serve(|request, _| match request {
        "POST /api/v1/tasks" => CREATED,
        "GET /api/v1/tasks/t1/artifacts" => Answer::Data(FILES),
        "GET /api/v1/tasks/t1/stream" => {
            Answer::Stream(event("done", r#"{"finalResponse":""}"#, Some(2)))
        }
        _ => Answer::File(b"evil"),
    });
    let home = Home::new().with("SIGMIC_API_KEY", "k");
    let (out, victim) = (home.path("out"), home.path("victim"));
    std::fs::create_dir_all(&out).unwrap();
    std::fs::create_dir_all(victim.join("directory")).unwrap();
    std::fs::write(victim.join("file"), "mine").unwrap();
    symlink(victim.join("directory"), out.join("linked")).unwrap();
    symlink(victim.join("file"), out.join("link")).unwrap();
    let run = [
        "run",
        "--base-url",
        &url,
        "--out",
        out.to_str().unwrap(),
        "hi",
    ];
    let said = home.say(&run);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(said.err.matches("Not saved:").count(), 4, "{said:?}");
    assert_eq!(read(&out.join("good/e")), "evil");
    assert_eq!(read(&victim.join("file")), "mine");
    assert!(!home.path("outside").exists());
    let names = |path| std::fs::read_dir(path).unwrap().count();
    assert_eq!((names(victim.join("directory")), names(out)), (0, 3));
}

#[test]
fn a_broken_stream_goes_on_where_it_broke() {
    let text = |text: &str, partial: bool, id| {
        let data = format!(r#"{{"text":"{text}","isPartial":{partial}}}"#);
        event("content", &data, id)
    };
    let first = event(
        "history_done",
        r#"{"messageCount":1,"isStreaming":true}"#,
        Some(1),
    ) + &text("one", false, Some(2))
        + &text(" two", true, None);
    let second = text(" two", true, None) + &text(" three", true, None);
    let third = text(" two three four.", false, Some(5))
        + &event("done", r#"{"finalResponse":"x"}"#, Some(6));
    let resumed = AtomicBool::new(false);
    // What a connection brought right before it broke may be lost with it: the client says by its
    // cursor what it has.
    let url = serve(move |request, cursor| match cursor {
        _ if request.starts_with("POST") => CREATED,
        None => Answer::Broken(first.clone()),
        Some(cursor) => {
            assert_eq!(cursor, "2");
            if resumed.swap(true, Ordering::Relaxed) {
                Answer::Stream(third.clone())
            } else {
                Answer::Broken(second.clone())
            }
        }
    });
    let home = Home::new().with("SIGMIC_API_KEY", "k");
    let said = home.say(&["run", "--base-url", &url, "hi"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "one\n two three four.\n"),
        "{said:?}"
    );
}
