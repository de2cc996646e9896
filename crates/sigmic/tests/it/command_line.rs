use crate::support::Home;

#[test]
fn an_unknown_setting_in_the_file_names_the_nearest() {
    let home = Home::new();
    let file = home.path("sigmic.toml");
    std::fs::write(&file, "[sandbox]\nnetwrok = \"none\"\n").unwrap();
    let said = home.say(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .contains("there is no setting `sandbox.netwrok`; did you mean `sandbox.network`?"),
        "{said:?}"
    );
    assert!(said.out.is_empty());
}

#[test]
fn a_file_in_the_working_directory_is_not_read() {
    let home = Home::new();
    std::fs::write(home.path("sigmic.toml"), "nonsense = 1\n").unwrap();
    let mut command = home.command(&["doctor", "--json"]);
    let output = command.current_dir(home.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn wrong_usage_is_two_and_help_is_zero() {
    let home = Home::new();
    for wrong in [
        &["serve", "--no-such-flag"][..],
        &["nonsense"],
        &[],
        &["tasks", "list", "--limit", "101"],
        &["completions", "cmd.exe"],
    ] {
        assert_eq!(home.say(wrong).code, Some(2), "{wrong:?}");
    }
    for right in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["admin", "keys", "--help"],
    ] {
        let said = home.say(right);
        assert_eq!(said.code, Some(0), "{right:?}");
        assert!(said.err.is_empty() && !said.out.is_empty(), "{said:?}");
    }
    assert!(home.say(&["run", "--help"]).out.contains("Examples:"));
    assert!(!home.data_dir().exists());
}

#[test]
fn every_shell_gets_its_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = home.say(&["completions", shell]);
        assert_eq!(said.code, Some(0), "{shell}");
        assert!(
            said.out.contains("follow-up") && said.out.contains("bootstrap"),
            "{shell}"
        );
    }
}

#[test]
fn the_openapi_document_is_the_servers() {
    let home = Home::new();
    let document = home.json(&["openapi"]);
    assert_eq!(document["openapi"].as_str().unwrap().get(..3), Some("3.1"));
    assert!(document["paths"]["/api/v1/tasks"]["post"].is_object());
    let mut other = home.json(&["openapi"]);
    assert_eq!(
        other.as_object_mut().unwrap().len(),
        document.as_object().unwrap().len()
    );
}
