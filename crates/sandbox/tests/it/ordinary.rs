//! Everything again, with the server as an ordinary user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user that exists nowhere else.
const USER: u32 = 2_000;

#[test]
fn the_whole_suite_passes_as_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        // Then every other test is already the proof.
        return;
    }
    let directory = tempfile::TempDir::new().unwrap();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), open).unwrap();
    // The build directory may be out of reach for that user.
    let program = directory.path().join("it");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let done = Command::new(&program)
        .args(["--skip", "the_whole_suite", "--test-threads=2"])
        .env("TMPDIR", directory.path())
        .current_dir(directory.path())
        .uid(USER)
        .gid(USER)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{text}\n{errors}");
    assert!(
        text.contains("contract_230") && text.contains("0 failed"),
        "{text}"
    );
}
