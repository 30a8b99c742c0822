/* Is it there? tcp://HOST:PORT takes a connection, http://HOST:PORT/PATH answers 2xx or 3xx,
 * grpc://HOST:PORT/SERVICE says SERVING (grpc.health.v1), file:PATH exists.
 *
 * Whatever answers is hostile: all reads are bounded, and by time too.
 */

#include "clock.h"
#include "names.h"

static const char NO_ANSWER[] = " does not answer";

enum { FRAME_BYTES = 9, ANSWER_BYTES = 16 << 10, ONLY_PATH = 010000000 };

/* Exactly so many bytes, or not. */
SHARED static int receive(long socket, unsigned char *into, long count)
{
    long got;
    for (; count > 0; count -= got, into += got) {
        if (!is_ready(socket, CAN_READ))
            return 0;
        got = call(READ, socket, (long)into, count, 0);
        if (got <= 0)
            return 0;
    }
    return 1;
}

SHARED static int send(long socket, const char *from, const char *to)
{
    return is_ready(socket, CAN_WRITE) && call(WRITE, socket, (long)from, to - from, 0) == to - from;
}

static const char *ask_http(long socket, const char *host, const char *path)
{
    char *begin = top;
    unsigned char line[12]; /* HTTP/1.1 200 */

    put_all("GET /");
    put_all(path);
    put_all(" HTTP/1.1\r\nHost: ");
    put_all(host);
    put_all("\r\nUser-Agent: whit-entry\r\nConnection: close\r\n\r\n");
    if (!send(socket, begin, top) || !receive(socket, line, 12))
        return NO_ANSWER;
    line[8] = 0;
    if (!after((char *)line, "HTTP/1.") || (line[9] != '2' && line[9] != '3'))
        return " answers that it is not well";
    return 0;
}

/* A length of seven bits, then the text: HPACK without Huffman (RFC 7541, 5.2). */
static void put_string(const char *text)
{
    put((char)length(text));
    put_all(text);
}

static void put_frame(int size_bytes, char type, char flags, char stream)
{
    put(0);
    put((char)(size_bytes >> 8));
    put((char)size_bytes);
    put(type);
    put(flags);
    put(0);
    put(0);
    put(0);
    put(stream);
}

/* One call of grpc.health.v1.Health/Check: RFC 9113 frames, of which the first answer's first byte
 * of data decides.
 */
static const char *ask_grpc(long socket, const char *host, const char *service)
{
    static unsigned char answer[ANSWER_BYTES];
    static const char HEADERS[] = "\x83\x86\x04\x1c/grpc.health.v1.Health/Check"
                                  "\x0f\x10\x10" "application/grpc\x00\x02te\x08trailers\x01";
    char *begin = top, *at;
    size n = length(service), message = n ? n + 2 : 0;
    int frames;

    if (n > 100 || length(host) > 100)
        return ": a name is too long";
    put_all("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    put_frame(0, 4, 0, 0);
    put_frame((int)(sizeof HEADERS - 1 + 1 + length(host)), 1, 4, 1);
    for (at = (char *)HEADERS; at < HEADERS + sizeof HEADERS - 1; at++)
        put(*at);
    put_string(host);
    put_frame((int)(5 + message), 0, 1, 1);
    for (frames = 0; frames < 4; frames++)
        put(0);
    put((char)message);
    if (n) {
        put(10);
        put_string(service);
    }
    if (!send(socket, begin, top))
        return NO_ANSWER;
    for (frames = 0; frames < 100; frames++) {
        unsigned char head[FRAME_BYTES];
        long count;
        if (!receive(socket, head, FRAME_BYTES))
            break;
        count = (long)head[0] << 16 | (long)head[1] << 8 | head[2];
        if (count > ANSWER_BYTES || !receive(socket, answer, count))
            break;
        if (head[3] == 0 && head[8] == 1 && count)
            return count >= 7 && answer[5] == 8 && answer[6] == 1 ? 0 : " is not SERVING";
        if (head[3] == 3 || head[3] == 7 || (head[3] == 1 && head[4] & 1))
            return " refuses the health check";
    }
    return NO_ANSWER;
}

/* 0 when it is there, or what is wrong; `what` is used up. */
static const char *ask(char *what)
{
    char *text, *authority, *host, *path;
    const char *why;
    long socket, port;

    if ((text = after(what, "file:")))
        return call(CLOSE, call(OPENAT, AT_CWD, (long)text, ONLY_PATH | CLOSED_ON_EXEC, 0), 0, 0, 0)
                   ? " is not there"
                   : 0;
    if (!(text = after(what, "http://")) && !(text = after(what, "grpc://")) &&
        !(text = after(what, "tcp://")))
        return ": no such kind of thing";
    authority = top;
    for (path = text; *path && *path != '/'; path++)
        put(*path);
    put(0);
    if (*path)
        *path++ = 0;
    host = text;
    if (*host == '[') {
        host++;
        while (*text && *text != ']')
            text++;
        if (*text)
            *text++ = 0;
    } else
        while (*text && *text != ':')
            text++;
    port = *text == ':' ? number_in(text + 1) : what[0] == 'h' ? 80 : 0;
    *text = 0;
    if (port < 1 || port > 65535)
        return ": no port";
    socket = connected(host, (int)port);
    if (socket < 0)
        return NO_ANSWER;
    why = what[0] == 'h' ? ask_http(socket, authority, path)
          : what[0] == 'g' ? ask_grpc(socket, authority, path)
                           : 0;
    call(CLOSE, socket, 0, 0, 0);
    return why;
}

/* A copy, because asking uses it up. */
static const char *ask_copy(const char *what)
{
    char *copy = top;
    const char *why;

    put_all(what);
    put(0);
    why = ask(copy);
    top = copy;
    return why;
}

/* -w: until it is there, or until the time is up. */
static void wait_for(char *what)
{
    char *shown = top, *text;
    const char *why;
    struct time pause = {0, 200000000};
    int is_told = 0;
    long signal;

    put_all(what);
    put(0);
    text = expanded(what);
    if (is_wrong)
        leave(CONFIG_IS_WRONG);
    hold_signals(); /* nobody stops process 1 by a signal that it does not look at */
    for (;;) {
        attempt_end = now() + 3000 < deadline() ? now() + 3000 : deadline();
        why = ask_copy(text);
        if (!why)
            break;
        if (now() >= deadline()) {
            blame(shown, why);
            leave(NOT_NOW);
        }
        if (!is_told++) {
            say("entry: waiting for ");
            say(shown);
            say("\n");
        }
        signal = call(SIGTIMEDWAIT, (long)&all_signals, 0, (long)&pause, sizeof all_signals);
        if (signal > 0 && signal != SIGCHLD)
            leave(128 + (int)signal);
    }
    let_signals_go();
    top = shown;
}

/* -p: once. */
static void probe(char *what)
{
    char *shown = top;
    const char *why;

    put_all(what);
    put(0);
    what = expanded(what);
    attempt_end = deadline();
    why = is_wrong ? ": not asked" : ask_copy(what);
    if (why)
        blame(shown, why);
    leave(why ? 1 : 0);
}
