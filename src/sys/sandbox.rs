//! Rights that a process gives away for good: files and sockets (landlock(7)), system calls (seccomp(2)).
//!
//! Both hold for the calling thread and for every thread that it starts afterwards, and both set
//! no_new_privs: nothing that is executed can gain rights.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Gives up all files but those beneath these directories, which can only be read. No socket can listen or connect, and
/// no other process gets a signal, as far as the kernel knows how. Open files stay open. Returns false when the kernel
/// has no Landlock.
pub(crate) fn forbid_files(readable: &[PathBuf]) -> Result<bool, String> {
    // Rights that an older kernel does not know are left out.
    let abi = ABI::V7;
    let restrict = || {
        let mut ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?;
        // A directory that cannot even be looked at cannot be read from either.
        for directory in readable.iter().filter_map(|path| PathFd::new(path).ok()) {
            let access = AccessFs::ReadFile | AccessFs::ReadDir;
            ruleset = ruleset.add_rule(PathBeneath::new(directory, access))?;
        }
        ruleset.restrict_self()
    };
    let status = restrict().map_err(|error: landlock::RulesetError| error.to_string())?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Gives up all system calls but those that the server makes. Any other fails as if the kernel did not know it.
pub(crate) fn forbid_system_calls() -> Result<(), String> {
    let install = || -> Result<(), seccompiler::Error> {
        let architecture = std::env::consts::ARCH.try_into()?;
        let refused = SeccompAction::Errno(libc::ENOSYS as u32);
        let filter = SeccompFilter::new(allowed()?, refused, SeccompAction::Allow, architecture)?;
        let program: BpfProgram = filter.try_into()?;
        seccompiler::apply_filter(&program)
    };
    install().map_err(|error| error.to_string())
}

/// Its type differs between C libraries; the kernel takes 32 bits of it.
const TIOCOUTQ: u32 = libc::TIOCOUTQ as u32;

/// As TIOCOUTQ.
const PRIO_PROCESS: u64 = libc::PRIO_PROCESS as u64;

/// System calls, each with the conditions under which it is allowed.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allowed with any arguments.
#[rustfmt::skip]
const FREELY: &[libc::c_long] = &[
    // The loop.
    libc::SYS_epoll_create1, libc::SYS_eventfd2, libc::SYS_epoll_pwait, libc::SYS_epoll_ctl, libc::SYS_accept4, libc::SYS_recvfrom, libc::SYS_sendto,
    libc::SYS_sendmsg, libc::SYS_sendfile, libc::SYS_shutdown, libc::SYS_close,
    // Files, which Landlock and the root confine.
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_readlinkat, libc::SYS_fstat, libc::SYS_newfstatat,
    libc::SYS_statx, libc::SYS_getdents64, libc::SYS_read, libc::SYS_pread64, libc::SYS_preadv2, libc::SYS_readahead,
    super::page_cache::CACHESTAT,
    // Contents in memory that are sent as files.
    libc::SYS_memfd_create,
    // The log: a write, and another file from the process that opens it.
    libc::SYS_write, libc::SYS_recvmsg,
    // Memory and threads, for the standard library.
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_futex,
    libc::SYS_set_robust_list, libc::SYS_rseq, libc::SYS_sigaltstack, libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_restart_syscall, libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity, libc::SYS_getrusage, libc::SYS_gettid, libc::SYS_getpid, libc::SYS_exit, libc::SYS_exit_group,
    // Time, where the kernel has no faster way to it, and random numbers.
    libc::SYS_clock_gettime, libc::SYS_clock_nanosleep, libc::SYS_getrandom,
    #[cfg(target_arch = "x86_64")] libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")] libc::SYS_stat,
];

fn allowed() -> Result<Rules, BackendError> {
    let mut rules: Rules = FREELY.iter().map(|&call| (call, Vec::new())).collect();
    let process = u64::from(std::process::id());
    let equals = |argument, value| (argument, SeccompCmpOp::Eq, value);
    let masked = |argument, mask, value| (argument, SeccompCmpOp::MaskedEq(mask), value);
    let code = libc::PROT_EXEC as u64;
    let thread = libc::CLONE_THREAD as u64;
    for (call, conditions) in [
        // Memory is never code.
        (libc::SYS_mmap, vec![masked(2, code, 0)]),
        (libc::SYS_mprotect, vec![masked(2, code, 0)]),
        // Threads and no processes. `clone3` hides its flags, and the C library does without it.
        (libc::SYS_clone, vec![masked(0, thread, thread)]),
        (libc::SYS_prctl, vec![equals(0, libc::PR_SET_NAME as u64)]),
        // The end by a panic.
        (libc::SYS_tgkill, vec![equals(0, process)]),
        // For a client: how much it has taken, how much may wait for it, and resetting its connection.
        (libc::SYS_ioctl, vec![equals(1, u64::from(TIOCOUTQ))]),
        (
            libc::SYS_setsockopt,
            vec![equals(1, libc::IPPROTO_TCP as u64), equals(2, libc::TCP_NOTSENT_LOWAT as u64)],
        ),
        (libc::SYS_setsockopt, vec![equals(1, libc::SOL_SOCKET as u64), equals(2, libc::SO_LINGER as u64)]),
        // Threads that compute give way to the workers.
        (libc::SYS_setpriority, vec![equals(0, PRIO_PROCESS), equals(1, 0)]),
        // A second descriptor for standard error, to say why the server ends.
        (libc::SYS_fcntl, vec![equals(1, libc::F_DUPFD_CLOEXEC as u64)]),
        // A file in memory that nobody changes.
        (libc::SYS_fcntl, vec![equals(1, libc::F_ADD_SEALS as u64)]),
        // A check of the standard library's in debug builds.
        (libc::SYS_fcntl, vec![equals(1, libc::F_GETFD as u64)]),
    ] {
        let condition = |(argument, comparison, value)| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)
        };
        let conditions = conditions.into_iter().map(condition).collect::<Result<Vec<_>, _>>()?;
        rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
    }
    Ok(rules)
}

/// Tries to trace the parent process, for a test: the server never does.
#[cfg(test)]
pub(crate) fn trace_parent() -> std::io::Result<()> {
    let parent = std::os::unix::process::parent_id() as libc::pid_t;
    // SAFETY: the request takes no pointer, and stops nothing. It ends with this process.
    super::check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, parent, 0, 0) } as libc::c_int).map(drop)
}
