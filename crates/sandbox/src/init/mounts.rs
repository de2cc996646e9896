//! The file system inside: a read-only root with the host's `/usr`, a synthetic `/etc`, its own
//! `/proc`, `/dev` and `/tmp`, and the workspace. The working directory is the workspace when
//! this starts, and stays so.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};

use super::{Step, StepError, sys};
use crate::control::Start;

/// Where the new root is put together. What is mounted here hides what was there before.
const NEW_ROOT: &str = "/tmp";
/// Inodes that `/tmp` may use.
const TMP_INODES: u32 = 65_536;

const NO_SUID: MountFlags = MountFlags::NOSUID;
const NO_DEV: MountFlags = MountFlags::NODEV;

/// Beginnings of names in `/etc` that are the configuration of languages.
const ETC_LANGUAGES: &[&str] = &["java-", "python3"];

/// Parts of `/etc` that programs need and that hold no secret.
pub(super) const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
];

const PASSWD: &str = "root:x:0:0:root:/:/bin/false\n\
                      agent:x:1000:1000:agent:/workspace/.sigmic/home:/bin/sh\n\
                      nobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n\
                        services: files\nprotocols: files\n";

/// Files of `/proc` that are replaced by nothing.
const MASKED: &[&str] = &[
    "kcore",
    "keys",
    "key-users",
    "kallsyms",
    "kmsg",
    "timer_list",
    "config.gz",
    "sched_debug",
    "kpagecount",
    "kpageflags",
    "kpagecgroup",
];

/// Builds the root, enters it and makes it read-only. Returns what is weaker than it should be.
pub(super) fn build(start: &Start) -> Result<Vec<String>, StepError> {
    let root = Path::new(NEW_ROOT);
    let mut warnings = Vec::new();
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).step("private mounts")?;
    tmpfs(root, "size=4m,nr_inodes=4096,mode=755").step("mount the root")?;
    system(root, &start.read_only).step("mount /usr")?;
    etc(root, &start.host_name).step("make /etc")?;
    hide(root, &start.hide).step("hide paths")?;
    own_proc(root, &mut warnings)?;
    dev(root).step("make /dev")?;
    let tmp = root.join("tmp");
    fs::create_dir(&tmp).step("make /tmp")?;
    let options = format!("size={},nr_inodes={TMP_INODES},mode=1777", start.tmp_bytes);
    tmpfs(&tmp, &options).step("make /tmp")?;
    for path in ["run", "var"] {
        // It may be there for a directory that the operator shares.
        fs::create_dir_all(root.join(path)).step("make /var")?;
    }
    if !root.join("var/tmp").exists() {
        symlink("../tmp", root.join("var/tmp")).step("make /var")?;
    }
    workspace(root).step("mount the workspace")?;
    enter(root).step("pivot_root")?;
    Ok(warnings)
}

fn tmpfs(at: &Path, options: &str) -> io::Result<()> {
    let options = std::ffi::CString::new(options)?;
    mount("tmpfs", at, "tmpfs", NO_SUID | NO_DEV, options.as_c_str())?;
    Ok(())
}

/// Covers a directory with an empty one that nothing can be put into.
fn nothing(at: &Path) -> io::Result<()> {
    let flags = NO_SUID | NO_DEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    mount("tmpfs", at, "tmpfs", flags, c"nr_inodes=1,mode=555")?;
    Ok(())
}

/// Binds a directory of the host, with everything mounted beneath it, read-only.
fn bind_read_only(from: &Path, to: &Path) -> io::Result<()> {
    mount_bind_recursive(from, to)?;
    sys::mount_attributes(
        to,
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
    )
}

/// `/usr` and what belongs to it: a link where the host has a link, else the directory.
fn system(root: &Path, more: &[PathBuf]) -> io::Result<()> {
    for name in ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let (host, inside) = (Path::new("/").join(name), root.join(name));
        let Ok(found) = fs::symlink_metadata(&host) else {
            continue;
        };
        if found.is_symlink() {
            symlink(fs::read_link(&host)?, &inside)?;
        } else if found.is_dir() {
            fs::create_dir(&inside)?;
            bind_read_only(&host, &inside)?;
        }
    }
    for host in more {
        let inside = root.join(host.strip_prefix("/").unwrap_or(host));
        fs::create_dir_all(&inside)?;
        bind_read_only(host, &inside)?;
    }
    Ok(())
}

/// Puts nothing in the place of what the operator wants hidden.
fn hide(root: &Path, paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        let inside = root.join(path.strip_prefix("/").unwrap_or(path));
        match fs::symlink_metadata(&inside) {
            Ok(found) if found.is_dir() => nothing(&inside)?,
            Ok(found) if found.is_file() => mount_bind("/dev/null", &inside)?,
            Ok(_) => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
            // What is not there needs no hiding.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn etc(root: &Path, host_name: &str) -> io::Result<()> {
    let etc = root.join("etc");
    fs::create_dir(&etc)?;
    let hosts = format!("127.0.0.1 localhost {host_name}\n::1 localhost\n");
    for (name, text) in [
        ("passwd", PASSWD),
        ("group", GROUP),
        ("nsswitch.conf", NSSWITCH),
        ("hosts", &hosts),
        (
            "resolv.conf",
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        ),
        ("hostname", &format!("{host_name}\n")),
    ] {
        fs::write(etc.join(name), text)?;
    }
    for name in ETC {
        share_etc(&Path::new("/etc").join(name), &etc.join(name))?;
    }
    for entry in fs::read_dir("/etc")?.flatten() {
        let name = entry.file_name();
        if is_of_a_language(&name) {
            share_etc(&entry.path(), &etc.join(&name))?;
        }
    }
    Ok(())
}

/// Whether an entry of `/etc` is the configuration of a language.
pub(super) fn is_of_a_language(name: &OsStr) -> bool {
    let starts = |name: &str| ETC_LANGUAGES.iter().any(|start| name.starts_with(start));
    name.to_str().is_some_and(starts)
}

fn share_etc(host: &Path, inside: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(host) else {
        return Ok(());
    };
    if let Some(parent) = inside.parent() {
        fs::create_dir_all(parent)?;
    }
    if found.is_symlink() {
        return symlink(fs::read_link(host)?, inside);
    }
    if found.is_dir() {
        fs::create_dir(inside)?;
    } else {
        fs::write(inside, "")?;
    }
    bind_read_only(host, inside)
}

fn own_proc(root: &Path, warnings: &mut Vec<String>) -> Result<(), StepError> {
    let proc = root.join("proc");
    fs::create_dir(&proc).step("make /proc")?;
    let flags = NO_SUID | NO_DEV | MountFlags::NOEXEC;
    // The kernel refuses this where parts of the host's /proc are hidden (a default container).
    mount("proc", &proc, "proc", flags, None).step("mount /proc")?;
    // No further user namespace, whatever the filter of system calls may miss.
    if let Err(error) = fs::write(proc.join("sys/user/max_user_namespaces"), "0") {
        warnings.push(format!("max_user_namespaces could not be set: {error}"));
    }
    for name in ["sys", "irq", "bus", "fs", "sysrq-trigger", "mtrr"] {
        let path = proc.join(name);
        if path.exists() {
            mount_bind(&path, &path).step("lock /proc")?;
            let read_only = MountFlags::BIND | MountFlags::RDONLY | flags;
            mount_remount(&path, read_only, "").step("lock /proc")?;
        }
    }
    for name in MASKED {
        let path = proc.join(name);
        if path.exists() {
            mount_bind("/dev/null", &path).step("mask /proc")?;
        }
    }
    for name in ["acpi", "scsi"] {
        let path = proc.join(name);
        if path.exists() {
            nothing(&path).step("mask /proc")?;
        }
    }
    Ok(())
}

fn dev(root: &Path) -> io::Result<()> {
    let dev = root.join("dev");
    fs::create_dir(&dev)?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let (host, inside) = (Path::new("/dev").join(name), dev.join(name));
        fs::write(&inside, "")?;
        mount_bind(host, inside)?;
    }
    let terminals = dev.join("pts");
    fs::create_dir(&terminals)?;
    mount(
        "devpts",
        &terminals,
        "devpts",
        NO_SUID | MountFlags::NOEXEC,
        c"newinstance,ptmxmode=0666,mode=0620",
    )?;
    let shared = dev.join("shm");
    fs::create_dir(&shared)?;
    tmpfs(&shared, "size=64m,nr_inodes=4096,mode=1777")?;
    for (target, name) in [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ] {
        symlink(target, dev.join(name))?;
    }
    Ok(())
}

fn workspace(root: &Path) -> io::Result<()> {
    let inside = root.join("workspace");
    fs::create_dir(&inside)?;
    mount_bind_recursive(".", &inside)?;
    sys::mount_attributes(&inside, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV)
}

/// Makes `root` the root, with nothing of the old one left to reach.
fn enter(root: &Path) -> io::Result<()> {
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    let read_only = MountFlags::BIND | MountFlags::RDONLY | NO_SUID | NO_DEV;
    mount_remount("/", read_only, "")?;
    rustix::process::chdir("/workspace")?;
    Ok(())
}
