//! `sigmic run` at a terminal.

use testkit::{ModelServer, Reply};

use crate::scripted::{Answer, CREATED, event, serve};
use crate::support::{Home, Server};
use crate::terminal::Terminal;

const MARKED: &str =
    "# Total\n\nIt is **42**, see `sum.txt` and \u{1b}]0;evil\u{7}[here](http://x).\n";

async fn server_that_says(home: &Home, replies: Vec<Reply>) -> (ModelServer, Server) {
    let model = ModelServer::start(replies).await;
    let server = home.serve_with(&[
        ("SIGMIC_MODEL", testkit::SCRIPTED_MODEL.to_owned()),
        ("OPENAI_BASE_URL", model.base_url()),
    ]);
    (model, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_markdown_and_a_pipe_what_was_written() {
    let home = Home::new();
    let replies = vec![Reply::say(MARKED); 3];
    let (_model, _server) = server_that_says(&home, replies).await;
    let mut terminal = Terminal::start(&home, &["run", "hi"]);
    assert_eq!(terminal.end(), Some(0), "{:?}", terminal.shown);
    let shown = &terminal.shown;
    for expected in [
        "\x1b[1;4mTotal\x1b[0m\r\n",
        "It is \x1b[1m42\x1b[22m, see \x1b[36msum.txt\x1b[39m and ]0;evil",
        "\x1b[4mhere\x1b[24m\x1b[2m (http://x)\x1b[22m.\r\n",
    ] {
        assert!(shown.contains(expected), "{expected:?} in {shown:?}");
    }
    assert!(
        !shown.contains("\x1b]") && !shown.contains('\u{7}'),
        "{shown:?}"
    );

    let plain = "# Total\n\nIt is **42**, see `sum.txt` and ]0;evil[here](http://x).\n";
    let piped = home.say(&["run", "hi"]);
    assert_eq!(piped.out, plain);

    let home = home.with("NO_COLOR", "1");
    let mut terminal = Terminal::start(&home, &["run", "hi"]);
    assert_eq!(terminal.end(), Some(0));
    assert!(
        terminal.shown.ends_with(&plain.replace('\n', "\r\n")),
        "{:?}",
        terminal.shown
    );
    assert!(!terminal.shown.contains('\x1b'), "{:?}", terminal.shown);
}

#[test]
fn calls_are_decided_with_a_key() {
    let home = Home::new();
    let _server = home.serve();
    let run = ["run", "--manual", "List the files here"];
    let mut terminal = Terminal::start(&home, &run);
    terminal.until("no: ").press("x").until("no: ").press("y");
    assert_eq!(terminal.end(), Some(0), "{:?}", terminal.shown);
    let shown = anstream::adapter::strip_str(&terminal.shown).to_string();
    assert!(shown.contains("no: y\r\n"), "{shown:?}");
    let (_, result) = shown.split_once("✓ list_directory ").unwrap();
    assert!(result.lines().next().unwrap().ends_with('s'), "{shown:?}");

    let mut terminal = Terminal::start(&home, &run);
    terminal
        .until("no: ")
        .press("n")
        .until("empty): ")
        .press("not today\n");
    assert_eq!(terminal.end(), Some(0), "{:?}", terminal.shown);
    assert!(
        terminal.shown.contains("was not run"),
        "{:?}",
        terminal.shown
    );

    let mut terminal = Terminal::start(&home, &run);
    terminal.until("no: ").press("\u{4}");
    assert_eq!(terminal.end(), Some(1));
    assert!(
        terminal.shown.contains("sigmic tasks approve"),
        "{:?}",
        terminal.shown
    );
}

#[test]
fn what_goes_on_is_said_and_ctrl_c_cancels() {
    let home = Home::new();
    let _server = home.serve();
    let mut terminal = Terminal::start(&home, &["run", "Run the command `sleep 600`"]);
    terminal.until("⋯ run_shell_command, ").press("\u{3}");
    assert_eq!(terminal.end(), Some(1));
    assert!(
        terminal.shown.contains("TASK_CANCELLED"),
        "{:?}",
        terminal.shown
    );
    let listed = home.json(&["tasks", "list", "--status", "cancelled", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_second_ctrl_c_leaves_and_says_how_to_follow() {
    let history = event(
        "history_done",
        r#"{"messageCount":1,"isStreaming":true}"#,
        Some(1),
    );
    let url = serve(move |request, _| match request {
        "POST /api/v1/tasks" => CREATED,
        "DELETE /api/v1/tasks/t1" => Answer::Silence,
        _ => Answer::Open(history.clone()),
    });
    let home = Home::new().with("SIGMIC_API_KEY", "k");
    let mut terminal = Terminal::start(&home, &["run", "--base-url", &url, "hi"]);
    terminal.until("⋯ thinking").press("\u{3}");
    terminal.until("once more leaves at once").press("\u{3}");
    assert_eq!(terminal.end(), Some(1));
    assert!(
        terminal
            .shown
            .ends_with("To follow it: sigmic tasks stream t1\r\n"),
        "{:?}",
        terminal.shown
    );
}
