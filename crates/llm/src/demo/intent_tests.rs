use serde_json::json;

use super::*;

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, required: Value| ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "required": required}),
    };
    vec![
        tool("list_directory", json!([])),
        tool("mcp_weather_forecast", json!(["city"])),
        tool("mcp_a_add", json!(["a", "b"])),
        tool("mcp_b_find", json!(["q"])),
        tool("mcp_c_find", json!(["q"])),
    ]
}

fn only(text: &str) -> Intent {
    let mut steps = intents(text, &tools());
    assert_eq!(steps.len(), 1, "{text}: {steps:?}");
    steps.remove(0)
}

#[test]
fn commands_are_recognised() {
    let table = [
        ("run `ls -la`", "ls -la"),
        ("Please run the command `echo hi`.", "echo hi"),
        ("Run ls -la", "ls -la"),
        ("execute: sleep 60", "sleep 60"),
        ("run\n```bash\necho a\necho b\n```", "echo a\necho b"),
        ("$ env", "env"),
        ("run echo hi and then stop", "echo hi and then stop"),
    ];
    for (text, command) in table {
        let command = command.to_owned();
        assert_eq!(only(text), Intent::Run { command }, "{text}");
    }
}

#[test]
fn files_are_written() {
    let table = [
        ("write hello to notes.txt", "notes.txt", "hello"),
        (
            "Write \"hello world\" to the file `a/b.txt`.",
            "a/b.txt",
            "hello world",
        ),
        ("save the text good day in day.txt", "day.txt", "good day"),
        (
            "create a file called x.md with the content # Title",
            "x.md",
            "# Title",
        ),
        (
            "Create a file notes.txt containing hello to all",
            "notes.txt",
            "hello to all",
        ),
        (
            "create a new file named LIST with content: one, two",
            "LIST",
            "one, two",
        ),
        (
            "create report.md with \"# Report\"",
            "report.md",
            "# Report",
        ),
        ("create an empty file empty.txt", "empty.txt", ""),
        (
            "write a file a.txt with the text hi and then bye",
            "a.txt",
            "hi and then bye",
        ),
    ];
    for (text, file, content) in table {
        let (file, content) = (file.to_owned(), content.to_owned());
        assert_eq!(only(text), Intent::Write { file, content }, "{text}");
    }
}

#[test]
fn files_are_read_and_changed() {
    let table = [
        ("read notes.txt", "notes.txt"),
        ("Read the file uploads/a.csv please", "uploads/a.csv"),
        ("show me notes.txt", "notes.txt"),
        ("what is in notes.txt?", "notes.txt"),
        ("What does `README.md` say?", "README.md"),
        ("Read README", "README"),
        ("show the file Makefile", "Makefile"),
    ];
    for (text, file) in table {
        let file = file.to_owned();
        assert_eq!(only(text), Intent::Read { file }, "{text}");
    }
    assert_eq!(
        only("replace \"old text\" with new in the file a.txt."),
        Intent::Replace {
            file: "a.txt".to_owned(),
            old: "old text".to_owned(),
            new: "new".to_owned()
        }
    );
}

#[test]
fn folders_are_listed() {
    let table = [
        ("list files", "."),
        ("List the files here", "."),
        ("list files in the current directory", "."),
        ("What files are in the workspace?", "."),
        ("Show me the files in uploads", "uploads"),
        ("list the uploads folder", "uploads"),
        ("which files are in src/lib?", "src/lib"),
        ("ls", "."),
        ("ls docs", "docs"),
    ];
    for (text, dir) in table {
        let dir = dir.to_owned();
        assert_eq!(only(text), Intent::List { dir }, "{text}");
    }
}

#[test]
fn columns_are_summed() {
    let table = [
        ("sum the amount column of sales.csv", "sales.csv", "amount"),
        (
            "What is the sum of the column price in uploads/p.csv?",
            "uploads/p.csv",
            "price",
        ),
        ("Add up column 2 in data.csv", "data.csv", "2"),
        ("total of data.csv", "data.csv", ""),
    ];
    for (text, file, column) in table {
        let (file, column) = (file.to_owned(), column.to_owned());
        assert_eq!(only(text), Intent::Sum { file, column }, "{text}");
    }
}

#[test]
fn tools_are_called_by_name() {
    let table = [
        (
            "call mcp_weather_forecast with {\"city\": \"Bern\"}",
            "mcp_weather_forecast",
            json!({"city": "Bern"}),
        ),
        (
            "call the tool forecast with city=Bern days=3",
            "mcp_weather_forecast",
            json!({"city": "Bern", "days": 3}),
        ),
        (
            "use the forecast tool for New York",
            "mcp_weather_forecast",
            json!({"city": "New York"}),
        ),
        ("call add(a=1, b=2)", "mcp_a_add", json!({"a": 1, "b": 2})),
        ("call the MCP tool add", "mcp_a_add", json!({})),
        (
            "use list_directory with {\"dir_path\": \".\"}",
            "list_directory",
            json!({"dir_path": "."}),
        ),
    ];
    for (text, tool, args) in table {
        let tool = tool.to_owned();
        assert_eq!(only(text), Intent::Call { tool, args }, "{text}");
    }
    // Unknown, or two servers have one.
    for name in ["nothing", "find"] {
        let tool = name.to_owned();
        assert_eq!(
            only(&format!("call the tool {name}")),
            Intent::NoSuchTool { tool }
        );
    }
}

#[test]
fn everything_else_is_talk() {
    for text in [
        "",
        "Hello",
        "What is 2 + 2?",
        "use the previous result",
        "call me later",
        "running late",
        "write a poem",
        "read me a story",
        "list the kings of France",
        "create something nice",
    ] {
        assert!(matches!(only(text), Intent::Talk { .. }), "{text}");
    }
}

#[test]
fn steps_are_taken_one_by_one() {
    let steps = intents(
        "write hi to a.txt and then read a.txt, then list files",
        &tools(),
    );
    let kinds: Vec<_> = steps
        .iter()
        .map(|step| format!("{step:?}").split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["Write", "Read", "List"]);
}

#[test]
fn steps_are_bounded() {
    let text = vec!["read a.txt"; 10_000].join(" and then ");
    assert_eq!(intents(&text, &tools()).len(), MAX_STEPS);
}
