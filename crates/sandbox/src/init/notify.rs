//! System calls that are answered by another process (`SECCOMP_RET_USER_NOTIF`).

#![expect(
    unsafe_code,
    reason = "no library offers the listener of a filter and its requests"
)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use seccompiler::sock_filter;

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Names the call in the answer.
    pub(super) id: u64,
    /// The thread that makes it.
    pub(super) thread: u32,
    /// Its number.
    pub(super) number: i64,
    /// Its arguments.
    pub(super) arguments: [u64; 6],
}

/// Installs a filter; returns the descriptor on which its calls are asked about.
pub(super) fn install(program: &[sock_filter]) -> io::Result<OwnedFd> {
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: the program outlives the call and has the length that is said; the two types of an
    // instruction have one layout, the kernel's.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const filter,
        )
    };
    match i32::try_from(result) {
        // SAFETY: the kernel just made this descriptor for us.
        Ok(number) if number >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        Ok(_) | Err(_) => Err(io::Error::last_os_error()),
    }
}

/// The next call that waits.
pub(super) fn receive(listener: &OwnedFd) -> io::Result<Asked> {
    // SAFETY: all of it are numbers; the kernel wants it zeroed.
    let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is the one that this request fills, and lives through the call.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut asked,
        )
    };
    match result {
        0 => Ok(Asked {
            id: asked.id,
            thread: asked.pid,
            number: i64::from(asked.data.nr),
            arguments: asked.data.args,
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether the call still waits: what was found by its thread's number was that thread's.
pub(super) fn still_waits(listener: &OwnedFd, id: u64) -> bool {
    // SAFETY: the number lives through the call.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const id,
        )
    };
    result == 0
}

/// Ends the call with an error number, 0 for success.
pub(super) fn answer(listener: &OwnedFd, id: u64, errno: i32) {
    let mut answer = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: -errno,
        flags: 0,
    };
    // SAFETY: the structure is the one that this request reads. It fails when the thread is gone.
    unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw mut answer,
        )
    };
}
