/* What an image without a shell starts first: secrets from files, what is required, then exec.
 *
 *   entry [-f NAME]... [-r NAME]... [-e] -- PROGRAM [ARGUMENT]...
 *
 *   -f NAME   the content of the file that NAME_FILE names becomes NAME; NAME_FILE goes away
 *   -r NAME   NAME is required: everything that is missing is listed at once
 *   -e        ${NAME} and ${NAME:-otherwise} in the arguments are replaced
 *
 * Exit 78 (EX_CONFIG) when the configuration is wrong, 126 and 127 as a shell when the program
 * cannot be run or is not there. No value is ever printed. Raw system calls: no libc, no heap, and
 * all memory is bounded, because the environment may come from anybody.
 */

typedef unsigned long size;

/* Small before fast: one copy of what is called from several places. */
#define SHARED __attribute__((noinline))

enum {
    POOL_BYTES = 1 << 20,      /* all values and expanded arguments together */
    VALUE_BYTES = (128 << 10) - 1, /* MAX_ARG_STRLEN: Linux takes no longer string */
    MOST_VARIABLES = 8192,
    MOST_ARGUMENTS = 4096,
    O_NONBLOCK_CLOEXEC = 04000 | 02000000,
    AT_CWD = -100,
    ENOENT_ = 2,
    CONFIG_IS_WRONG = 78,
};

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, OPENAT = 257, EXECVE = 59, EXIT = 231 };
__asm__(".globl _start\n_start:\nxor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall start\n");
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
enum { READ = 63, WRITE = 64, OPENAT = 56, EXECVE = 221, EXIT = 94 };
__asm__(".globl _start\n_start:\nmov x29, #0\nmov x30, #0\nmov x0, sp\nbl start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
#elif defined(__riscv)
enum { READ = 63, WRITE = 64, OPENAT = 56, EXECVE = 221, EXIT = 94 };
__asm__(".globl _start\n_start:\nmv a0, sp\nandi sp, sp, -16\ncall start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long a7 __asm__("a7") = n, a0 __asm__("a0") = a, a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c, a3 __asm__("a3") = d;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
    return a0;
}
#elif defined(__arm__)
enum { READ = 3, WRITE = 4, OPENAT = 322, EXECVE = 11, EXIT = 248 };
__asm__(".globl _start\n_start:\nmov r0, sp\nbic r1, r0, #7\nmov sp, r1\nbl start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long r7 __asm__("r7") = n, r0 __asm__("r0") = a, r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c, r3 __asm__("r3") = d;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3) : "memory");
    return r0;
}
#elif defined(__s390x__)
enum { READ = 3, WRITE = 4, OPENAT = 288, EXECVE = 11, EXIT = 248 };
__asm__(".globl _start\n_start:\nlgr %r2, %r15\naghi %r15, -160\nbrasl %r14, start\n");
SHARED static long call(long n, long a, long b, long c, long d)
{
    register long r1 __asm__("r1") = n, r2 __asm__("r2") = a, r3 __asm__("r3") = b;
    register long r4 __asm__("r4") = c, r5 __asm__("r5") = d;
    __asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4), "d"(r5) : "memory");
    return r2;
}
#elif defined(__powerpc64__)
enum { READ = 3, WRITE = 4, OPENAT = 286, EXECVE = 11, EXIT = 234 };
__asm__(".globl _start\n_start:\naddis 2, 12, .TOC.-_start@ha\naddi 2, 2, .TOC.-_start@l\n"
        "mr 3, 1\nclrrdi 1, 1, 4\nli 0, 0\nstdu 0, -128(1)\nbl start\nnop\n");
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
#else
#error "no system calls known for this machine"
#endif

static char pool[POOL_BYTES];
static size used;
static char *environment[MOST_VARIABLES + 1];
static char *arguments[MOST_ARGUMENTS + 1];
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
    is_wrong = 1;
}

static void leave(int status)
{
    for (;;)
        call(EXIT, status, 0, 0, 0);
}

SHARED static void put(char letter)
{
    if (used >= POOL_BYTES) {
        blame("configuration", " is larger than 1 MiB\n");
        leave(CONFIG_IS_WRONG);
    }
    pool[used++] = letter;
}

/* The value when `entry` is NAME + suffix + "=value", else 0. */
SHARED static char *value_in(char *entry, const char *name, size n, const char *suffix)
{
    size i;
    for (i = 0; i < n; i++)
        if (entry[i] != name[i])
            return 0;
    entry += n;
    for (; *suffix; suffix++, entry++)
        if (*entry != *suffix)
            return 0;
    return *entry == '=' ? entry + 1 : 0;
}

SHARED static char **find(const char *name, size n, const char *suffix)
{
    char **at;
    for (at = environment; *at; at++)
        if (value_in(*at, name, n, suffix))
            return at;
    return 0;
}

/* NAME=<content of the file>, without the line break that editors leave at the end. */
static void from_file(const char *name)
{
    size n = length(name), begin = used, first;
    char **at = find(name, n, "_FILE"), *path;
    long file, got = 0;

    if (!at)
        return;
    path = value_in(*at, name, n, "_FILE");
    if (find(name, n, "")) {
        blame(name, " and its _FILE are both set: only one can count\n");
        return;
    }
    /* Not blocking: a pipe without a writer must not stop the start. */
    file = call(OPENAT, AT_CWD, (long)path, O_NONBLOCK_CLOEXEC, 0);
    if (file < 0) {
        blame(name, "_FILE names a file that cannot be opened: is it there, and readable by this user?\n");
        return;
    }
    while (*name)
        put(*name++);
    name -= n;
    put('=');
    first = used;
    for (;;) {
        if (used - first > VALUE_BYTES || used == POOL_BYTES) {
            blame(name, "_FILE is larger than a variable may be (128 KiB)\n");
            return;
        }
        got = call(READ, file, (long)(pool + used), (long)(POOL_BYTES - used), 0);
        if (got <= 0)
            break;
        used += (size)got;
    }
    if (got < 0) {
        blame(name, "_FILE names what cannot be read as a file\n");
        return;
    }
    if (used > first && pool[used - 1] == '\n')
        used--;
    if (used > first && pool[used - 1] == '\r')
        used--;
    if (used == first) {
        blame(name, "_FILE names an empty file\n");
        return;
    }
    for (begin = first; begin < used; begin++)
        if (!pool[begin]) {
            blame(name, "_FILE holds a zero byte, which no variable can\n");
            return;
        }
    *at = pool + first - n - 1;
    put(0);
}

/* ${NAME} and ${NAME:-otherwise}; a dollar that begins neither stays. */
static char *expanded(char *text)
{
    char *result = pool + used;
    while (*text) {
        size n = 0;
        char *name = text + 2, *end, **at, *value;
        if (text[0] == '$' && text[1] == '{')
            while (name[n] == '_' || (name[n] >= '0' && name[n] <= '9') ||
                   (name[n] >= 'A' && name[n] <= 'Z') || (name[n] >= 'a' && name[n] <= 'z'))
                n++;
        end = name + n;
        if (n && end[0] == ':' && end[1] == '-')
            while (*end && *end != '}')
                end++;
        if (!n || *end != '}') {
            put(*text++);
            continue;
        }
        at = find(name, n, "");
        value = at ? value_in(*at, name, n, "") : 0;
        if (value && *value)
            while (*value)
                put(*value++);
        else if (end > name + n)
            for (value = name + n + 2; value < end; value++)
                put(*value);
        else if (!value) {
            *end = 0;
            blame(name, " is used in an argument and not set\n");
            *end = '}';
        }
        text = end + 1;
    }
    put(0);
    return result;
}

__attribute__((used, noreturn)) void start(long *stack)
{
    long count = stack[0], i, n = 0, expands = 0, is_there;
    char **given = (char **)(stack + 1), **variables = given + count + 1, **at;

    for (; variables[n]; n++) {
        if (n == MOST_VARIABLES) {
            blame("environment", " has more than 8192 variables\n");
            leave(CONFIG_IS_WRONG);
        }
        environment[n] = variables[n];
    }
    for (i = 1; i < count && given[i][0] == '-' && given[i][1] != '-'; i++) {
        char option = given[i][1];
        if (given[i][2])
            option = 0;
        if (option == 'e') {
            expands = 1;
            continue;
        }
        if (++i == count || (option != 'f' && option != 'r')) {
            blame("usage", ": entry [-f NAME] [-r NAME] [-e] -- PROGRAM [ARGUMENT]...\n");
            leave(CONFIG_IS_WRONG);
        }
        if (option == 'f')
            from_file(given[i]);
        else {
            at = find(given[i], length(given[i]), "");
            is_there = at && *value_in(*at, given[i], length(given[i]), "");
            if (!is_there && !find(given[i], length(given[i]), "_FILE"))
                blame(given[i], " is required and not set\n");
        }
    }
    if (i < count && given[i][0] == '-')
        i++;
    if (i >= count || count - i > MOST_ARGUMENTS) {
        blame("usage", ": entry [-f NAME] [-r NAME] [-e] -- PROGRAM [ARGUMENT]...\n");
        leave(CONFIG_IS_WRONG);
    }
    for (n = 0; i < count; i++, n++)
        arguments[n] = expands && n ? expanded(given[i]) : given[i];
    if (is_wrong)
        leave(CONFIG_IS_WRONG);
    n = call(EXECVE, (long)arguments[0], (long)arguments, (long)environment, 0);
    blame(arguments[0], n == -ENOENT_ ? ": no such program\n" : ": cannot be run\n");
    leave(n == -ENOENT_ ? 127 : 126);
    for (;;)
        ;
}
