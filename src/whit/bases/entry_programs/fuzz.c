/* For libFuzzer: the whole entry program in one process, with a kernel that answers what the input
 * says. `tools/fuzz-entry SECONDS` builds and runs it; it is in no image.
 *
 *   input: words of the command line and variables, each ended by a zero, 1 between the two and
 *   after them; the rest is what files, servers and the kernel answer
 */

#define IN_PROCESS
#define WITH_INIT
#define WITH_ALL
#include "entry.c"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 64 };

static jmp_buf end;
static const unsigned char *answer, *answer_end;
static unsigned char said[PACKET_BYTES];
static size said_bytes;
static long ticks;

static unsigned next(void)
{
    return answer < answer_end ? *answer++ : 0;
}

static long give(char *into, size room)
{
    size n = next();
    if (n == 255)
        return -5;
    if (n > 250)
        n = n * 600; /* also more than there is room for */
    if (n > room)
        n = room;
    if (n > (size)(answer_end - answer))
        n = (size)(answer_end - answer);
    memcpy(into, answer, n);
    answer += n;
    return (long)n;
}

long call(long n, long a, long b, long c, long d)
{
    (void)d;
    switch (n) {
    case EXIT:
        longjmp(end, 1);
    case READ:
        /* A name server repeats the question before it answers. */
        if (c == PACKET_BYTES && said_bytes > 12 && said_bytes < 400 && next() & 1) {
            memcpy((char *)b, said, said_bytes);
            ((unsigned char *)b)[2] |= 0x80;
            ((unsigned char *)b)[7] = (unsigned char)next();
            c = give((char *)b + said_bytes, PACKET_BYTES - said_bytes);
            return (long)said_bytes + (c > 0 ? c : 0);
        }
        return give((char *)b, (size)c);
    case WRITE:
        said_bytes = (size)c < PACKET_BYTES ? (size)c : PACKET_BYTES;
        memcpy(said, (char *)b, said_bytes);
        return c;
    case CLOCK_GETTIME:
        ticks += 1 + next() % 4;
        ((struct time *)b)->seconds = 1000 + ticks;
        ((struct time *)b)->nanoseconds = 0;
        return 0;
    case GETRANDOM:
        memset((char *)a, 0, (size)b);
        return b;
    case WAIT4:
        *(int *)b = (int)(next() << 8 | next());
        return next() & 1 ? 1 : -10;
    case SIGTIMEDWAIT:
        if (b)
            memset((char *)b, next() & 31, sizeof(struct signal));
        if (++ticks > 5000)
            longjmp(end, 1);
        return next() & 1 ? -11 : 10;
    case EXECVE:
        for (char **at = (char **)b; *at; at++)
            length(*at);
        for (char **at = (char **)c; *at; at++)
            length(*at);
        return -2;
    default: /* a file, a socket, a child, or that all is well */
        return (long)(next() % 4) - 1;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t count)
{
    long stack[2 * MOST_WORDS + 3];
    char *kept[2 * MOST_WORDS];
    const unsigned char *at = data, *stop = data + count;
    int list, words, n = 0, all = 0;

    stack[n++] = 0;
    for (list = 0; list < 2; list++) {
        for (words = 0; at < stop && *at != 1 && words < MOST_WORDS; words++) {
            const unsigned char *word = at;
            while (at < stop && *at)
                at++;
            kept[all] = calloc(1, (size)(at - word) + 1); /* so that one byte beyond is seen */
            memcpy(kept[all], word, (size)(at - word));
            stack[n++] = (long)kept[all++];
            if (at < stop)
                at++;
        }
        if (!list)
            stack[0] = words;
        stack[n++] = 0;
        while (at < stop && *at != 1)
            at++;
        if (at < stop)
            at++;
    }
    answer = at;
    answer_end = stop;
    is_wrong = 0;
    limit_seconds = attempt_end = ticks = 0;
    started.seconds = 0;
    said_bytes = 0;
    found_count = 0;
    if (!setjmp(end))
        start(stack);
    while (all)
        free(kept[--all]);
    return 0;
}
