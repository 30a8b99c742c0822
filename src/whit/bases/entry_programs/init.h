/* As init: the program is a child, signals are handed on to it, and whoever loses its parent is
 * reaped. The end is the program's own: its status, or 128 and the signal that ended it.
 */

enum {
    SIG_SETMASK = 2,
    SIGCHLD = 17,
    SET_CHILD_SUBREAPER = 36,
    NOT_WAITING = 1,
};

/* What sigtimedwait says of a signal: only the head of siginfo counts. */
struct signal {
    int number, error, code, rest[29];
};

static unsigned long long all_signals, own_mask;

SHARED static void hold_signals(void)
{
    all_signals = ~0ULL;
    call(SIGPROCMASK, SIG_SETMASK, (long)&all_signals, (long)&own_mask, sizeof own_mask);
}

SHARED static void let_signals_go(void)
{
    call(SIGPROCMASK, SIG_SETMASK, (long)&own_mask, 0, sizeof own_mask);
}

static void stay(void)
{
    long program, one;
    int status;
    struct signal signal;

    hold_signals();
    call(PRCTL, SET_CHILD_SUBREAPER, 1, 0, 0);
    program = call(FORK, SIGCHLD, 0, 0, 0);
    if (program <= 0) {
        let_signals_go();
        if (!program)
            return;
        blame("fork", " failed");
        leave(126);
    }
    for (;;) {
        call(SIGTIMEDWAIT, (long)&all_signals, (long)&signal, 0, sizeof all_signals);
        /* What the kernel sends, a terminal's ^C for example, the program gets by itself. */
        if (signal.number != SIGCHLD && signal.code <= 0)
            call(KILL, program, signal.number, 0, 0);
        while ((one = call(WAIT4, -1, (long)&status, NOT_WAITING, 0)) > 0)
            if (one == program && (status & 0x7f) != 0x7f)
                leave(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
    }
}
