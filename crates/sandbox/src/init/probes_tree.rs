//! Probes of sandboxes without an own root: what namespaces would have hidden must be refused.

use std::fs;
use std::io::Error;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, XattrFlags};

use super::probes::{Found, Probe, open, uncreatable, unlisted, unreadable};
use super::probes_kernel::{refused, socket};
use crate::control::ProbeInput;

pub(super) const TREE: &[Probe] = &[
    ("temporary_files", |_| {
        uncreatable("/tmp/sigmic-probe")?;
        uncreatable("/var/tmp/sigmic-probe")?;
        uncreatable("/dev/shm/sigmic-probe")
    }),
    ("workspace_above", |_| unlisted("..")),
    ("process_list", |_| unlisted("/proc")),
    ("command_lines", |input| of_server(input, "cmdline")),
    ("server_environment_file", |input| {
        of_server(input, "environ")
    }),
    ("server_memory", |input| of_server(input, "mem")),
    ("linked_file", linked_file),
    ("change_mode", |input| {
        untouched(input, "given another mode", |path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666))
        })
    }),
    ("change_owner", |input| {
        untouched(input, "given another owner", |path| {
            let own = rustix::process::getuid().as_raw();
            std::os::unix::fs::lchown(path, Some(own), None)
        })
    }),
    ("change_times", |input| {
        untouched(input, "given other times", |path| {
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            };
            let times = Timestamps {
                last_access: now,
                last_modification: now,
            };
            Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::empty())?)
        })
    }),
    ("change_attributes", |input| {
        untouched(input, "given attributes", |path| {
            let flags = XattrFlags::empty();
            Ok(rustix::fs::setxattr(path, "user.sigmic", b"x", flags)?)
        })
    }),
    ("cut_file", |input| {
        untouched(input, "cut", |path| {
            let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
            let arguments = [path.as_ptr().addr(), 0, 0, 0, 0, 0];
            match super::sys::call(libc::SYS_truncate, arguments) {
                0 => Ok(()),
                error => Err(Error::from_raw_os_error(error)),
            }
        })
    }),
    ("remove_file", |input| {
        untouched(input, "removed", |path| fs::remove_file(path))
    }),
    ("rename_file", |input| {
        untouched(input, "moved", |path| fs::rename(path, "sigmic-probe"))
    }),
    ("link_file", |input| {
        untouched(input, "linked", |path| fs::hard_link(path, "sigmic-probe"))
    }),
    ("limits_of_server", |input| {
        let pid = usize::try_from(input.host_pid).unwrap_or(0);
        refused(libc::SYS_prlimit64, [pid, 0, 0, 0, 0, 0])?;
        refused(libc::SYS_setpriority, [0, pid, 0, 0, 0, 0])?;
        refused(libc::SYS_sched_setaffinity, [pid, 0, 0, 0, 0, 0])
    }),
    ("local_socket", |_| {
        socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)
    }),
    ("network_socket", |_| {
        socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)
    }),
    ("shared_memory", |_| {
        refused(libc::SYS_shmget, [0, 4096, 0, 0, 0, 0])
    }),
    ("semaphores", |_| {
        refused(libc::SYS_semget, [0, 1, 0, 0, 0, 0])
    }),
    ("message_queues", |_| {
        refused(libc::SYS_msgget, [0; 6])?;
        refused(libc::SYS_mq_open, [1, 0, 0, 0, 0, 0])
    }),
];

fn of_server(input: &ProbeInput, file: &str) -> Found {
    unreadable(&format!("/proc/{}/{file}", input.host_pid))
}

/// A link in the workspace leads nowhere that its target does not.
fn linked_file(input: &ProbeInput) -> Found {
    for (number, path) in input.hidden_paths.iter().enumerate() {
        let link = format!("sigmic-probe-{number}");
        if symlink(path, &link).is_ok() && fs::read(&link).is_ok() {
            return open(format!("{} can be read through a link", path.display()));
        }
    }
    Ok(())
}

/// Each file of the server's must refuse `attempt`.
fn untouched(
    input: &ProbeInput,
    what: &str,
    attempt: impl Fn(&Path) -> Result<(), Error>,
) -> Found {
    for path in &input.own_files {
        if attempt(path).is_ok() {
            return open(format!("{} can be {what}", path.display()));
        }
    }
    Ok(())
}
