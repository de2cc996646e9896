//! Changes of files' modes, owners and times, made by the keeper for commands that share the
//! server's user.
//!
//! Landlock does not know these calls, so a command could take the mode off the server's own
//! files. They are therefore made here, outside of what restricts commands, for files that are
//! really in the workspace, by a descriptor of what was looked at.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_NOW, chmod, openat,
    openat2, readlink, utimensat,
};
use rustix::io::Errno;

use super::notify::{self, Asked};

/// Bytes of a path at most, the kernel's own limit.
const MAX_PATH_BYTES: u64 = 4_096;
/// What the C library says for "leave it".
const SAME_ID: u32 = u32::MAX;

const NOFOLLOW: u64 = 0x100;
const EMPTY_PATH: u64 = 0x1000;
/// The number of `fchmodat2` on every architecture.
const FCHMODAT2: i64 = 452;

/// The calls that are asked about.
pub(super) const CALLS: &[i64] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

/// What a call wants changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Mode(u32),
    Owner(u32, u32),
    /// To what is at this address in the caller's memory, or to now.
    Times(Unit, u64),
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Two pairs of seconds and nanoseconds.
    Nanoseconds,
    /// Two pairs of seconds and microseconds.
    #[cfg(target_arch = "x86_64")]
    Microseconds,
    /// Two numbers of seconds.
    #[cfg(target_arch = "x86_64")]
    Seconds,
}

/// A call, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Errand {
    /// The caller's descriptor from which the path starts.
    from: i32,
    /// Where the path is in its memory.
    path: u64,
    flags: u64,
    change: Change,
}

impl Errand {
    fn read(asked: &Asked) -> Option<Self> {
        let [a, b, c, d, e, _] = asked.arguments;
        let errand = |from, path, flags, change| {
            Some(Self {
                from,
                path,
                flags,
                change,
            })
        };
        match asked.number {
            libc::SYS_fchmod => errand(low(a).cast_signed(), 0, 0, Change::Mode(low(b))),
            libc::SYS_fchown => {
                let owner = Change::Owner(low(b), low(c));
                errand(low(a).cast_signed(), 0, 0, owner)
            }
            libc::SYS_fchmodat => errand(low(a).cast_signed(), b, 0, Change::Mode(low(c))),
            FCHMODAT2 => errand(low(a).cast_signed(), b, d, Change::Mode(low(c))),
            libc::SYS_fchownat => {
                let owner = Change::Owner(low(c), low(d));
                errand(low(a).cast_signed(), b, e, owner)
            }
            libc::SYS_utimensat => {
                let times = Change::Times(Unit::Nanoseconds, c);
                errand(low(a).cast_signed(), b, d, times)
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chmod => errand(libc::AT_FDCWD, a, 0, Change::Mode(low(b))),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chown => errand(libc::AT_FDCWD, a, 0, Change::Owner(low(b), low(c))),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_lchown => {
                let owner = Change::Owner(low(b), low(c));
                errand(libc::AT_FDCWD, a, NOFOLLOW, owner)
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_utime => errand(libc::AT_FDCWD, a, 0, Change::Times(Unit::Seconds, b)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_utimes => errand(libc::AT_FDCWD, a, 0, Change::Times(Unit::Microseconds, b)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_futimesat => {
                let times = Change::Times(Unit::Microseconds, c);
                errand(low(a).cast_signed(), b, 0, times)
            }
            _ => None,
        }
    }
}

/// The half of a register that the kernel looks at.
fn low(register: u64) -> u32 {
    let [a, b, c, d, ..] = register.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The keeper's side.
#[derive(Debug)]
pub(super) struct Errands {
    listener: OwnedFd,
    /// As the kernel names it.
    workspace: PathBuf,
}

impl AsFd for Errands {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Errands {
    /// For the workspace in which this process stands.
    pub(super) fn new(listener: OwnedFd) -> std::io::Result<Self> {
        Ok(Self {
            listener,
            workspace: std::fs::read_link("/proc/self/cwd")?,
        })
    }

    /// Does what one waiting call asks for.
    pub(super) fn run_one(&self) {
        let Ok(asked) = notify::receive(&self.listener) else {
            // The thread has gone again.
            return;
        };
        let done = match Errand::read(&asked) {
            Some(errand) => self.run(&asked, errand),
            None => Err(Errno::NOSYS),
        };
        let errno = done.err().map_or(0, Errno::raw_os_error);
        notify::answer(&self.listener, asked.id, errno);
    }

    fn run(&self, asked: &Asked, errand: Errand) -> Result<(), Errno> {
        let caller = Caller::open(asked.thread)?;
        let found = caller.find(errand)?;
        let times = match errand.change {
            Change::Times(unit, at) => Some(caller.times(unit, at)?),
            Change::Mode(_) | Change::Owner(..) => None,
        };
        let path = format!("/proc/self/fd/{}", found.as_raw_fd());
        let place = readlink(path.as_str(), Vec::new())?;
        let place = PathBuf::from(std::ffi::OsString::from(
            place.into_string().map_err(|_| Errno::PERM)?,
        ));
        // Where it really is, by whatever name it was reached.
        if !place.starts_with(&self.workspace) || !notify::still_waits(&self.listener, asked.id) {
            return Err(Errno::PERM);
        }
        match (errand.change, times) {
            (Change::Mode(mode), _) => chmod(path.as_str(), Mode::from_raw_mode(mode & 0o7777)),
            (Change::Owner(user, group), _) => same_owner(user, group),
            (Change::Times(..), Some(times)) => {
                utimensat(CWD, path.as_str(), &times, AtFlags::empty())
            }
            (Change::Times(..), None) => Err(Errno::INVAL),
        }
    }
}

/// An ordinary user can give nothing away; "to whom it belongs already" is granted.
fn same_owner(user: u32, group: u32) -> Result<(), Errno> {
    let own = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    let fits = (user == SAME_ID || user == own.0) && (group == SAME_ID || group == own.1);
    fits.then_some(()).ok_or(Errno::PERM)
}

/// The thread that makes a call.
struct Caller {
    thread: u32,
    memory: File,
}

impl Caller {
    fn open(thread: u32) -> Result<Self, Errno> {
        let memory = File::open(format!("/proc/{thread}/mem")).map_err(|_| Errno::PERM)?;
        Ok(Self { thread, memory })
    }

    /// A descriptor of what the call is about.
    fn find(&self, errand: Errand) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let from = match errand.from {
            libc::AT_FDCWD => format!("/proc/{}/cwd", self.thread),
            number => format!("/proc/{}/fd/{number}", self.thread),
        };
        let from = openat(CWD, from, flags, Mode::empty()).map_err(|_| Errno::BADF)?;
        let path = match errand.path {
            // The descriptor itself is meant.
            0 => CString::default(),
            at => self.text(at)?,
        };
        if path.is_empty() {
            let meant = errand.path == 0 || errand.flags & EMPTY_PATH != 0;
            return meant.then_some(from).ok_or(Errno::NOENT);
        }
        let follow = match errand.flags & NOFOLLOW {
            0 => OFlags::empty(),
            _ => OFlags::NOFOLLOW,
        };
        // Links of `/proc` would lead to what is open here, not there.
        let resolve = ResolveFlags::NO_MAGICLINKS;
        openat2(&from, &path, flags | follow, Mode::empty(), resolve)
    }

    fn text(&self, at: u64) -> Result<CString, Errno> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < MAX_PATH_BYTES {
            let mut chunk = [0_u8; 256];
            let from = at + bytes.len() as u64;
            // What follows the text may not be there to be read: no further than its page.
            let within = usize::try_from(4_096 - from % 4_096).unwrap_or(1);
            let chunk = &mut chunk[..within.min(256)];
            let count = self.memory.read_at(chunk, from).map_err(|_| Errno::FAULT)?;
            if let Some(end) = chunk[..count].iter().position(|byte| *byte == 0) {
                bytes.extend_from_slice(&chunk[..end]);
                return CString::new(bytes).map_err(|_| Errno::INVAL);
            }
            if count == 0 {
                return Err(Errno::FAULT);
            }
            bytes.extend_from_slice(&chunk[..count]);
        }
        Err(Errno::NAMETOOLONG)
    }

    fn numbers<const N: usize>(&self, at: u64) -> Result<[i64; N], Errno> {
        let mut numbers = [0; N];
        for (place, number) in (0..).zip(&mut numbers) {
            let mut bytes = [0; 8];
            let read = self.memory.read_exact_at(&mut bytes, at + place * 8);
            read.map_err(|_| Errno::FAULT)?;
            *number = i64::from_ne_bytes(bytes);
        }
        Ok(numbers)
    }

    fn times(&self, unit: Unit, at: u64) -> Result<Timestamps, Errno> {
        let [a, b, c, d] = match unit {
            _ if at == 0 => [0, UTIME_NOW, 0, UTIME_NOW],
            Unit::Nanoseconds => self.numbers::<4>(at)?,
            #[cfg(target_arch = "x86_64")]
            Unit::Microseconds => {
                let [a, b, c, d] = self.numbers::<4>(at)?;
                let micros = |count: i64| count.checked_mul(1_000).ok_or(Errno::INVAL);
                [a, micros(b)?, c, micros(d)?]
            }
            #[cfg(target_arch = "x86_64")]
            Unit::Seconds => {
                let [a, c] = self.numbers::<2>(at)?;
                [a, 0, c, 0]
            }
        };
        Ok(Timestamps {
            last_access: Timespec {
                tv_sec: a,
                tv_nsec: b,
            },
            last_modification: Timespec {
                tv_sec: c,
                tv_nsec: d,
            },
        })
    }
}
