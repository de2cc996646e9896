//! The file module against somebody who changes the workspace meanwhile.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use sandbox::{Adopted, EntryKind, FileError, Owner, WalkLimits, Workspace, WorkspacePath};
use std::io::Write;
use tempfile::TempDir;

struct Case {
    directory: TempDir,
    workspace: Workspace,
}

impl Case {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("outside")).unwrap();
        fs::write(directory.path().join("outside/secret"), "outside").unwrap();
        let path = directory.path().join("workspace");
        let workspace = Workspace::create(&path, owner()).unwrap();
        Self {
            directory,
            workspace,
        }
    }

    fn inside(&self, name: &str) -> PathBuf {
        self.workspace.host_path().join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.directory.path().join("outside").join(name)
    }

    fn read(&self, name: &str) -> Result<String, FileError> {
        let bytes = self.workspace.read(&path(name), 1_000)?;
        Ok(String::from_utf8(bytes).unwrap())
    }
}

fn owner() -> Owner {
    if rustix::process::geteuid().is_root() {
        Owner::User(1_950_000_000)
    } else {
        Owner::Server
    }
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).unwrap()
}

#[test]
fn a_new_workspace_is_private_and_belongs_to_its_owner() {
    let case = Case::new();
    let root = fs::metadata(case.workspace.host_path()).unwrap();
    assert_eq!(root.permissions().mode() & 0o777, 0o700);
    let wanted = match owner() {
        Owner::User(id) => (id, id),
        Owner::Server => (root.uid(), root.gid()),
    };
    case.workspace.write(&path("a/b/c.txt"), b"x").unwrap();
    for name in [
        "",
        "uploads",
        "downloads",
        ".sigmic/home",
        "a/b",
        "a/b/c.txt",
    ] {
        let found = fs::metadata(case.inside(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), wanted, "{name}");
    }
    // Opening it again changes nothing.
    Workspace::create(case.workspace.host_path(), owner()).unwrap();
    assert_eq!(case.read("a/b/c.txt").unwrap(), "x");
}

#[test]
fn files_are_written_whole_read_in_parts_and_removed() {
    let case = Case::new();
    let workspace = &case.workspace;
    workspace
        .write(&path("/workspace/run.sh"), b"0123456789")
        .unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(case.inside("run.sh"), executable).unwrap();
    let range = workspace.read_range(&path("run.sh"), 4, 3).unwrap();
    assert_eq!(
        (range.bytes.as_slice(), range.size_bytes),
        (&b"456"[..], 10)
    );
    assert!(matches!(
        workspace.read(&path("run.sh"), 9),
        Err(FileError::TooLarge { limit: 9, .. })
    ));
    workspace.write(&path("run.sh"), b"new").unwrap();
    assert_eq!(workspace.stat(&path("run.sh")).unwrap().mode, 0o755);
    // A writer that is given up leaves neither a file nor a temporary one.
    let mut writer = workspace.writer(&path("run.sh")).unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    assert_eq!(case.read("run.sh").unwrap(), "new");
    assert_eq!(workspace.list(&path("."), 100).unwrap().len(), 4);
    workspace
        .rename(&path("run.sh"), &path("d/e/moved"))
        .unwrap();
    assert_eq!(case.read("d/e/moved").unwrap(), "new");
    assert!(workspace.remove(&path("d")).is_err());
    workspace.remove_all(&path("d")).unwrap();
    assert!(matches!(
        workspace.stat(&path("d")),
        Err(FileError::NotFound { .. })
    ));
    for refused in [
        workspace.write(&path(""), b"x"),
        workspace.write(&path("uploads"), b"x"),
        workspace.remove(&path("/workspace")),
    ] {
        assert!(refused.is_err());
    }
}

#[test]
fn links_that_lead_out_are_refused_and_links_inside_are_read() {
    let case = Case::new();
    case.workspace.write(&path("real/file"), b"inside").unwrap();
    symlink("real/file", case.inside("good")).unwrap();
    assert_eq!(case.read("good").unwrap(), "inside");
    symlink(case.outside("secret"), case.inside("absolute")).unwrap();
    symlink("../outside/secret", case.inside("relative")).unwrap();
    symlink("../outside", case.inside("directory")).unwrap();
    symlink("directory", case.inside("chained")).unwrap();
    symlink("/proc/self/root", case.inside("magic")).unwrap();
    symlink(
        format!("/proc/{}/cwd", std::process::id()),
        case.inside("cwd"),
    )
    .unwrap();
    let below_magic = format!("magic{}", case.outside("secret").display());
    for name in [
        "absolute",
        "relative",
        "directory/secret",
        "chained/secret",
        "cwd/Cargo.toml",
        &below_magic,
    ] {
        let refused = case.read(name);
        assert!(
            matches!(refused, Err(FileError::PathEscapes { .. })),
            "{name}: {refused:?}"
        );
    }
    // Writing follows no link at all: not out, and not to a file that is not there yet.
    symlink(case.outside("new"), case.inside("dangling")).unwrap();
    symlink("real", case.inside("inner")).unwrap();
    for name in ["directory/new", "chained/new", "magic/tmp/new", "inner/new"] {
        let refused = case.workspace.write(&path(name), b"x");
        assert!(
            matches!(refused, Err(FileError::PathEscapes { .. })),
            "{name}: {refused:?}"
        );
    }
    case.workspace.write(&path("dangling"), b"mine").unwrap();
    case.workspace.write(&path("absolute"), b"mine").unwrap();
    assert_eq!(case.read("dangling").unwrap(), "mine");
    // Removing removes the link.
    case.workspace.remove_all(&path("directory")).unwrap();
    assert!(case.workspace.remove(&path("chained/secret")).is_err());
    assert_eq!(
        fs::read_dir(case.directory.path().join("outside"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        fs::read_to_string(case.outside("secret")).unwrap(),
        "outside"
    );
}

#[test]
fn only_regular_files_are_read() {
    let case = Case::new();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        case.inside("pipe"),
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let _socket = UnixListener::bind(case.inside("socket")).unwrap();
    for name in ["pipe", "socket", "uploads"] {
        let refused = case.read(name);
        assert!(
            matches!(refused, Err(FileError::NotRegular { .. })),
            "{name}: {refused:?}"
        );
    }
    assert_eq!(
        case.workspace.stat(&path("pipe")).unwrap().kind,
        EntryKind::Other
    );
    // Writing replaces a pipe, it does not write into it.
    case.workspace.write(&path("pipe"), b"file").unwrap();
    assert_eq!(case.read("pipe").unwrap(), "file");
}

#[test]
fn listing_and_walking_have_limits_and_enter_no_links() {
    let case = Case::new();
    for number in 0..10 {
        let name = format!("many/{number}");
        case.workspace.write(&path(&name), b"12345").unwrap();
    }
    symlink("../../outside", case.inside("many/link")).unwrap();
    fs::write(
        case.inside("many")
            .join(std::ffi::OsStr::from_bytes(b"\xFF")),
        "",
    )
    .unwrap();
    assert!(matches!(
        case.workspace.list(&path("many"), 5),
        Err(FileError::TooLarge { .. })
    ));
    assert_eq!(case.workspace.list(&path("many"), 50).unwrap().len(), 12);
    let all = |_: &WorkspacePath, _| true;
    let walk = case
        .workspace
        .walk(&path("many"), WalkLimits::default(), all)
        .unwrap();
    assert_eq!((walk.entries.len(), walk.unnamed, walk.cut), (11, 1, false));
    let few = WalkLimits {
        entries: 3,
        depth: 64,
    };
    let walk = case.workspace.walk(&path("many"), few, all).unwrap();
    assert_eq!((walk.entries.len(), walk.cut), (3, true));
    let skip = |path: &WorkspacePath, _| !path.as_str().starts_with(".sigmic");
    let walk = case
        .workspace
        .walk(&path(""), WalkLimits::default(), skip)
        .unwrap();
    assert!(
        walk.entries
            .iter()
            .all(|entry| !entry.path.as_str().contains("sigmic"))
    );
    assert!(
        walk.entries
            .iter()
            .all(|entry| entry.path.name() != "secret")
    );
    assert!(case.workspace.walk(&path("nowhere"), few, all).is_err());
    let usage = case.workspace.usage().unwrap();
    assert!(
        usage.bytes >= 50 && usage.entries >= 16 && !usage.cut,
        "{usage:?}"
    );
}

#[test]
fn trees_that_resist_are_removed() {
    let case = Case::new();
    let mut deep: std::os::fd::OwnedFd = fs::File::open(case.workspace.host_path()).unwrap().into();
    for _ in 0..300 {
        rustix::fs::mkdirat(&deep, "d".repeat(50), rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let next = rustix::fs::openat(&deep, "d".repeat(50), flags, rustix::fs::Mode::empty());
        deep = next.unwrap();
    }
    assert!(case.workspace.usage().unwrap().cut);
    fs::create_dir(case.inside("locked")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"\xFF");
    fs::write(case.inside("locked").join(odd), "").unwrap();
    fs::set_permissions(case.inside("locked"), fs::Permissions::from_mode(0o0)).unwrap();
    symlink("../outside", case.inside("locked-out")).unwrap();
    case.workspace.remove_all(&path("locked")).unwrap();
    let host_path = case.workspace.host_path().to_owned();
    case.workspace.delete().unwrap();
    assert!(!host_path.exists());
    assert!(case.directory.path().join("outside/secret").exists());
}

/// Swaps a directory and a link that leads out, as fast as it can, while the server reads and
/// writes below it.
#[test]
fn a_hundred_thousand_races_leak_nothing() {
    let case = Case::new();
    fs::create_dir(case.inside("target")).unwrap();
    fs::write(case.inside("target/secret"), "inside").unwrap();
    symlink("../outside", case.inside("link")).unwrap();
    let (swapping, swaps) = (AtomicBool::new(true), std::sync::atomic::AtomicU64::new(0));
    let (mut read, mut refused) = (0_u32, 0_u32);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let root = fs::File::open(case.workspace.host_path()).unwrap();
            while swapping.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(
                    &root,
                    "target",
                    &root,
                    "link",
                    rustix::fs::RenameFlags::EXCHANGE,
                )
                .unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (secret, new) = (path("target/secret"), path("target/new"));
        for round in 0..100_000 {
            match case.workspace.read(&secret, 100) {
                Ok(bytes) => {
                    assert_eq!(bytes, b"inside");
                    read += 1;
                }
                Err(_) => refused += 1,
            }
            if round % 20 == 0 {
                // Whether it works does not matter, only where it lands.
                let _ = case.workspace.write(&new, b"new");
            }
        }
        swapping.store(false, Ordering::Relaxed);
    });
    assert!(
        read > 100 && refused > 100,
        "{read} read, {refused} refused"
    );
    assert!(swaps.load(Ordering::Relaxed) > 1_000);
    assert_eq!(
        fs::read_dir(case.directory.path().join("outside"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        fs::read_to_string(case.outside("secret")).unwrap(),
        "outside"
    );
}

#[test]
fn a_file_from_elsewhere_is_adopted_without_replacing_or_following_anything() {
    let case = Case::new();
    let given = case.directory.path().join("given");
    let give = |text: &str| fs::write(&given, text).unwrap();
    give("one");
    assert_eq!(
        case.workspace.adopt(&given, &path("uploads/a/x")).unwrap(),
        Adopted::Moved
    );
    assert!(!given.exists());
    let stat = fs::symlink_metadata(case.inside("uploads/a/x")).unwrap();
    let root = fs::metadata(case.inside("")).unwrap();
    assert_eq!((stat.mode() & 0o777, stat.uid()), (0o644, root.uid()));
    give("two");
    symlink(case.outside("secret"), case.inside("uploads/link")).unwrap();
    symlink(case.outside("new"), case.inside("uploads/dangling")).unwrap();
    for name in ["uploads/a/x", "uploads/link", "uploads/dangling", "uploads"] {
        assert_eq!(
            case.workspace.adopt(&given, &path(name)).unwrap(),
            Adopted::NameTaken,
            "{name}"
        );
    }
    symlink(case.outside(""), case.inside("uploads/out")).unwrap();
    for name in ["uploads/out/x", "uploads/a/x/y"] {
        assert!(matches!(
            case.workspace.adopt(&given, &path(name)),
            Err(FileError::PathEscapes { .. } | FileError::NotDirectory { .. })
        ));
    }
    // The file to be adopted is no link either.
    let link = case.directory.path().join("link");
    symlink(case.outside("secret"), &link).unwrap();
    assert!(case.workspace.adopt(&link, &path("uploads/l")).is_err());
    assert_eq!(case.read("uploads/a/x").unwrap(), "one");
    assert_eq!(fs::read_to_string(&given).unwrap(), "two");
    assert_eq!(fs::read_dir(case.outside("")).unwrap().count(), 1);
}

#[test]
fn a_file_from_another_file_system_is_copied() {
    let case = Case::new();
    let Ok(elsewhere) = TempDir::new_in("/dev/shm") else {
        return;
    };
    let given = elsewhere.path().join("given");
    for (text, adopted) in [("one", Adopted::Moved), ("two", Adopted::NameTaken)] {
        fs::write(&given, text).unwrap();
        assert_eq!(
            case.workspace.adopt(&given, &path("uploads/x")).unwrap(),
            adopted
        );
    }
    assert_eq!(case.read("uploads/x").unwrap(), "one");
    assert_eq!(fs::read_dir(case.inside("uploads")).unwrap().count(), 1);
}

#[test]
fn a_workspace_whose_directories_were_replaced_can_still_be_used() {
    let case = Case::new();
    fs::remove_dir(case.inside("uploads")).unwrap();
    fs::remove_dir(case.inside("downloads")).unwrap();
    symlink(case.outside(""), case.inside("uploads")).unwrap();
    fs::write(case.inside("downloads"), "a file").unwrap();
    let again = Workspace::create(case.workspace.host_path(), owner()).unwrap();
    again.write(&path("x"), b"fine").unwrap();
    assert!(again.write(&path("uploads/x"), b"out").is_err());
    assert_eq!(case.read("downloads").unwrap(), "a file");
    assert_eq!(fs::read_dir(case.outside("")).unwrap().count(), 1);
}
