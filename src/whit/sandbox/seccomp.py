"""A machine's name in, the seccomp filter of a RUN out: docker's for its capabilities (pure).

    allowed    by name, or by name and arguments (clone, personality, socket)
    refused    EPERM, as docker answers: what makes namespaces, mounts, modules, clocks, keys
    unknown    ENOSYS, so that a libc takes the older call. The runtime's libseccomp does not know
               names younger than itself and leaves them out; answering EPERM for those, as the
               bare default would, breaks fchmodat2, mseal and what else comes

The facts are those of moby's default profile (profiles/seccomp 0.2) for docker's fourteen
capabilities and any kernel from 4.8 on.
"""

from whit.sandbox.document import Seccomp, SeccompArgument, SeccompRule

_ALLOW, _ERRNO = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
_EPERM, _ENOSYS = 1, 38
# What `uname -m` says -> the machine and those whose programs it runs as well. docker names x32,
# too: distributions' kernels do without it, and compiling its filter costs each RUN 13 ms.
_MACHINES = {
    "x86_64": ("X86_64", "X86"),
    "aarch64": ("AARCH64", "ARM"),
    "armv7l": ("ARM",),
    "i686": ("X86",),
    "riscv64": ("RISCV64",),
    "s390x": ("S390X", "S390"),
    "ppc64le": ("PPC64LE",),
}
_ALLOWED = {
    "files": """
        _llseek access arm_fadvise64_64 arm_sync_file_range cachestat chdir chmod chown chown32
        chroot close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
        fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl
        fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64
        fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr
        getxattrat ioctl lchown lchown32 lgetxattr link linkat listmount listxattr listxattrat
        llistxattr lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat
        name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev
        pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename renameat
        renameat2 rmdir setxattr setxattrat stat stat64 statfs statfs64 statmount statx symlink
        symlinkat sync sync_file_range sync_file_range2 syncfs truncate truncate64 unlink unlinkat
        utime utimensat utimensat_time64 utimes write writev""",
    "memory": """
        brk cacheflush madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock
        mlock2 mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc
        pkey_free pkey_mprotect process_mrelease remap_file_pages""",
    "processes": """
        arch_prctl breakpoint execve execveat exit exit_group fork get_robust_list get_thread_area
        getcpu getpriority getrandom getrlimit getrusage ioprio_get ioprio_set modify_ldt prctl
        prlimit64 riscv_flush_icache riscv_hwprobe rseq s390_pci_mmio_read s390_pci_mmio_write
        s390_runtime_instr sched_get_priority_max sched_get_priority_min sched_getaffinity
        sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
        sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
        sched_setscheduler sched_yield set_robust_list set_thread_area set_tid_address set_tls
        setpriority setrlimit swapcontext sysinfo ugetrlimit umask uname uretprobe vfork wait4
        waitid waitpid""",
    "identity": """
        capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32
        getpgid getpgrp getpid getppid getresgid getresgid32 getresuid getresuid32 getsid gettid
        getuid getuid32 landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp
        setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid
        setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setsid
        setuid setuid32""",
    "signals": """
        kill pause pidfd_open pidfd_send_signal restart_syscall rt_sigaction rt_sigpending
        rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
        rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn tgkill tkill""",
    "messages": """
        ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
        mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd pipe pipe2 process_vm_readv
        process_vm_writev ptrace semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt
        shmget splice tee vmsplice""",
    "sockets": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
        recvmmsg_time64 recvmsg send sendfile sendfile64 sendmmsg sendmsg sendto setsockopt shutdown
        socketcall socketpair""",
    "waiting": """
        _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2
        epoll_wait epoll_wait_old eventfd eventfd2 fanotify_mark futex futex_requeue futex_time64
        futex_wait futex_waitv futex_wake inotify_add_watch inotify_init inotify_init1
        inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64
        io_setup io_submit poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd
        signalfd4""",
    "time": """
        adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
        clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep
        setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
        timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
        timerfd_settime timerfd_settime64 times""",
}
_REFUSED = """
    _sysctl acct add_key bpf clock_settime clock_settime64 create_module delete_module
    fanotify_init finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy
    init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load
    kexec_load keyctl lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind
    migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree
    perf_event_open pidfd_getfd pivot_root process_madvise query_module quotactl quotactl_fd reboot
    request_key set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday
    stime swapoff swapon sysfs syslog umount umount2 unshare uselib userfaultfd ustat vhangup
    vm86 vm86old"""
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (sched.h).
_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
# PER_LINUX, PER_LINUX32, UNAME26 with each, and "tell me".
_PERSONALITIES = (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)
_AF_ALG, _AF_VSOCK, _FAMILIES = 38, 40, 46


def seccomp_of(machine: str) -> Seccomp | None:
    """The filter on this machine (`x86_64`, as uname says it); None where no such table is."""
    machines = _MACHINES.get(machine)
    if machines is None:
        return None
    allowed = tuple(name for names in _ALLOWED.values() for name in names.split())
    # s390 has the flags of clone second.
    flags = 1 if machine == "s390x" else 0
    everything = sum(_NAMESPACES)
    rules = [
        SeccompRule(allowed, _ALLOW),
        SeccompRule(tuple(_REFUSED.split()), _ERRNO, _EPERM),
        # Its flags lie in memory, where no filter looks: libc falls back to clone.
        SeccompRule(("clone3",), _ERRNO, _ENOSYS),
        SeccompRule(("clone",), _ALLOW, args=(_masked(flags, everything, 0),)),
        *(
            SeccompRule(("clone",), _ERRNO, _EPERM, (_masked(flags, one, one),))
            for one in _NAMESPACES
        ),
        *(SeccompRule(("personality",), _ALLOW, args=(_equal(value),)) for value in _PERSONALITIES),
        SeccompRule(("socket",), _ALLOW, args=(SeccompArgument(0, _AF_ALG, "SCMP_CMP_LT"),)),
        *(
            SeccompRule(("socket",), _ERRNO, _EPERM, (_equal(family),))
            for family in (_AF_ALG, _AF_VSOCK)
        ),
        *(
            SeccompRule(("socket",), _ALLOW, args=(_equal(family),))
            for family in range(_AF_ALG + 1, _FAMILIES)
            if family != _AF_VSOCK
        ),
    ]
    return Seccomp(
        _ERRNO,
        _ENOSYS,
        tuple(f"SCMP_ARCH_{name}" for name in machines),
        tuple(rules),
    )


def _equal(value: int) -> SeccompArgument:
    return SeccompArgument(0, value, "SCMP_CMP_EQ")


def _masked(index: int, mask: int, value: int) -> SeccompArgument:
    return SeccompArgument(index, mask, "SCMP_CMP_MASKED_EQ", value)
