use crate::support::Home;

#[test]
fn doctor_says_what_works_and_makes_nothing() {
    let home = Home::new();
    let report = home.json(&["doctor", "--json"]);
    assert_eq!(report["ok"], true, "{report}");
    let names: Vec<_> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for name in ["disk", "database", "model", "sandbox", "programs"] {
        assert!(names.contains(&name), "{report}");
    }
    assert!(!home.data_dir().exists());
    let text = home.say(&["doctor"]).out;
    assert!(
        text.contains("probes passed") && !text.contains('\x1b'),
        "{text}"
    );
    // Which hold the limits, or that there are none.
    let told = text.contains("control groups of version ") || text.contains("no control groups (");
    assert!(told, "{text}");
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let home = Home::new().with("SIGMIC_MODEL", "nobody/model").with(
        "SIGMIC_DATABASE_URL",
        "postgres://ana:hunter2-hunter2@127.0.0.1:9/none",
    );
    let said = home.say(&["doctor", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        !said.out.contains("hunter2") && !said.err.contains("hunter2"),
        "{said:?}"
    );
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["ok"], false);
    for (name, remedy) in [
        ("database", "SIGMIC_DATABASE_URL"),
        ("model", "SIGMIC_MODEL"),
    ] {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["status"], "failed");
        assert!(check["remedies"].to_string().contains(remedy), "{check}");
    }
}

#[test]
fn commands_without_isolation_are_a_loud_warning() {
    let home = Home::new().with("SIGMIC_SANDBOX__ENGINE", "none");
    let report = home.json(&["doctor", "--json"]);
    assert_eq!(report["ok"], true, "{report}");
    let checks = report["checks"].as_array().unwrap();
    let warned = checks
        .iter()
        .filter(|check| check["name"] == "sandbox" && check["status"] == "warning");
    let told: Vec<_> = warned
        .map(|check| check["detail"].as_str().unwrap())
        .collect();
    assert!(told[0].contains("WITHOUT ISOLATION"), "{report}");
    assert!(
        told.iter().any(|text| text.contains("NO ISOLATION")),
        "{report}"
    );
    let weaker = Home::new().with("SIGMIC_SANDBOX__ENGINE", "landlock");
    let text = weaker.say(&["doctor"]).out;
    assert!(
        text.contains("landlock, ") && text.contains("probes passed"),
        "{text}"
    );
}
