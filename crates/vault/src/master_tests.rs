use std::os::unix::fs::PermissionsExt as _;

use model::OsRandom;

use super::*;

const TEXT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF";

fn load(source: MasterKeySource) -> Result<MasterKey, MasterKeyError> {
    MasterKey::load(&source, &OsRandom)
}

#[test]
fn an_own_file_is_made_once_and_for_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let made = load(MasterKeySource::OwnFile(path.clone())).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = load(MasterKeySource::OwnFile(path.clone())).unwrap();
    assert_eq!(made.expose_bytes(), again.expose_bytes());
    let entries = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(entries, 1, "no draft is left");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim_end(), made.to_text().as_str());
}

#[test]
fn an_own_file_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    std::fs::write(&path, TEXT).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = load(MasterKeySource::OwnFile(path.clone())).unwrap_err();
    assert!(matches!(refused, MasterKeyError::Exposed(_)), "{refused}");
    load(MasterKeySource::ProvidedFile(path)).unwrap();
}

#[test]
fn of_two_first_starts_one_makes_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| load(MasterKeySource::OwnFile(path.clone())).unwrap());
        let threads: Vec<_> = (0..8).map(|_| start()).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        keys.iter()
            .all(|key| key.to_text().as_str() == kept.trim_end())
    );
}

#[test]
fn a_missing_provided_file_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let refused = load(MasterKeySource::ProvidedFile(path.clone())).unwrap_err();
    assert!(matches!(refused, MasterKeyError::File { .. }), "{refused}");
    assert!(!path.exists());
}

#[test]
fn a_text_is_64_hexadecimal_characters() {
    let value = |text: String| load(MasterKeySource::Value(Secret::new(text)));
    let key = value(format!(" {TEXT}\n")).unwrap();
    assert_eq!(key.expose_bytes()[..3], [0, 1, 2]);
    assert_eq!(key.expose_bytes()[31], 0xff);
    for bad in [
        "",
        &TEXT[1..],
        &format!("{TEXT}0"),
        &TEXT.replace('0', "g"),
        &"é".repeat(32),
    ] {
        let refused = value(bad.to_owned()).unwrap_err();
        assert!(matches!(refused, MasterKeyError::Malformed(_)));
        assert!(
            bad.is_empty() || !refused.to_string().contains(bad),
            "{refused}"
        );
    }
}

#[test]
fn a_command_prints_the_key() {
    let command = |text: &str| load(MasterKeySource::Command(text.to_owned()));
    let key = command(&format!("echo {TEXT}")).unwrap();
    assert_eq!(key.expose_bytes()[1], 1);
    let failed = command(&format!("echo {TEXT}; exit 3")).unwrap_err();
    assert!(
        matches!(failed, MasterKeyError::CommandFailed(_)),
        "{failed}"
    );
    let endless = command("yes").unwrap_err();
    assert!(
        matches!(endless, MasterKeyError::CommandFailed(_)),
        "{endless}"
    );
    let nothing = command("true").unwrap_err();
    assert!(matches!(nothing, MasterKeyError::Malformed(_)), "{nothing}");
}
