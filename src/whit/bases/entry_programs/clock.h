/* Time since the start in milliseconds, and waiting for a socket no longer than that. */

struct time {
    long seconds, nanoseconds;
};

struct polled {
    int file;
    short events, found;
};

enum { CLOCK_MONOTONIC = 1, CAN_READ = 1, CAN_WRITE = 4, MOST_SECONDS = 1000000 };

static struct time started;
static long limit_seconds, attempt_end;

/* What follows when `text` begins with `word`, else 0. */
SHARED static char *after(char *text, const char *word)
{
    for (; *word; word++, text++)
        if (*text != *word)
            return 0;
    return text;
}

/* Digits to the end, else 0. */
SHARED static long number_in(const char *text)
{
    long number = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || number > MOST_SECONDS)
            return 0;
        number = number * 10 + (*text - '0');
    }
    return number;
}

SHARED static long now(void)
{
    struct time time;
    call(CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&time, 0, 0);
    if (!started.seconds) {
        started.seconds = time.seconds;
        started.nanoseconds = time.nanoseconds;
    }
    return (time.seconds - started.seconds) * 1000 +
           (time.nanoseconds - started.nanoseconds) / 1000000;
}

/* Of everything that is waited for together. */
SHARED static long deadline(void)
{
    long seconds = limit_seconds ? limit_seconds : 30;
    now();
    return (seconds < MOST_SECONDS ? seconds : MOST_SECONDS) * 1000;
}

SHARED static int is_ready(long socket, short events)
{
    struct polled one = {(int)socket, events, 0};
    long left = attempt_end - now();
    struct time time = {left / 1000, left % 1000 * 1000000};
    return left > 0 && call(PPOLL, (long)&one, 1, (long)&time, 0) == 1;
}
