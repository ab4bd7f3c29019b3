//! What a worker process gives up before it runs any foreign code.
//!
//! Landlock (no file, no TCP port, no signal to others), seccomp (a list of the system calls a
//! running program needs, and no other), rlimits, no environment, no inherited descriptor. The
//! process keeps what it already has: its memory, its threads, and the socket to its host.

// Closing descriptors by number and setting up the allocator are unsafe; each says why it is sound.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use ratchet_plugin_api::{Code, Error, Result};
use rustix::process::{Resource, Rlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::config::settings::Sandbox;

/// The newest Landlock interface whose restrictions are used.
const LANDLOCK: ABI = ABI::V6;

/// Descriptors a worker may have open: its socket and what runtimes need to wait.
const DESCRIPTORS_MAX: u64 = 64;

/// What is in force.
pub(super) struct Enforced {
    /// What the kernel lacks.
    pub(super) missing: Vec<&'static str>,
}

/// Takes the socket to the host off standard input, and points standard input at nothing and
/// standard output at standard error.
pub(super) fn take_over_stdio() -> Result<UnixStream> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3);
    let socket = UnixStream::from(socket.map_err(std::io::Error::from)?);
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing).map_err(std::io::Error::from)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map_err(std::io::Error::from)?;
    Ok(socket)
}

/// Closes every descriptor but the standard ones and the socket; see `close_range(2)`.
pub(super) fn close_inherited(socket: &UnixStream) -> Result<()> {
    let kept = socket.as_raw_fd().unsigned_abs();
    for (first, last) in [(3, kept.saturating_sub(1)), (kept + 1, u32::MAX)] {
        if first > last {
            continue;
        }
        // SAFETY: the call takes three numbers. Nothing in this process owns a descriptor in the
        // range: it has opened the socket so far, and nothing else.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if closed != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
    }
    Ok(())
}

/// Has all threads take their memory from one heap. With a heap for each, what one thread has freed
/// still counts against the process's limit and is of no use to the others, so a call could end
/// for want of memory that nothing holds. Call it before any other thread exists.
pub(super) fn share_one_heap() {
    // SAFETY: the call takes two numbers, and no other thread is using the allocator.
    let set = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    debug_assert_eq!(set, 1, "the allocator knows the option");
}

/// Shuts the process in for good. Call it before any other thread exists.
///
/// # Errors
/// `Configuration` under [`Sandbox::Required`] when the kernel lacks something.
pub(super) fn enter(mode: Sandbox, memory_bytes: u64) -> Result<Enforced> {
    limit(&[(Resource::Core, 0), (Resource::Data, memory_bytes)])?;
    let mut missing = Vec::new();
    if mode != Sandbox::Off {
        limit(&[(Resource::Fsize, 0), (Resource::Nofile, DESCRIPTORS_MAX)])?;
        rustix::thread::set_no_new_privs(true).map_err(std::io::Error::from)?;
        if !restrict_files_and_ports() {
            missing.push("landlock");
        }
        if restrict_system_calls().is_err() {
            missing.push("seccomp");
        }
    }
    verdict(mode, missing)
}

/// Whether a worker may start with so much `missing`.
fn verdict(mode: Sandbox, missing: Vec<&'static str>) -> Result<Enforced> {
    if mode == Sandbox::Required && !missing.is_empty() {
        return Err(Error::new(
            Code::Configuration,
            format!(
                "this kernel lacks {}, and `sandbox: required` is configured; use a newer kernel \
                 or `sandbox: preferred`",
                missing.join(" and ")
            ),
        )
        .with_reason("sandbox.incomplete"));
    }
    Ok(Enforced { missing })
}

fn limit(limits: &[(Resource, u64)]) -> Result<()> {
    for &(resource, most) in limits {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(resource, limit).map_err(std::io::Error::from)?;
    }
    Ok(())
}

/// Whether the kernel enforces all of it.
fn restrict_files_and_ports() -> bool {
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| status.ruleset == RulesetStatus::FullyEnforced)
}

/// System calls that a running program needs: memory, threads, waiting, its open descriptors,
/// time, randomness and its own end. None opens, connects, executes or looks at anything else.
#[rustfmt::skip]
const ALLOWED: &[i64] = &[
    // Memory.
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect,
    libc::SYS_madvise,
    // Threads; `clone` is below, `clone3` is refused so that `clone` is used.
    libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_rseq, libc::SYS_set_tid_address,
    libc::SYS_gettid, libc::SYS_getpid, libc::SYS_sched_yield, libc::SYS_sched_getaffinity,
    libc::SYS_membarrier, libc::SYS_prctl, libc::SYS_arch_prctl,
    // Waiting.
    libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_wait, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_eventfd2, libc::SYS_poll, libc::SYS_ppoll,
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_restart_syscall,
    // Open descriptors; `socketpair` and `pipe2` are how runtimes wake themselves.
    libc::SYS_read, libc::SYS_readv, libc::SYS_write, libc::SYS_writev, libc::SYS_recvfrom,
    libc::SYS_recvmsg, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_close, libc::SYS_fcntl,
    libc::SYS_fstat, libc::SYS_lseek, libc::SYS_shutdown, libc::SYS_socketpair, libc::SYS_pipe2,
    libc::SYS_dup, libc::SYS_ioctl,
    // Time and randomness.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_gettimeofday, libc::SYS_getrandom,
    // Signals to itself, and its own end.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_getrusage,
    libc::SYS_sysinfo,
];

fn restrict_system_calls() -> std::result::Result<(), seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|&number| (number, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![only_threads()?]);
    let own_process = u64::from(std::process::id());
    for number in [libc::SYS_kill, libc::SYS_tgkill] {
        let to_itself =
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own_process)?;
        rules.insert(number, vec![SeccompRule::new(vec![to_itself])?]);
    }
    let filter = SeccompFilter::new(
        rules,
        // An unknown call is told "no such call" rather than killed: libraries probe for what the
        // kernel offers and fall back.
        SeccompAction::Errno(rustix::io::Errno::NOSYS.raw_os_error().unsigned_abs()),
        SeccompAction::Allow,
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter_all_threads(&program)
}

fn only_threads() -> std::result::Result<SeccompRule, seccompiler::Error> {
    let flag = libc::CLONE_THREAD as u64;
    let thread =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
    Ok(SeccompRule::new(vec![thread])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_require_it_refuse_an_incomplete_sandbox() {
        let incomplete = || vec!["landlock", "seccomp"];
        let refusal = verdict(Sandbox::Required, incomplete()).err().expect("it is refused");
        assert_eq!(refusal.reason.as_deref(), Some("sandbox.incomplete"));
        assert!(refusal.message.contains("landlock and seccomp"), "{refusal}");
        assert!(verdict(Sandbox::Required, Vec::new()).is_ok());
        let preferred = verdict(Sandbox::Preferred, incomplete()).expect("it starts");
        assert_eq!(preferred.missing, incomplete());
    }
}
