/* A host's name in, its addresses out: as they stand, from /etc/hosts, or from DNS (RFC 1035) by
 * what /etc/resolv.conf says. Answers come from anybody, so every step looks where it treads.
 */

enum {
    INET = 2,
    INET6 = 10,
    STREAM = 1,
    DATAGRAM = 2,
    OPENED = 04000 | 02000000, /* SOCK_NONBLOCK, SOCK_CLOEXEC */
    IN_PROGRESS = -115,
    MOST_ADDRESSES = 8,
    MOST_SERVERS = 3,
    MOST_DOMAINS = 8,
    PACKET_BYTES = 512,
    TYPE_A = 1,
    TYPE_AAAA = 28,
};

/* sockaddr_in and sockaddr_in6: IPv4 stands at the begin of `rest`, IPv6 after four bytes of flow. */
struct address {
    unsigned short family;
    unsigned char port[2], rest[24];
};

static struct address found[MOST_ADDRESSES];
static int found_count;

static void add(int family, const unsigned char *bytes)
{
    struct address *one = found + found_count;
    int i, at = family == INET ? 0 : 4;
    if (found_count == MOST_ADDRESSES)
        return;
    found_count++;
    one->family = (unsigned short)family;
    for (i = 0; i < 24; i++)
        one->rest[i] = i >= at && i < (family == INET ? 4 : 20) ? bytes[i - at] : 0;
}

static int is_ipv4(const char *text, unsigned char *bytes)
{
    int part, number, digits;
    for (part = 0; part < 4; part++) {
        for (number = digits = 0; *text >= '0' && *text <= '9' && digits < 3; digits++)
            number = number * 10 + (*text++ - '0');
        if (!digits || number > 255 || *text != (part < 3 ? '.' : 0))
            return 0;
        bytes[part] = (unsigned char)number;
        text++;
    }
    return 1;
}

/* Groups of hexadecimal digits, one gap; no dotted tail and no zone. */
static int is_ipv6(const char *text, unsigned char *bytes)
{
    int n = 0, gap = -1, digits, number, i;
    for (i = 0; i < 16; i++)
        bytes[i] = 0;
    if (text[0] == ':' && text[1] == ':')
        text++;
    else if (text[0] == ':')
        return 0;
    for (;;) {
        if (*text == ':') {
            if (gap >= 0)
                return 0;
            gap = n;
            text++;
        }
        for (number = digits = 0; digits < 4; digits++, text++) {
            unsigned digit = (unsigned)(*text - '0');
            if (digit > 9)
                digit = (unsigned)((*text | 32) - 'a') < 6 ? (unsigned)((*text | 32) - 'a' + 10) : 99;
            if (digit > 15)
                break;
            number = number << 4 | (int)digit;
        }
        if (!digits)
            break;
        if (n == 16)
            return 0;
        bytes[n++] = (unsigned char)(number >> 8);
        bytes[n++] = (unsigned char)number;
        if (*text != ':')
            break;
        text++;
        if (!*text)
            return 0;
    }
    if (*text || (gap < 0 ? n != 16 : n > 14))
        return 0;
    if (gap >= 0)
        for (i = n - 1; i >= gap; i--) {
            bytes[16 - n + i] = bytes[i];
            bytes[i] = 0;
        }
    return 1;
}

static int add_literal(const char *text)
{
    unsigned char bytes[16];
    if (is_ipv4(text, bytes))
        add(INET, bytes);
    else if (is_ipv6(text, bytes))
        add(INET6, bytes);
    else
        return 0;
    return 1;
}

/* Ends the line at `*rest` and moves on to the next; 0 when there is none. */
static char *line_of(char **rest)
{
    char *line = *rest, *at = line;
    if (!*line)
        return 0;
    while (*at && *at != '\n')
        at++;
    if (*at)
        *at++ = 0;
    *rest = at;
    return line;
}

/* The next word of a line, ended by a zero; 0 at the end or where a comment begins. */
static char *word_of(char **line)
{
    char *word, *at = *line;
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    word = at;
    if (!*at || *at == '#' || *at == ';')
        return 0;
    while (*at && *at != ' ' && *at != '\t' && *at != '\r')
        at++;
    if (*at)
        *at++ = 0;
    *line = at;
    return word;
}

SHARED static int is_same(const char *one, const char *other)
{
    while (*one && *one == *other) {
        one++;
        other++;
    }
    return *one == *other;
}

static void look_into_hosts(const char *host)
{
    char *begin = top, *rest = top, *line, *address, *name;
    if (!read_file("/etc/hosts", pool + POOL_BYTES, 1))
        while ((line = line_of(&rest)))
            for (address = word_of(&line); address && (name = word_of(&line));)
                if (is_same(name, host)) {
                    add_literal(address);
                    break;
                }
    top = begin;
}

/* A question for one type of address; its length, or 0 for what is no name. */
static int question(unsigned char *packet, const char *host, const char *domain, int type)
{
    const char *parts[2];
    int at = 12, i, begin;

    parts[0] = host;
    parts[1] = domain;
    call(GETRANDOM, (long)packet, 2, 0, 0);
    for (i = 2; i < 12; i++)
        packet[i] = i == 2 || i == 5; /* recursion is wanted; one question */
    for (i = 0; i < 2; i++) {
        const char *text = parts[i];
        while (*text) {
            begin = at++;
            for (; *text && *text != '.'; text++) {
                if (at - begin > 63 || at > 255)
                    return 0;
                packet[at++] = (unsigned char)*text;
            }
            packet[begin] = (unsigned char)(at - begin - 1);
            if (!packet[begin])
                return 0;
            if (*text)
                text++;
        }
    }
    packet[at++] = 0;
    packet[at++] = 0;
    packet[at++] = (unsigned char)type;
    packet[at++] = 0;
    packet[at++] = 1; /* the Internet */
    return at;
}

/* Takes addresses from an answer to this question; 0 when it is none. */
static int take_answer(const unsigned char *asked, int asked_bytes, const unsigned char *packet,
                       int count)
{
    int at, records;

    if (count < asked_bytes || !(packet[2] & 0x80))
        return 0;
    for (at = 0; at < asked_bytes; at++)
        if ((at < 2 || at >= 12) && packet[at] != asked[at])
            return 0;
    for (records = packet[6] << 8 | packet[7]; records > 0; records--) {
        int type, bytes;
        while (at < count && packet[at] && packet[at] < 64)
            at += packet[at] + 1;
        if (at >= count)
            break;
        at += packet[at] ? 2 : 1; /* a name ends with a zero, or in a pointer, which is not followed */
        if (at + 10 > count)
            break;
        type = packet[at] << 8 | packet[at + 1];
        bytes = packet[at + 8] << 8 | packet[at + 9];
        at += 10;
        if (at + bytes > count)
            break;
        if ((type == TYPE_A && bytes == 4) || (type == TYPE_AAAA && bytes == 16))
            add(type == TYPE_A ? INET : INET6, packet + at);
        at += bytes;
    }
    return 1;
}

SHARED static long open_to(const struct address *one, int kind)
{
    long socket = call(SOCKET, one->family, kind | OPENED, 0, 0), status;
    size bytes = one->family == INET ? 16 : 28;

    if (socket < 0)
        return socket;
    status = call(CONNECT, socket, (long)one, (long)bytes, 0);
    /* Asked again, it says how it went. */
    if (status == IN_PROGRESS && is_ready(socket, CAN_WRITE))
        status = call(CONNECT, socket, (long)one, (long)bytes, 0);
    if (!status)
        return socket;
    call(CLOSE, socket, 0, 0, 0);
    return -1;
}

static void ask_server(const struct address *server, const char *host, const char *domain, int type)
{
    unsigned char asked[PACKET_BYTES], packet[PACKET_BYTES];
    int bytes = question(asked, host, domain, type);
    long socket = bytes ? open_to(server, DATAGRAM) : -1, end = attempt_end;

    if (socket < 0)
        return;
    if (now() + 1000 < end)
        attempt_end = now() + 1000; /* for the next server there must be time left */
    call(WRITE, socket, (long)asked, bytes, 0);
    while (is_ready(socket, CAN_READ)) {
        long count = call(READ, socket, (long)packet, PACKET_BYTES, 0);
        if (count < 0 || take_answer(asked, bytes, packet, (int)count))
            break;
    }
    attempt_end = end;
    call(CLOSE, socket, 0, 0, 0);
}

/* The servers, and the domains that a name without enough dots is looked for in. */
static void ask_dns(const char *host)
{
    struct address servers[MOST_SERVERS];
    char *begin = top, *rest = top, *line, *word, *domains[MOST_DOMAINS + 1];
    const char *at;
    int server_count = 0, domain_count = 0, dots = 0, wanted_dots = 1, i, n;

    for (at = host; *at; at++)
        dots += *at == '.';
    if (read_file("/etc/resolv.conf", pool + POOL_BYTES, 1))
        *rest = 0;
    while ((line = line_of(&rest))) {
        word = word_of(&line);
        if (!word)
            continue;
        if (is_same(word, "nameserver")) {
            word = server_count < MOST_SERVERS ? word_of(&line) : 0;
            found_count = 0;
            if (word && add_literal(word)) { /* byte by byte: a copy in one would ask for memcpy */
                for (i = 0; i < (int)sizeof *found; i++)
                    ((char *)(servers + server_count))[i] = ((char *)found)[i];
                server_count++;
            }
        } else if (is_same(word, "search"))
            for (domain_count = 0; domain_count < MOST_DOMAINS && (word = word_of(&line));)
                domains[domain_count++] = word;
        else if (is_same(word, "options"))
            while ((word = word_of(&line)))
                if ((word = after(word, "ndots:")))
                    wanted_dots = (int)number_in(word);
    }
    /* As it stands comes first when it has dots enough, else last. */
    n = domain_count;
    if (host == at || at[-1] == '.')
        n = 0;
    if (!n)
        wanted_dots = 0;
    for (i = dots >= wanted_dots ? -1 : 0, found_count = 0; i <= n && !found_count; i++) {
        const char *domain = i < 0 || i == n ? "" : domains[i];
        int one;
        if (i == n && dots >= wanted_dots)
            break;
        for (one = 0; one < server_count && !found_count; one++) {
            servers[one].port[0] = 0;
            servers[one].port[1] = 53;
            ask_server(servers + one, host, domain, TYPE_A);
            ask_server(servers + one, host, domain, TYPE_AAAA);
        }
    }
    top = begin;
}

/* A connection, or less than 0. */
static long connected(const char *host, int port)
{
    static const unsigned char loopback[4] = {127, 0, 0, 1};
    int i;

    found_count = 0;
    if (!add_literal(host)) {
        look_into_hosts(host);
        if (!found_count && is_same(host, "localhost"))
            add(INET, loopback);
        if (!found_count)
            ask_dns(host);
    }
    for (i = 0; i < found_count; i++) {
        long socket;
        found[i].port[0] = (unsigned char)(port >> 8);
        found[i].port[1] = (unsigned char)port;
        socket = open_to(found + i, STREAM);
        if (socket >= 0)
            return socket;
    }
    return -1;
}
