//! The system calls that have no safe wrapper, each in a function that has a safe contract.

#![expect(
    unsafe_code,
    reason = "fork, execve and three calls that no safe library offers"
)]

use std::ffi::{CStr, CString};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use rustix::process::Pid;

/// Which side of a fork this is.
pub(super) enum Forked {
    /// The new process.
    Child,
    /// The old one, with the new one's id.
    Parent(Pid),
}

/// Duplicates this process. Only for the init and what it forks: they have one thread.
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: the process has exactly one thread, so no lock can be held by another one and the
    // child may go on using the allocator.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Pid::from_raw(pid)
            .map(Forked::Parent)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ECHILD)),
    }
}

/// Ends the process at once: no destructors, no exit handlers.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Replaces the program. Returns only on failure.
pub(super) fn execve(path: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        let mut out: Vec<_> = list.iter().map(|item| item.as_ptr()).collect();
        out.push(std::ptr::null());
        out
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end in a null pointer and their strings outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Makes `number` a copy of `descriptor` that survives `execve`.
pub(super) fn place(descriptor: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    // SAFETY: the source is open; the target number belongs to this process's own table, which
    // no Rust object owns at the places where this is called (0 to 2, before anything is opened).
    match unsafe { libc::dup2(descriptor.as_raw_fd(), number) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes the control socket, which the server made descriptor 0, as descriptor 3, and closes
/// whatever else the server's process leaked, by its own fault or a library's. Once, first thing.
pub(super) fn take_control() -> io::Result<OwnedFd> {
    // SAFETY: nothing in this process owns a descriptor yet.
    if unsafe { libc::dup3(0, 3, libc::O_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    close_from(4)?;
    // SAFETY: descriptor 3 was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(3) })
}

/// Closes every descriptor from `first` on.
pub(super) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: callers own nothing at or above `first` that they use afterwards.
    match unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Adds mount attributes to a mount and everything mounted beneath it.
pub(super) fn mount_attributes(path: &Path, add: u64) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    let attributes = libc::mount_attr {
        attr_set: add,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is a C string, the structure is passed with its own size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Leaves the namespaces named by `flags` for new ones.
pub(super) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: one thread, and no Rust object depends on the namespaces that are left.
    match unsafe { libc::unshare(flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Blocks every signal that can be blocked.
pub(super) fn block_all_signals() {
    change_mask(libc::SIG_BLOCK);
}

/// Undoes [`block_all_signals`] and every inherited disposition, for a program about to start.
pub(super) fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: the default disposition is valid for every signal; those that cannot be
        // changed answer EINVAL, which is fine.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    change_mask(libc::SIG_UNBLOCK);
}

fn change_mask(how: i32) {
    // SAFETY: the set is initialised by `sigfillset` before it is read.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        libc::sigprocmask(how, &raw const set, std::ptr::null_mut());
    }
}

/// A descriptor that is readable when a child has changed state.
pub(super) fn child_signals() -> io::Result<OwnedFd> {
    signals(&[libc::SIGCHLD])
}

/// Takes the pending signals of a descriptor; whether `signal` is among them.
pub(super) fn takes_signal(signals: &OwnedFd, signal: i32) -> bool {
    const RECORD: usize = size_of::<libc::signalfd_siginfo>();
    let mut told = [0_u8; 4 * RECORD];
    let count = rustix::io::read(signals, &mut told).unwrap_or(0);
    // The first field of each record is the number.
    let mut records = told[..count].chunks_exact(RECORD);
    records.any(|record| record.starts_with(&signal.to_ne_bytes()))
}

/// Takes the descriptor `number`, which [`place`] put there and nobody owns. Once.
pub(super) fn inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: any number may be asked about.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A descriptor that is readable when one of `numbers` is pending.
pub(super) fn signals(numbers: &[i32]) -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised before it is read; the descriptor is new and owned here.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in numbers {
            libc::sigaddset(&raw mut set, *number);
        }
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}

/// Sends `signal` to every process of the namespace that this one may signal, itself left out.
/// False: there was none.
pub(super) fn signal_everyone(signal: i32) -> bool {
    // SAFETY: `kill` has no memory preconditions; -1 reaches what callers may signal: a PID
    // namespace of ours, or the processes of one user.
    unsafe { libc::kill(-1, signal) == 0 }
}

/// Brings the loopback interface up.
pub(super) fn loopback_up() -> io::Result<()> {
    let mut request = interface(b"lo");
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(1);
    configure(libc::SIOCSIFFLAGS, &request)
}

/// Gives the loopback interface `address` too. The C library takes a machine with nothing but
/// 127.0.0.1 for one without IPv4, and then finds no name for programs that ask for what works.
pub(super) fn loopback_also(address: Ipv4Addr) -> io::Result<()> {
    let mut request = interface(b"lo:1");
    let [a, b, c, d] = address
        .octets()
        .map(|octet| libc::c_char::from_ne_bytes([octet]));
    request.ifr_ifru.ifru_addr = libc::sockaddr {
        sa_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(2),
        // The port, then the address, as in `sockaddr_in`.
        sa_data: [0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    configure(libc::SIOCSIFADDR, &request)
}

fn interface(name: &[u8]) -> libc::ifreq {
    // SAFETY: an all-zero `ifreq` is valid; the names given here are shorter than its field.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, byte) in request.ifr_name.iter_mut().zip(name) {
        *target = libc::c_char::from_ne_bytes([*byte]);
    }
    request
}

fn configure(what: libc::Ioctl, request: &libc::ifreq) -> io::Result<()> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )?;
    // SAFETY: the request lives through the call and has the type that both requests want.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), what, std::ptr::from_ref(request)) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A system call by number, for the probes. Returns the error number, 0 on success.
pub(super) fn call(number: i64, arguments: [usize; 6]) -> i32 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the probes pass null or invalid pointers and empty structures only; a call that is
    // refused touches no memory, and one that is not refused fails on them with EFAULT or EINVAL.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 {
        io::Error::last_os_error().raw_os_error().unwrap_or(-1)
    } else {
        0
    }
}
