//! Which system calls are refused. Everything else is allowed: programs stay programs.
//!
//! Three stacked filters, because the library knows one action a filter and no ranges: a
//! hand-written one for foreign call tables and numbers nobody knew when this was written, one
//! that answers `ENOSYS` where programs have a fallback, one that answers `EPERM`.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::{errands, notify};

/// Newest system call that was looked at (`file_setattr`, Linux 6.17). Later ones do not exist
/// inside until somebody has looked at them.
const NEWEST_KNOWN: u32 = 469;
/// Calls of the x32 table have this bit; the table duplicates all others under other numbers.
const X32_BIT: u32 = 0x4000_0000;

const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541C;

// Numbers from 424 on are the same on every architecture.
const OPEN_TREE: i64 = 428;
const MOVE_MOUNT: i64 = 429;
const FSOPEN: i64 = 430;
const FSCONFIG: i64 = 431;
const FSMOUNT: i64 = 432;
const FSPICK: i64 = 433;
const CLONE3: i64 = 435;
const PIDFD_GETFD: i64 = 438;
const PROCESS_MADVISE: i64 = 440;
const MOUNT_SETATTR: i64 = 442;
const QUOTACTL_FD: i64 = 443;
const MEMFD_SECRET: i64 = 447;
const SET_MEMPOLICY_HOME_NODE: i64 = 450;
const STATMOUNT: i64 = 457;
const LISTMOUNT: i64 = 458;
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;
const OPEN_TREE_ATTR: i64 = 467;
const FILE_SETATTR: i64 = 469;

/// The requests that change the flags of a file: of whose owner, the kernel asks alone.
const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
const FS_IOC_FSSETXATTR: u64 = 0x401C_5820;

/// Answered with `ENOSYS`: C libraries and runtimes fall back to older calls.
const ABSENT: &[i64] = &[
    CLONE3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Answered with `EPERM`.
const REFUSED: &[i64] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    OPEN_TREE,
    MOVE_MOUNT,
    FSOPEN,
    FSCONFIG,
    FSMOUNT,
    FSPICK,
    MOUNT_SETATTR,
    STATMOUNT,
    LISTMOUNT,
    OPEN_TREE_ATTR,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    PROCESS_MADVISE,
    PIDFD_GETFD,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_quotactl,
    QUOTACTL_FD,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    SET_MEMPOLICY_HOME_NODE,
    MEMFD_SECRET,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_nfsservctl,
    libc::SYS_lookup_dcookie,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS__sysctl,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    174, // create_module
    177, // get_kernel_syms
    178, // query_module
];
#[cfg(target_arch = "aarch64")]
const REFUSED_HERE: &[i64] = &[libc::SYS_kexec_file_load];

/// Answered with `EPERM` where neither the network nor the objects of System V and POSIX have a
/// namespace of their own.
const REACHING_OUT: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmdt,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

#[cfg(target_arch = "x86_64")]
const ARCH: (TargetArch, u32) = (TargetArch::x86_64, 0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCH: (TargetArch, u32) = (TargetArch::aarch64, 0xC000_00B7);

/// Which calls are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// All that programs need.
    OfPrograms,
    /// Of these none that reaches beyond the process and its children: no socket but pairs, and
    /// nothing that is shared by its name on the whole machine.
    WithoutSockets,
}

/// Installs the filters for this process and all it starts.
pub(super) fn install(calls: Calls) -> io::Result<()> {
    for program in [prologue(), absent()?, refused(calls)?] {
        apply_filter(&program).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Calls about the attributes of files, answered with `EOPNOTSUPP` where commands share the
/// server's user: programs take it for a file system that has none.
const ATTRIBUTES: &[i64] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
];

/// Calls that tell what others do with files whose names they hide, answered with `EPERM` where
/// commands share the server's user: Landlock does not know them.
const WATCHES: &[i64] = &[
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_inotify_init,
];

/// Calls that change how a process runs, by the argument that names it: answered with `EPERM`
/// where commands share the server's user, but for the caller itself (0). Of the same user they
/// would reach the server and every other task.
const OF_PROCESSES: &[(i64, u8)] = &[
    (libc::SYS_prlimit64, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
];

/// `ioprio_set`'s word for one thread.
const IOPRIO_WHO_PROCESS: u64 = 1;

/// What Landlock does not know, for commands that share the server's user.
fn reaching_others() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = WATCHES.iter().map(|number| (*number, Vec::new())).collect();
    for (number, argument) in OF_PROCESSES {
        let other = condition(*argument, SeccompCmpOp::Ne, 0)?;
        rules.insert(*number, vec![SeccompRule::new(vec![other])?]);
    }
    // A whole group or user, rather than one process.
    for (number, process) in [
        (libc::SYS_setpriority, u64::from(libc::PRIO_PROCESS)),
        (libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS),
    ] {
        let many = SeccompRule::new(vec![condition(0, SeccompCmpOp::Ne, process)?])?;
        rules.entry(number).or_default().push(many);
    }
    let flags = [FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR].map(|request| {
        let asked = condition(1, SeccompCmpOp::Eq, request)?;
        SeccompRule::new(vec![asked])
    });
    rules.insert(
        libc::SYS_ioctl,
        flags.into_iter().collect::<Result<_, _>>()?,
    );
    Ok(rules)
}

/// For commands that share the server's user: their changes of modes, owners and times are asked
/// about on the descriptor that is returned, files have no attributes, and what reaches other
/// processes of the user is refused.
pub(super) fn install_errands() -> io::Result<OwnedFd> {
    let attributes = ATTRIBUTES.iter().map(|number| (*number, Vec::new()));
    let others = reaching_others().map_err(io::Error::other)?;
    for program in [
        compile(attributes.collect(), libc::EOPNOTSUPP)?,
        compile(others, libc::EPERM)?,
    ] {
        apply_filter(&program).map_err(io::Error::other)?;
    }
    let mut program = vec![load(0)];
    for number in errands::CALLS {
        let number = u32::try_from(*number).map_err(io::Error::other)?;
        program.push(jump(libc::BPF_JEQ, number, 0, 1));
        program.push(answer(libc::SECCOMP_RET_USER_NOTIF));
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    notify::install(&program)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        code: u16::try_from(code).unwrap_or(0),
        jt,
        jf,
        k,
    }
}

/// Looks at a word of the call: 0 is its number, 4 its table.
fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, value)
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    instruction(libc::BPF_JMP | test | libc::BPF_K, jt, jf, k)
}

/// Kills foreign tables, hides unknown numbers.
fn prologue() -> BpfProgram {
    let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    vec![
        load(4),
        jump(libc::BPF_JEQ, ARCH.1, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(0),
        jump(libc::BPF_JGE, X32_BIT, 0, 1),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        jump(libc::BPF_JGT, NEWEST_KNOWN, 0, 1),
        answer(enosys),
        answer(libc::SECCOMP_RET_ALLOW),
    ]
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(rules: Rules, errno: i32) -> io::Result<BpfProgram> {
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        ARCH.0,
    )
    .and_then(BpfProgram::try_from)
    .map_err(io::Error::other)
}

fn absent() -> io::Result<BpfProgram> {
    let rules = ABSENT.iter().map(|number| (*number, Vec::new())).collect();
    compile(rules, libc::ENOSYS)
}

fn refused(calls: Calls) -> io::Result<BpfProgram> {
    let mut rules: Rules = REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .map(|number| (*number, Vec::new()))
        .collect();
    let conditional = [
        (libc::SYS_clone, clone_rules()),
        (libc::SYS_socket, socket_rules()),
        (libc::SYS_ioctl, ioctl_rules()),
    ];
    for (number, built) in conditional {
        rules.insert(number, built.map_err(io::Error::other)?);
    }
    match calls {
        Calls::OfPrograms => {}
        Calls::WithoutSockets => {
            rules.extend(REACHING_OUT.iter().map(|number| (*number, Vec::new())));
        }
    }
    compile(rules, libc::EPERM)
}

type Built = Result<Vec<SeccompRule>, seccompiler::BackendError>;

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// `clone` for a thread or process is fine; with any new namespace it is not.
fn clone_rules() -> Built {
    [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ]
    .into_iter()
    .map(|flag| {
        let bit = u64::from(flag.cast_unsigned());
        SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(bit), bit)?])
    })
    .collect()
}

/// Only unix, IPv4, IPv6 and route-netlink sockets: no vsock to the hypervisor, no crypto, no
/// packet sockets, no netlink that configures anything.
fn socket_rules() -> Built {
    let families = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let mut foreign = Vec::new();
    for family in families {
        let family = u64::from(family.unsigned_abs());
        foreign.push(condition(0, SeccompCmpOp::Ne, family)?);
    }
    let netlink = u64::from(libc::AF_NETLINK.unsigned_abs());
    let route = u64::from(libc::NETLINK_ROUTE.unsigned_abs());
    let other_netlink = vec![
        condition(0, SeccompCmpOp::Eq, netlink)?,
        condition(2, SeccompCmpOp::Ne, route)?,
    ];
    Ok(vec![
        SeccompRule::new(foreign)?,
        SeccompRule::new(other_netlink)?,
    ])
}

/// Pushing input into a terminal.
fn ioctl_rules() -> Built {
    [TIOCSTI, TIOCLINUX]
        .into_iter()
        .map(|request| SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, request)?]))
        .collect()
}
