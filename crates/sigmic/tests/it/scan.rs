use serde_json::Value;

use crate::support::Home;

#[test]
fn leaked_keys_are_found_without_a_server() {
    let home = Home::new();
    let made = home.json(&["admin", "bootstrap", "--json"]);
    let key = made["apiKey"].as_str().unwrap();
    let directory = home.path("code");
    std::fs::create_dir_all(directory.join("deep")).unwrap();
    let path = directory.to_str().unwrap();
    std::fs::write(directory.join("clean.txt"), "sigmic_ and sas_ are prefixes").unwrap();
    assert_eq!(home.say(&["scan", path]).code, Some(0));
    let leak = directory.join("deep/.env");
    std::fs::write(&leak, format!("# keys\nKEY={key}\n")).unwrap();
    std::os::unix::fs::symlink(&leak, directory.join("link")).unwrap();
    let said = home.say(&["scan", path]);
    assert_eq!(said.code, Some(1));
    assert!(!said.out.contains(key) && !said.err.contains(key));
    assert_eq!(
        said.out,
        format!("{}:2:5: API key {}…\n", leak.display(), &key[..12])
    );
    let said = home.say(&["scan", "--json", path]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&found["line"], &found["kind"]),
        (&2.into(), &"API key".into())
    );
    assert_eq!(home.say(&["scan", "/nowhere/at/all"]).code, Some(1));
    assert_eq!(home.say(&["scan"]).code, Some(2));
}
