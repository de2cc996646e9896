//! Probes of system calls.

use super::probes::{Found, Probe};
use super::sys::call;

/// Address of a page that is never mapped: a call that is not refused fails on it.
const NOWHERE: usize = 1;

pub(super) const KERNEL: &[Probe] = &[
    ("mount", |_| {
        refused(libc::SYS_mount, [NOWHERE, NOWHERE, NOWHERE, 0, 0, 0])
    }),
    ("umount", |_| {
        refused(libc::SYS_umount2, [NOWHERE, 0, 0, 0, 0, 0])
    }),
    ("new_mount_api", |_| {
        refused(libc::SYS_fsopen, [NOWHERE, 0, 0, 0, 0, 0])
    }),
    ("pivot_root", |_| {
        refused(libc::SYS_pivot_root, [NOWHERE, NOWHERE, 0, 0, 0, 0])
    }),
    ("chroot", |_| {
        refused(libc::SYS_chroot, [NOWHERE, 0, 0, 0, 0, 0])
    }),
    ("unshare_user", |_| {
        refused(libc::SYS_unshare, flags(libc::CLONE_NEWUSER))
    }),
    ("unshare_mounts", |_| {
        refused(libc::SYS_unshare, flags(libc::CLONE_NEWNS))
    }),
    ("clone_user", |_| {
        refused(libc::SYS_clone, flags(libc::CLONE_NEWUSER))
    }),
    ("setns", |_| {
        refused(libc::SYS_setns, [usize::MAX, 0, 0, 0, 0, 0])
    }),
    ("ptrace_init", |_| {
        refused(libc::SYS_ptrace, [16, 1, 0, 0, 0, 0])
    }),
    ("read_memory", |_| {
        refused(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0, 0])
    }),
    ("bpf", |_| refused(libc::SYS_bpf, [0, NOWHERE, 0, 0, 0, 0])),
    ("perf_event_open", |_| {
        refused(libc::SYS_perf_event_open, [NOWHERE, 0, 0, 0, 0, 0])
    }),
    ("userfaultfd", |_| refused(libc::SYS_userfaultfd, [0; 6])),
    ("keyctl", |_| {
        refused(libc::SYS_keyctl, [0, usize::MAX, 0, 0, 0, 0])
    }),
    ("open_by_handle", |_| {
        refused(libc::SYS_open_by_handle_at, [0, NOWHERE, 0, 0, 0, 0])
    }),
    ("init_module", |_| {
        refused(libc::SYS_init_module, [NOWHERE, 0, NOWHERE, 0, 0, 0])
    }),
    ("kexec", |_| {
        refused(libc::SYS_kexec_load, [0, 0, NOWHERE, 0, 0, 0])
    }),
    ("set_host_name", |_| {
        refused(libc::SYS_sethostname, [NOWHERE, 1, 0, 0, 0, 0])
    }),
    ("become_root", |_| fails(libc::SYS_setuid, [0; 6])),
    ("make_device", |_| make_device()),
    ("io_uring", |_| {
        absent(libc::SYS_io_uring_setup, [1, NOWHERE, 0, 0, 0, 0])
    }),
    ("clone3", |_| absent(435, [NOWHERE, 0, 0, 0, 0, 0])),
    ("unknown_call", |_| absent(700, [0; 6])),
    ("vsock", |_| socket(40, 1, 0)),
    ("kernel_crypto", |_| socket(libc::AF_ALG, 5, 0)),
    ("packet_socket", |_| socket(libc::AF_PACKET, 3, 0)),
    ("raw_socket", |_| socket(libc::AF_INET, libc::SOCK_RAW, 1)),
    ("audit_socket", |_| {
        socket(libc::AF_NETLINK, libc::SOCK_RAW, 9)
    }),
    ("terminal_input", |_| {
        refused(libc::SYS_ioctl, [0, 0x5412, NOWHERE, 0, 0, 0])
    }),
    // The 32-bit table of aarch64 can be reached by 32-bit programs only: there is no probe.
    #[cfg(target_arch = "x86_64")]
    ("foreign_table", |_| foreign_table()),
];

fn flags(flags: i32) -> [usize; 6] {
    [usize::try_from(flags).unwrap_or(0), 0, 0, 0, 0, 0]
}

/// The call must answer `EPERM`, before it looks at its arguments.
pub(super) fn refused(number: i64, arguments: [usize; 6]) -> Found {
    match call(number, arguments) {
        libc::EPERM => Ok(()),
        error => Err(format!("call {number} answered {error}")),
    }
}

/// The call must look as if it did not exist.
fn absent(number: i64, arguments: [usize; 6]) -> Found {
    match call(number, arguments) {
        libc::ENOSYS => Ok(()),
        error => Err(format!("call {number} answered {error}")),
    }
}

fn fails(number: i64, arguments: [usize; 6]) -> Found {
    match call(number, arguments) {
        0 => Err(format!("call {number} succeeded")),
        _ => Ok(()),
    }
}

pub(super) fn socket(family: i32, kind: i32, protocol: i32) -> Found {
    let argument = |value: i32| usize::try_from(value).unwrap_or(0);
    let arguments = [
        argument(family),
        argument(kind),
        argument(protocol),
        0,
        0,
        0,
    ];
    fails(libc::SYS_socket, arguments)
}

fn make_device() -> Found {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    let made = mknodat(
        CWD,
        "sigmic-probe-device",
        FileType::BlockDevice,
        Mode::RUSR,
        makedev(254, 0),
    );
    match made {
        Err(_) => Ok(()),
        Ok(()) => Err("a block device node can be made".to_owned()),
    }
}

/// A call of the x32 table must kill the process that makes it.
#[cfg(target_arch = "x86_64")]
fn foreign_table() -> Found {
    use super::sys::{Forked, exit_now, fork};
    use rustix::process::{WaitOptions, waitpid};

    match fork() {
        Err(_) => Ok(()),
        Ok(Forked::Child) => {
            call(0x4000_0000 + libc::SYS_getpid, [0; 6]);
            exit_now(0)
        }
        Ok(Forked::Parent(pid)) => match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) if status.terminating_signal() == Some(libc::SIGSYS) => Ok(()),
            other => Err(format!("an x32 call ended with {other:?}")),
        },
    }
}
