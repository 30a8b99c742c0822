"""The rule table: what the Go standard library reads, and how to see it in a program. Pure data.

A row names functions exactly as the linker does. Its logic stands in `needs.findings`:

    sinks    the functions that touch the file. None linked: absent, and that is proof
    embeds   any linked: the program carries the thing itself
    gates    any linked: the program can mean it
    callers  a gate that the standard library also uses for itself: it counts unless every caller
             is one of the harmless ones, which only the machine code can tell
    paths    what a program that is not Go's, or has no function names, would have to contain

Checked against Go 1.21 to 1.27 by tests/corpus.
"""

import msgspec

from whit.model.plan import Standing, What


class CallGate(msgspec.Struct, frozen=True):
    """`harmless` are callers: whole function names, or packages when they end in a dot."""

    function: str
    harmless: tuple[str, ...]


class Argument(msgspec.Struct, frozen=True):
    """The argument word in which `function` takes a string (register ABI; strings take two)."""

    function: str
    word: int


class Rule(msgspec.Struct, frozen=True):
    """`gated` is the standing when a gate is open, `otherwise` when the sink is linked alone."""

    code: str
    name: str
    title: str
    sinks: tuple[str, ...]
    gates: tuple[str, ...] = ()
    callers: tuple[CallGate, ...] = ()
    embeds: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    gated: Standing = Standing.REQUIRED
    otherwise: Standing = Standing.ASSUMED_NOT
    what: tuple[What, ...] = ()
    note: str = ""
    assumption: str = ""
    paths: tuple[str, ...] = ()


_USER = ("os/user.", "archive/tar.statUnix")
DIAL_ADDRESSES = (
    Argument("net.Dial", 2),
    Argument("net.DialTimeout", 2),
    Argument("net.(*Dialer).Dial", 3),
    Argument("net.(*Dialer).DialContext", 5),
    Argument("net.Listen", 2),
)
DIAL_NETWORKS = (
    Argument("net.Dial", 0),
    Argument("net.DialTimeout", 0),
    Argument("net.(*Dialer).Dial", 1),
    Argument("net.(*Dialer).DialContext", 3),
    Argument("net.ListenPacket", 0),
    Argument("net.DialIP", 0),
    Argument("net.ListenIP", 0),
)
# The names that Go answers without /etc/services, and protocols without /etc/protocols (net).
BUILTIN_SERVICES = (
    *("domain", "ftp", "ftps", "gopher", "http", "https", "imap2", "imap3", "imaps", "pop3"),
    *("pop3s", "smtp", "ssh", "telnet"),
)
BUILTIN_PROTOCOLS = ("icmp", "igmp", "tcp", "udp", "ipv6-icmp")

RULES = (
    Rule(
        code="N010",
        name="ca-roots",
        title="CA roots",
        sinks=(
            "crypto/x509.loadSystemRoots",
            "crypto/x509.loadOnDiskRoots",
            "crypto/x509.systemRootsPool",
        ),
        gates=(
            "net/http.(*Client).do",
            "net/http.(*Transport).roundTrip",
            "crypto/tls.dial",
            "crypto/tls.DialWithDialer",
            "crypto/tls.(*Dialer).DialContext",
            "crypto/x509.SystemCertPool",
            "net/smtp.(*Client).StartTLS",
            "crypto/tls.QUICClient",
        ),
        callers=(
            CallGate("crypto/tls.Client", ("net/http.(*conn).maybeServeUnencryptedHTTP2",)),
            CallGate("crypto/x509.(*Certificate).Verify", ("crypto/tls.",)),
        ),
        # This package sets its roots in an init; a call elsewhere may never happen.
        embeds=(
            "golang.org/x/crypto/x509roots/fallback.init.0",
            "golang.org/x/crypto/x509roots/fallback.init.0.func1",
        ),
        what=(What("ca-roots"),),
        note="TLS connections fail: certificate signed by unknown authority",
        assumption="a TLS server does not verify clients against the system's roots",
        paths=("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem"),
    ),
    Rule(
        code="N020",
        name="zones",
        title="time zone data",
        sinks=("time.LoadLocation",),
        gates=("time.LoadLocation",),
        embeds=("time/tzdata.loadFromEmbeddedTZData",),
        arguments=(Argument("time.LoadLocation", 0),),
        what=(What("zones"),),
        note="time.LoadLocation fails: unknown time zone",
        paths=("/usr/share/zoneinfo",),
    ),
    Rule(
        code="N021",
        name="local-time",
        title="local time",
        sinks=("time.initLocal",),
        gated=Standing.OPTIONAL,
        otherwise=Standing.OPTIONAL,
        note="local times are UTC; mount /etc/localtime, or --need zones and set TZ",
        paths=("/etc/localtime",),
    ),
    Rule(
        code="N030",
        name="users",
        title="users and groups",
        sinks=(
            "os/user.current",
            "os/user.lookupUser",
            "os/user.lookupUserId",
            "os/user.lookupGroup",
            "os/user.lookupGroupId",
            "os/user.listGroups",
            "os/user._Cfunc_mygetpwuid_r",
        ),
        gates=(
            "os/user.Lookup",
            "os/user.LookupGroup",
            "os/user.(*User).GroupIds",
            "os/user.listGroups",
        ),
        callers=(
            CallGate("os/user.Current", _USER),
            CallGate("os/user.LookupId", _USER),
            CallGate("os/user.LookupGroupId", _USER),
        ),
        what=(What("users"),),
        note="os/user fails: open /etc/passwd: no such file or directory",
        assumption="archive/tar looks names up and does without them",
        paths=("/etc/passwd",),
    ),
    Rule(
        code="N031",
        name="nsswitch",
        title="name service switch",
        sinks=("net.parseNSSConfFile",),
        assumption="without the file Go asks hosts first and DNS second, as the file would say",
        what=(What("nsswitch"),),
        paths=("/etc/nsswitch.conf",),
    ),
    Rule(
        code="N040",
        name="services",
        title="service names",
        sinks=("net.readServices",),
        gates=("net.LookupPort",),
        arguments=DIAL_ADDRESSES,
        gated=Standing.OPTIONAL,
        what=(What("services"),),
        note="names beyond Go's own list (http, https, ssh, smtp …) fail: unknown port",
        assumption="ports are numbers, or names that Go knows by itself",
    ),
    Rule(
        code="N041",
        name="protocols",
        title="protocol names",
        sinks=("net.lookupProtocol",),
        arguments=DIAL_NETWORKS,
        gated=Standing.OPTIONAL,
        what=(What("protocols"),),
        note="names beyond icmp, igmp, tcp, udp and ipv6-icmp fail: unknown IP protocol",
        assumption="no raw IP protocol is dialled by a name that Go does not know",
    ),
    Rule(
        code="N042",
        name="mime-types",
        title="MIME types",
        sinks=("mime.initMimeUnix",),
        gates=("mime.TypeByExtension", "mime.ExtensionsByType"),
        gated=Standing.OPTIONAL,
        what=(What("mime-types"),),
        note="Go knows the common extensions; the others get their type from the content",
        assumption="no file type is asked for by extension",
    ),
    Rule(
        code="N050",
        name="tmp",
        title="directory for temporary files",
        sinks=("os.TempDir", "os.tempDir", "os.CreateTemp", "os.MkdirTemp"),
        gates=("os.CreateTemp", "os.MkdirTemp", "os.TempDir"),
        what=(What("tmp"),),
        note="temporary files fail: open /tmp/…: no such file or directory",
        paths=("/tmp",),
    ),
    Rule(
        code="N051",
        name="home",
        title="home directory",
        sinks=("os.UserHomeDir", "os.UserCacheDir", "os.UserConfigDir"),
        gates=("os.UserHomeDir", "os.UserCacheDir", "os.UserConfigDir"),
        what=(What("home"),),
        note="os.UserHomeDir fails: $HOME is not defined",
    ),
    Rule(
        code="N060",
        name="programs",
        title="programs that it runs",
        sinks=("os.StartProcess", "os.startProcess", "syscall.forkExec", "syscall.Exec"),
        gates=(
            "os/exec.Command",
            "os/exec.CommandContext",
            "os.StartProcess",
            "syscall.Exec",
            "syscall.ForkExec",
            "syscall.StartProcess",
        ),
        arguments=(
            Argument("os/exec.Command", 0),
            Argument("os/exec.CommandContext", 2),
            Argument("os/exec.LookPath", 0),
            Argument("os/exec.lookPath", 0),
            Argument("os.StartProcess", 0),
            Argument("syscall.Exec", 0),
        ),
        note="there is nothing to run in this image; what is started fails: not found in $PATH",
        paths=("/bin/sh",),
    ),
    Rule(
        code="N080",
        name="syslog",
        title="syslog socket",
        sinks=("log/syslog.unixSyslog",),
        gated=Standing.RUNTIME,
        otherwise=Standing.RUNTIME,
        note="mount /dev/log, or log to a network address",
        paths=("/dev/log",),
    ),
    Rule(
        code="N081",
        name="plugins",
        title="Go plugins",
        sinks=("plugin.open",),
        assumption="a static program cannot open plugins: plugin.Open is a stub in it",
    ),
    Rule(
        code="N090",
        name="resolver",
        title="resolv.conf and hosts",
        sinks=("net.dnsReadConfig", "net.readHosts"),
        gated=Standing.RUNTIME,
        otherwise=Standing.RUNTIME,
        note="the container engine mounts /etc/resolv.conf and /etc/hosts",
    ),
    Rule(
        code="N100",
        name="files",
        title="files opened by name",
        sinks=("os.OpenFile", "os.ReadFile"),
        arguments=(
            Argument("os.Open", 0),
            Argument("os.OpenFile", 0),
            Argument("os.ReadFile", 0),
            Argument("os.ReadDir", 0),
        ),
        gated=Standing.OPTIONAL,
        note="add them with [files] in whit.toml, or mount them",
        assumption="no file of the image is opened by a name that the program holds",
    ),
)
# Codes without a row of their own: what is loaded comes from the ELF headers, by rules that stand
# in `needs.loading`; the last comes from the user.
LIBRARIES = ("N070", "libraries", "loader and shared libraries")
DLOPENED = ("N071", "dlopened", "libraries opened by name")
NAME_SERVICES = ("N072", "name-services", "name service modules")
GCONV = ("N073", "gconv", "character set converters")
LOCALES = ("N074", "locales", "locales")
OPENSSL = ("N075", "openssl", "OpenSSL configuration")
LICENCES = ("N079", "licences", "licences and records of packages")
LOADING = (LIBRARIES, DLOPENED, NAME_SERVICES, GCONV, LOCALES, OPENSSL, LICENCES)
DECLARED = ("N110", "declared", "files and directories that you declared")


def rule_named(word: str) -> Rule | None:
    """The rule with this code or name."""
    return next((r for r in RULES if word.upper() == r.code or word.lower() == r.name), None)
