/* What differs between machines: the numbers of system calls, how one is made, how a program starts.
 *
 * No call here has more than four arguments, and times are those of the calls that count seconds in
 * a long, so that one shape serves all machines.
 */

#if defined(__x86_64__)
enum {
    READ = 0, WRITE = 1, CLOSE = 3, OPENAT = 257, EXECVE = 59, EXIT = 231,
    FORK = 57, WAIT4 = 61, KILL = 62, PRCTL = 157, SIGPROCMASK = 14, SIGTIMEDWAIT = 128,
    SOCKET = 41, CONNECT = 42, PPOLL = 271, CLOCK_GETTIME = 228, GETRANDOM = 318,
};
#elif defined(__aarch64__) || defined(__riscv)
enum {
    READ = 63, WRITE = 64, CLOSE = 57, OPENAT = 56, EXECVE = 221, EXIT = 94,
    FORK = 220, WAIT4 = 260, KILL = 129, PRCTL = 167, SIGPROCMASK = 135, SIGTIMEDWAIT = 137,
    SOCKET = 198, CONNECT = 203, PPOLL = 73, CLOCK_GETTIME = 113, GETRANDOM = 278,
};
#elif defined(__arm__)
enum {
    READ = 3, WRITE = 4, CLOSE = 6, OPENAT = 322, EXECVE = 11, EXIT = 248,
    FORK = 2, WAIT4 = 114, KILL = 37, PRCTL = 172, SIGPROCMASK = 175, SIGTIMEDWAIT = 177,
    SOCKET = 281, CONNECT = 283, PPOLL = 336, CLOCK_GETTIME = 263, GETRANDOM = 384,
};
#elif defined(__s390x__)
enum {
    READ = 3, WRITE = 4, CLOSE = 6, OPENAT = 288, EXECVE = 11, EXIT = 248,
    FORK = 2, WAIT4 = 114, KILL = 37, PRCTL = 172, SIGPROCMASK = 175, SIGTIMEDWAIT = 177,
    SOCKET = 359, CONNECT = 362, PPOLL = 302, CLOCK_GETTIME = 260, GETRANDOM = 349,
};
#elif defined(__powerpc64__)
enum {
    READ = 3, WRITE = 4, CLOSE = 6, OPENAT = 286, EXECVE = 11, EXIT = 234,
    FORK = 2, WAIT4 = 114, KILL = 37, PRCTL = 171, SIGPROCMASK = 174, SIGTIMEDWAIT = 176,
    SOCKET = 326, CONNECT = 328, PPOLL = 281, CLOCK_GETTIME = 246, GETRANDOM = 359,
};
#else
#error "no system calls known for this machine"
#endif

/* Flags of openat that machines number differently. */
#if defined(__arm__) || defined(__aarch64__) || defined(__powerpc64__)
enum { NO_FOLLOW = 0100000 };
#else
enum { NO_FOLLOW = 0400000 };
#endif

#if defined(IN_PROCESS) /* for a fuzzer: the caller has the kernel */
long call(long n, long a, long b, long c, long d);
#elif defined(__x86_64__)
__asm__(".globl _start\n_start:\nmov %rsp, %rdi\nand $-16, %rsp\ncall start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\nmov x29, #0\nmov x30, #0\nmov x0, sp\nbl start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
#elif defined(__riscv)
__asm__(".globl _start\n_start:\nmv a0, sp\nandi sp, sp, -16\ncall start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long a7 __asm__("a7") = n, a0 __asm__("a0") = a, a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c, a3 __asm__("a3") = d;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
    return a0;
}
#elif defined(__arm__)
__asm__(".globl _start\n_start:\nmov r0, sp\nbic r1, r0, #7\nmov sp, r1\nbl start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long r7 __asm__("r7") = n, r0 __asm__("r0") = a, r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c, r3 __asm__("r3") = d;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3) : "memory");
    return r0;
}
#elif defined(__s390x__)
__asm__(".globl _start\n_start:\nlgr %r2, %r15\naghi %r15, -160\nbrasl %r14, start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long r1 __asm__("r1") = n, r2 __asm__("r2") = a, r3 __asm__("r3") = b;
    register long r4 __asm__("r4") = c, r5 __asm__("r5") = d;
    __asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4), "d"(r5) : "memory");
    return r2;
}
#elif defined(__powerpc64__)
__asm__(".globl _start\n_start:\naddis 2, 12, .TOC.-_start@ha\naddi 2, 2, .TOC.-_start@l\n"
        "mr 3, 1\nclrrdi 1, 1, 4\nli 0, 0\nstdu 0, -128(1)\nbl start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long r0 __asm__("r0") = n, r3 __asm__("r3") = a, r4 __asm__("r4") = b;
    register long r5 __asm__("r5") = c, r6 __asm__("r6") = d;
    /* An error is told by the summary overflow bit. */
    __asm__ volatile("sc\nbns+ 1f\nneg %1, %1\n1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6)
                     :
                     : "memory", "cr0", "ctr", "r7", "r8", "r9", "r10", "r11", "r12");
    return r3;
}
#endif
