/* What an image without a shell starts first: secrets from files, what is required, then exec.
 *
 *   entry [OPTION]... -- PROGRAM [ARGUMENT]...
 *
 *   -f NAME        the content of the file that NAME_FILE names becomes NAME; NAME_FILE goes away
 *   -r NAME        NAME is required: everything that is missing is listed at once
 *   -e             ${NAME} and ${NAME:-otherwise} in the arguments are replaced, $${ becomes ${
 *   -i             stay: hand on signals, reap what is left of children       (WITH_INIT)
 *   -t FROM TO     the template FROM, its names replaced, becomes the file TO   (WITH_ALL)
 *   -s SECONDS     how long -w and -p may take together, instead of 30          (WITH_ALL)
 *   -w WHAT        wait for tcp://HOST:PORT, http://…, grpc://… or file:PATH      (WITH_ALL)
 *   -p WHAT        ask once and end: 0 when it is there, else 1                   (WITH_ALL)
 *
 * Options act in the order in which they stand. Exit 78 (EX_CONFIG) when the configuration is wrong,
 * 75 (EX_TEMPFAIL) when what is waited for does not come, 126 and 127 as a shell when the program
 * cannot be run or is not there. No value is ever printed. Raw system calls: no libc, no heap, and
 * all memory is bounded, because the environment may come from anybody.
 */

/* Small before fast: one copy of what is called from several places. */
#define SHARED __attribute__((noinline))

#include "machine.h"

typedef unsigned long size;

enum {
    POOL_BYTES = 1 << 20,   /* all values and expanded texts together */
    VARIABLE_BYTES = 128 << 10, /* MAX_ARG_STRLEN: Linux takes no longer string */
    CLOSED_ON_EXEC = 02000000,
    NOT_BLOCKING = 04000,
    AT_CWD = -100,
    ENOENT_ = 2,
    NOT_NOW = 75,
    CONFIG_IS_WRONG = 78,
};

static char pool[POOL_BYTES + 1], *top;
static char **environment;
static int is_wrong;

SHARED static size length(const char *text)
{
    size n = 0;
    while (text[n])
        n++;
    return n;
}

SHARED static void say(const char *text)
{
    call(WRITE, 2, (long)text, (long)length(text), 0);
}

/* One line, and the end is near: all that is wrong is said before it. */
SHARED static void blame(const char *name, const char *why)
{
    say("entry: ");
    say(name);
    say(why);
    say("\n");
    is_wrong = 1;
}

SHARED static void leave(int status)
{
    for (;;)
        call(EXIT, status, 0, 0, 0);
}

SHARED static void put(char letter)
{
    if (top == pool + POOL_BYTES) {
        blame("configuration", " exceeds 1 MiB");
        leave(CONFIG_IS_WRONG);
    }
    *top++ = letter;
}

SHARED static void put_all(const char *text)
{
    while (*text)
        put(*text++);
}

/* Where in the environment NAME + suffix stands, else 0; `value` becomes what it is. */
SHARED static char **find(const char *name, const char *suffix, char **value)
{
    char **at, *text;
    const char *wanted;
    for (at = environment; (text = *at); at++) {
        for (wanted = name; *wanted && *text == *wanted; text++)
            wanted++;
        if (*wanted)
            continue;
        for (wanted = suffix; *wanted && *text == *wanted; text++)
            wanted++;
        if (!*wanted && *text == '=') {
            *value = text + 1;
            return at;
        }
    }
    return 0;
}

/* A file's bytes and a zero at the end of the pool, which must not grow beyond `limit`; 0, or what
 * is wrong. Without the line break at the end that editors leave, unless it `is_whole`.
 */
static const char *read_file(const char *path, char *limit, int is_whole)
{
    char *first = top, *at;
    /* Not blocking: a pipe without a writer must not stop the start. */
    long got, file = call(OPENAT, AT_CWD, (long)path, NOT_BLOCKING | CLOSED_ON_EXEC, 0);

    if (limit > pool + POOL_BYTES)
        limit = pool + POOL_BYTES;
    while ((got = call(READ, file, (long)top, limit - top, 0)) > 0)
        top += got;
    if (got < 0)
        return ": no file that this user can read";
    if (top == limit)
        return " is too large";
#ifdef WITH_ALL
    call(CLOSE, file, 0, 0, 0);
#endif
    if (!is_whole && top > first && top[-1] == '\n')
        top--;
    if (!is_whole && top > first && top[-1] == '\r')
        top--;
    if (top == first)
        return " is empty";
    *top = 0;
    for (at = first; *at;)
        at++;
    if (at < top)
        return " has a zero byte";
    top++;
    return 0;
}

/* NAME=<content of the file> in the place of NAME_FILE=<path>. */
static void from_file(const char *name)
{
    char *path, *other, *begin = top, **at = find(name, "_FILE", &path);
    const char *why;

    if (!at)
        return;
    if (find(name, "", &other)) {
        blame(name, " and its _FILE are both set");
        return;
    }
    put_all(name);
    put('=');
    why = read_file(path, begin + VARIABLE_BYTES, 0);
    if (why) {
        /* The name is in the pool, and so is room for five letters more. */
        top = begin;
        put_all(name);
        put_all("_FILE");
        put(0);
        blame(begin, why);
    } else
        *at = begin;
}

static int is_of_name(char letter)
{
    return letter == '_' || (unsigned)(letter - '0') < 10 || (unsigned)((letter | 32) - 'a') < 26;
}

/* ${NAME} and ${NAME:-otherwise}; a dollar that begins neither stays, and $${ is ${. */
SHARED static char *expanded(char *text)
{
    char *result = top;

    for (; *text; text++) {
        char *name = text + 2, *end = name, *stop, *otherwise = 0, *value = 0;
        if (text[0] == '$' && text[1] == '{')
            while (is_of_name(*end))
                end++;
        stop = end;
        if (end > name && end[0] == ':' && end[1] == '-')
            for (otherwise = end + 2; *stop && *stop != '}';)
                stop++;
        if (end == name || *stop != '}') {
            if (text[0] == '$' && text[1] == '$' && text[2] == '{')
                text++;
            put(*text);
            continue;
        }
        *end = *stop = 0; /* the text is not read again */
        find(name, "", &value);
        if (otherwise && (!value || !*value))
            value = otherwise;
        if (value)
            put_all(value);
        else
            blame(name, " is used and not set");
        text = stop;
    }
    put(0);
    return result;
}

#ifdef WITH_INIT
#include "init.h"
#endif
#ifdef WITH_ALL
#include "probe.h"
#include "template.h"
#endif

__attribute__((used)) void start(long *stack)
{
    char **given = (char **)(stack + 1), *option, *value;
    int expands = 0;
    long why;
#ifdef WITH_INIT
    int stays = 0;
#endif

    top = pool;
    environment = given + stack[0] + 1;
    /* Without a program's own name there is nothing at all. */
    while (*given && (option = *++given) && option[0] == '-') {
        if (option[1] == '-') {
            given++;
            break;
        }
        if (option[1] == 'e') {
            expands = 1;
            continue;
        }
#ifdef WITH_INIT
        if (option[1] == 'i') {
            stays = 1;
            continue;
        }
#endif
        if (!*++given)
            break;
        if (option[1] == 'f')
            from_file(*given);
        else if (option[1] == 'r') {
            if (!find(*given, "_FILE", &value) && (!find(*given, "", &value) || !*value))
                blame(*given, " is required and not set");
        }
#ifdef WITH_ALL
        else if (option[1] == 's')
            limit_seconds = number_in(*given);
        else if (option[1] == 'w')
            wait_for(*given);
        else if (option[1] == 'p')
            probe(*given);
        else if (option[1] == 't')
            given = rendered(given);
#endif
        else
            blame(option, ": no such option");
    }
    if (!*given)
        blame("usage", ": entry [OPTION]... -- PROGRAM [ARGUMENT]...");
    else if (expands)
        for (char **at = given; *++at;)
            *at = expanded(*at);
    if (is_wrong)
        leave(CONFIG_IS_WRONG);
#ifdef WITH_INIT
    if (stays)
        stay();
#endif
    why = call(EXECVE, (long)*given, (long)given, (long)environment, 0);
    blame(*given, why == -ENOENT_ ? ": no such program" : ": cannot be run");
    leave(why == -ENOENT_ ? 127 : 126);
}
