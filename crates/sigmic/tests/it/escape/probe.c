// One attempt, named by the first argument: ends with 0 when it is refused, else says what worked.
// Compiled inside the sandbox, where an attacker would compile it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_ways;

static void worked(const char *what, long answer) {
    printf("%s: answer %ld, errno %d; ", what, answer, errno);
    open_ways++;
}

// The call must answer `wanted` before it looks at its arguments.
static void answers(int wanted, const char *what, long number, long a, long b, long c, long d, long e) {
    errno = 0;
    long answer = syscall(number, a, b, c, d, e, 0);
    if (answer != -1 || errno != wanted) worked(what, answer);
}
#define REFUSED(call, a, b, c, d, e) answers(EPERM, #call, SYS_##call, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define ABSENT(call, a, b) answers(ENOSYS, #call, SYS_##call, (long)(a), (long)(b), 0, 0, 0)

// The expression must not be 0 or more.
#define FAILS(expression) do { errno = 0; long answer = (long)(expression); if (answer >= 0) worked(#expression, answer); } while (0)

static void memory_of_others(void) {
    char bytes[16];
    struct { void *at; size_t length; } mine = {bytes, 16}, theirs = {(void *)0x400000, 16};
    REFUSED(process_vm_readv, 1, &mine, 1, &theirs, 1);
    REFUSED(process_vm_readv, getppid(), &mine, 1, &theirs, 1);
    REFUSED(process_vm_writev, 1, &mine, 1, &theirs, 1);
    FAILS(open("/proc/1/mem", O_RDONLY));
}

static void tracing(void) {
    REFUSED(ptrace, 16, 1, 0, 0, 0);
    REFUSED(ptrace, 0x4206, 1, 0, 0, 0);
    REFUSED(ptrace, 16, getppid(), 0, 0, 0);
}

static void descriptors_of_others(void) {
    int one = syscall(434, 1, 0);
    answers(EPERM, "pidfd_getfd", 438, one, 0, 0, 0, 0);
    answers(EPERM, "pidfd_getfd", 438, one, 3, 0, 0, 0);
}

static void mounting(void) {
    REFUSED(mount, "none", "/mnt", "tmpfs", 0, 0);
    REFUSED(mount, "/", "/workspace", 0, 4096, 0);
    REFUSED(mount, "none", "/usr", 0, 32, 0);
    REFUSED(umount2, "/proc", 2, 0, 0, 0);
}

static void mounting_anew(void) {
    answers(EPERM, "open_tree", 428, AT_FDCWD, (long)"/", 1, 0, 0);
    answers(EPERM, "move_mount", 429, -1, (long)"", AT_FDCWD, (long)"/mnt", 4);
    answers(EPERM, "fsopen", 430, (long)"tmpfs", 0, 0, 0, 0);
    answers(EPERM, "fsmount", 432, -1, 0, 0, 0, 0);
    answers(EPERM, "mount_setattr", 442, AT_FDCWD, (long)"/usr", 0, 0, 0);
}

static void namespaces(void) {
    int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNS};
    for (int i = 0; i < 5; i++) {
        REFUSED(unshare, kinds[i], 0, 0, 0, 0);
        REFUSED(clone, kinds[i] | SIGCHLD, 0, 0, 0, 0);
    }
    answers(ENOSYS, "clone3", 435, 1, 64, 0, 0, 0);
}

static void joining(void) {
    REFUSED(setns, open("/proc/self/ns/user", O_RDONLY), 0, 0, 0, 0);
    FAILS(open("/proc/1/ns/mnt", O_RDONLY));
    FAILS(open("/proc/1/ns/net", O_RDONLY));
}

static void roots(void) {
    REFUSED(chroot, ".", 0, 0, 0, 0);
    REFUSED(pivot_root, ".", ".", 0, 0, 0);
}

static void users(void) {
    FAILS(setuid(0));
    FAILS(setresuid(0, 0, 0));
    FAILS(setgid(0));
    FAILS(setgroups(0, 0));
    if (geteuid() == 0 || getegid() == 0) worked("is root", 0);
}

static void privileges(void) {
    struct { unsigned version; int pid; } head = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } sets[2];
    if (syscall(SYS_capget, &head, sets) != 0) worked("capget", -1);
    for (int i = 0; i < 2; i++)
        if (sets[i].effective || sets[i].permitted || sets[i].inheritable) worked("capabilities", i);
    for (int each = 0; each < 41; each++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, each, 0, 0) > 0) worked("ambient", each);
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) worked("new privileges", 0);
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2) worked("no filter", 0);
}

static void priorities(void) {
    struct sched_param first = {.sched_priority = 1};
    FAILS(setpriority(PRIO_PROCESS, 0, -5) == 0 ? 1 : -1);
    FAILS(sched_setscheduler(0, SCHED_FIFO, &first));
}

static void devices(void) {
    FAILS(mknod("block", S_IFBLK | 0600, makedev(254, 0)));
    FAILS(mknod("memory", S_IFCHR | 0600, makedev(1, 1)));
    FAILS(mknod("null", S_IFCHR | 0600, makedev(1, 3)));
}

static void bpf(void) { REFUSED(bpf, 0, 1, 0, 0, 0); }
static void faults(void) { REFUSED(userfaultfd, 0, 0, 0, 0, 0); REFUSED(userfaultfd, 1, 0, 0, 0, 0); }
static void rings(void) { ABSENT(io_uring_setup, 1, 1); ABSENT(io_uring_enter, 1, 1); ABSENT(io_uring_register, 1, 1); }
static void performance(void) { REFUSED(perf_event_open, 1, 0, -1, -1, 0); }
static void keyrings(void) { REFUSED(keyctl, 0, -3, 1, 0, 0); REFUSED(request_key, "user", "x", 0, -3, 0); }
static void keys(void) { REFUSED(add_key, "user", "x", "x", 1, -3); }
static void kexec(void) { REFUSED(kexec_load, 0, 0, 1, 0, 0); }
static void modules(void) { REFUSED(init_module, 1, 0, 1, 0, 0); REFUSED(finit_module, 0, "", 0, 0, 0); REFUSED(delete_module, "x", 0, 0, 0, 0); }
static void handles(void) { REFUSED(open_by_handle_at, AT_FDCWD, 1, 0, 0, 0); }
static void kernel_log(void) { REFUSED(syslog, 3, 1, 1, 0, 0); }
static void watching(void) { REFUSED(fanotify_init, 0, 0, 0, 0, 0); }

static void administration(void) {
    REFUSED(quotactl, 0, 1, 0, 1, 0);
    REFUSED(swapon, "/workspace", 0, 0, 0, 0);
    REFUSED(swapoff, "/workspace", 0, 0, 0, 0);
    REFUSED(reboot, 0xfee1dead, 672274793, 0, 0, 0);
    REFUSED(settimeofday, 1, 0, 0, 0, 0);
    REFUSED(clock_settime, 0, 1, 0, 0, 0);
    REFUSED(sethostname, "x", 1, 0, 0, 0);
    REFUSED(acct, 0, 0, 0, 0, 0);
#ifdef __x86_64__
    REFUSED(iopl, 3, 0, 0, 0, 0);
    REFUSED(ioperm, 0x80, 1, 1, 0, 0);
#endif
}

#ifdef __x86_64__
static void by_x32(void) { syscall(0x40000000 + 39); }
static void by_i386(void) { long answer; __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory"); }

static void dies(const char *what, void (*attempt)(void)) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        attempt();
        _exit(0);
    }
    waitpid(child, &status, 0);
    // Without support for i386 in the kernel the instruction is a fault.
    if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGSYS && WTERMSIG(status) != SIGSEGV)) worked(what, status);
}

static void foreign_tables(void) { dies("x32", by_x32); dies("i386", by_i386); }
#else
static void foreign_tables(void) {}
#endif

static void nodes(void) {
    const char *names[] = {"vda", "sda", "mem", "kmem", "port", "kmsg", "kvm", "vsock", "fuse", "net/tun", "loop-control", "mapper/control", "vhost-net", "uinput", "snapshot", 0};
    for (int i = 0; names[i]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/dev/%s", names[i]);
        FAILS(open(path, O_RDONLY));
        FAILS(open(path, O_WRONLY));
    }
}

static void sockets(void) {
    FAILS(socket(AF_INET, SOCK_RAW, 1));
    FAILS(socket(AF_INET6, SOCK_RAW, 58));
    FAILS(socket(AF_PACKET, SOCK_RAW, 768));
    FAILS(socket(40, SOCK_STREAM, 0));
    FAILS(socket(38, SOCK_SEQPACKET, 0));
    FAILS(socket(AF_NETLINK, SOCK_RAW, 9));
    FAILS(socket(AF_NETLINK, SOCK_RAW, 12));
}

static void abstract_socket(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path + 1, name);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    int end = socket(AF_UNIX, SOCK_STREAM, 0);
    FAILS(connect(end, (struct sockaddr *)&address, length));
}

static void terminal(void) {
    char letter = 'x';
    FAILS(ioctl(0, TIOCSTI, &letter));
    errno = 0;
    if (ioctl(0, TIOCSTI, &letter) != -1 || errno != EPERM) worked("TIOCSTI", 0);
}

static void *asleep(void *nothing) { pause(); return nothing; }

// Ends with 0 when no more than `most` threads could be started.
static void threads(int most) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    pthread_t one;
    int count = 0;
    while (count < most + 64 && pthread_create(&one, &small, asleep, 0) == 0) count++;
    if (count > most || count == 0) worked("threads", count);
}

struct attempt { const char *name; void (*make)(void); };
static const struct attempt attempts[] = {
    {"tracing", tracing}, {"memory_of_others", memory_of_others}, {"descriptors_of_others", descriptors_of_others},
    {"mounting", mounting}, {"mounting_anew", mounting_anew}, {"namespaces", namespaces}, {"joining", joining},
    {"roots", roots}, {"users", users}, {"privileges", privileges}, {"priorities", priorities}, {"devices", devices}, {"bpf", bpf},
    {"faults", faults}, {"rings", rings}, {"performance", performance}, {"keyrings", keyrings}, {"keys", keys},
    {"kexec", kexec}, {"modules", modules}, {"handles", handles}, {"kernel_log", kernel_log}, {"watching", watching},
    {"administration", administration}, {"foreign_tables", foreign_tables}, {"nodes", nodes}, {"sockets", sockets},
    {"terminal", terminal},
};

int main(int count, char **words) {
    int known = 0;
    if (count == 3 && !strcmp(words[1], "abstract_socket")) { abstract_socket(words[2]); known = 1; }
    if (count == 3 && !strcmp(words[1], "threads")) { threads(atoi(words[2])); known = 1; }
    for (size_t i = 0; count == 2 && i < sizeof attempts / sizeof *attempts; i++)
        if (!strcmp(words[1], attempts[i].name)) { attempts[i].make(); known = 1; }
    if (!known) worked("no such attempt", 0);
    return open_ways > 0;
}
