"""The rule table for programs that use libc: imported names -> need. Pure data.

A program that asks libc for something imports the function by name, and so does every library of
its closure: the names stand in the dynamic symbols and survive stripping. What libc and OpenSSL do
by themselves is not evidence; who calls them is.
"""

import msgspec

from whit.model.plan import Standing, What

_NAMES_OF_USERS = (
    *("getpwnam", "getpwuid", "getpwnam_r", "getpwuid_r", "getpwent", "getlogin", "getlogin_r"),
    *("getgrnam", "getgrgid", "getgrnam_r", "getgrgid_r", "getgrent", "getgrouplist"),
    *("initgroups", "cuserid", "wordexp"),
)
_NAMES_OF_HOSTS = (
    *("getaddrinfo", "gethostbyname", "gethostbyname_r", "gethostbyname2", "gethostbyname2_r"),
    *("getnameinfo", "gethostbyaddr", "gethostbyaddr_r", "getaddrinfo_a"),
)
NAME_SERVICE_SYMBOLS = (*_NAMES_OF_USERS, *_NAMES_OF_HOSTS)
UNWINDING_SYMBOLS = ("pthread_exit", "pthread_cancel")


class Import(msgspec.Struct, frozen=True):
    """`own` counts only what the program itself imports, not its libraries."""

    code: str
    symbols: tuple[str, ...]
    standing: Standing
    note: str
    what: tuple[What, ...] = ()
    own: bool = False


IMPORTS = (
    Import(
        "N010",
        (
            *("SSL_CTX_set_default_verify_paths", "SSL_CTX_set_default_verify_file"),
            *("SSL_CTX_set_default_verify_dir", "SSL_CTX_set_default_verify_store"),
            *("X509_STORE_set_default_paths", "X509_STORE_set_default_paths_ex"),
            *("X509_get_default_cert_file", "X509_get_default_cert_dir"),
            "gnutls_certificate_set_x509_system_trust",
            "gnutls_x509_trust_list_add_system_trust",
        ),
        Standing.REQUIRED,
        "TLS connections fail: unable to get local issuer certificate",
        (What("ca-roots"),),
    ),
    Import(
        "N021",
        ("tzset", "localtime", "localtime_r", "mktime", "__tzset"),
        Standing.OPTIONAL,
        "local times are UTC; mount /etc/localtime, or --need zones and set TZ",
    ),
    Import(
        "N030", _NAMES_OF_USERS, Standing.REQUIRED,
        "users and groups have no names", (What("users"),),
    ),
    Import(
        "N040",
        ("getservbyname", "getservbyname_r", "getservbyport", "getservbyport_r", "getservent"),
        Standing.OPTIONAL,
        "ports have to be numbers: libc knows no service by name without /etc/services",
    ),
    Import(
        "N041",
        ("getprotobyname", "getprotobyname_r", "getprotobynumber", "getprotobynumber_r"),
        Standing.OPTIONAL,
        "libc knows no protocol by name without /etc/protocols",
    ),
    Import(
        "N050", ("tmpfile", "tmpfile64", "tmpnam", "tempnam"), Standing.REQUIRED,
        "temporary files fail: no such file or directory", (What("tmp"),),
    ),
    Import(
        "N060",
        (
            *("system", "popen", "execl", "execlp", "execle", "execv", "execve", "execvp"),
            *("execvpe", "fexecve", "posix_spawn", "posix_spawnp"),
        ),
        Standing.OPTIONAL,
        "what it starts must be in the image too: --need program:/usr/bin/NAME takes it along",
        own=True,
    ),
    Import(
        "N080", ("syslog", "openlog", "vsyslog", "__syslog_chk"), Standing.RUNTIME,
        "mount /dev/log, or log to the standard output",
    ),
    Import(
        "N090", (*_NAMES_OF_HOSTS, "res_init", "__res_init", "res_query", "__res_query"),
        Standing.RUNTIME, "the container engine mounts /etc/resolv.conf and /etc/hosts",
    ),
)  # fmt: skip
