/* -t FROM TO: a template in, a file that only this user can read out. */

enum { WRITING = 1, CREATING = 0100, TRUNCATING = 01000, OWNER_ONLY = 0600 };

/* Nothing is written before every name is known; a link in the file's place is not followed. */
static char **rendered(char **given)
{
    const char *from = given[0], *to = given[1], *why;
    char *text = top, *result;
    int was_wrong = is_wrong;
    long file, done = 0;

    if (!to)
        return given;
    why = read_file(from, pool + POOL_BYTES, 1);
    if (why) {
        blame(from, why);
        return given + 1;
    }
    is_wrong = 0;
    result = expanded(text);
    if (is_wrong) {
        blame(from, ": not rendered");
        return given + 1;
    }
    is_wrong = was_wrong;
    file = call(OPENAT, AT_CWD, (long)to,
                WRITING | CREATING | TRUNCATING | NO_FOLLOW | NOT_BLOCKING | CLOSED_ON_EXEC, OWNER_ONLY);
    for (top--; file >= 0 && result < top; result += done) {
        done = call(WRITE, file, (long)result, top - result, 0);
        if (done <= 0)
            break;
    }
    if (result < top || call(CLOSE, file, 0, 0, 0) < 0)
        blame(to, " cannot be written by this user");
    top = text;
    return given + 1;
}
