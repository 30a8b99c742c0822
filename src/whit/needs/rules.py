"""The rule table: what the Go standard library reads, and how to see it in a program. Pure data.

A row names functions exactly as the linker does. Its logic stands in `needs.findings`:

    sinks    the functions that touch the file. None linked: absent, and that is proof
    embeds   any linked: the program carries the thing itself
    gates    any linked: the program can mean it
    callers  a gate that the standard library also uses for itself: it counts unless every caller
             is one of the harmless ones, which only the machine code can tell
    held     the form of a constant path with which a program opens the file by itself: no function
             of Go's is named, and it is needed all the same
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
    held: str = ""


# What crypto/x509 tries, and the directories: root_linux.go.
CA_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
_CA_FILES = (
    *(CA_ROOTS, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"),
    *("/etc/pki/tls/cacert.pem", "/etc/ssl/cert.pem"),
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    *("/etc/ssl/certs/?", "/etc/pki/tls/certs/?"),
)
_USER = ("os/user.", "archive/tar.statUnix")
DIAL_ADDRESSES = (
    Argument("net.Dial", 2),
    Argument("net.DialTimeout", 2),
    Argument("net.(*Dialer).Dial", 3),
    Argument("net.(*Dialer).DialContext", 5),
    Argument("net.Listen", 2),
    Argument("net.ListenPacket", 2),
    Argument("net.(*ListenConfig).Listen", 5),
    Argument("net.ResolveTCPAddr", 2),
    Argument("net.ResolveUDPAddr", 2),
    Argument("net.LookupPort", 2),
    Argument("net.(*Resolver).LookupPort", 5),
    Argument("crypto/tls.Dial", 2),
    Argument("net/http.ListenAndServe", 0),
    Argument("net/http.ListenAndServeTLS", 0),
)
DIAL_NETWORKS = (
    Argument("net.Dial", 0),
    Argument("net.DialTimeout", 0),
    Argument("net.(*Dialer).Dial", 1),
    Argument("net.(*Dialer).DialContext", 3),
    Argument("net.ListenPacket", 0),
    Argument("net.(*ListenConfig).ListenPacket", 3),
    Argument("net.DialIP", 0),
    Argument("net.ListenIP", 0),
    Argument("net.ResolveIPAddr", 0),
)
# Functions of the standard library that open, make or look up what they are handed.
FILE_ARGUMENTS = (
    Argument("os.Open", 0),
    Argument("os.OpenFile", 0),
    Argument("os.Create", 0),
    Argument("os.ReadFile", 0),
    Argument("os.WriteFile", 0),
    Argument("os.ReadDir", 0),
    Argument("os.Stat", 0),
    Argument("os.Lstat", 0),
    Argument("os.Mkdir", 0),
    Argument("os.MkdirAll", 0),
    Argument("os.Chdir", 0),
    Argument("os.Readlink", 0),
    Argument("os.Remove", 0),
    Argument("os.RemoveAll", 0),
    Argument("os.Rename", 2),
    Argument("io/ioutil.ReadFile", 0),
    Argument("io/ioutil.WriteFile", 0),
    Argument("io/ioutil.ReadDir", 0),
    Argument("path/filepath.Walk", 0),
    Argument("path/filepath.WalkDir", 0),
    Argument("path/filepath.Glob", 0),
    Argument("text/template.ParseGlob", 0),
    Argument("html/template.ParseGlob", 0),
    Argument("html/template.(*Template).ParseGlob", 1),
    Argument("crypto/tls.LoadX509KeyPair", 0),
    Argument("crypto/tls.LoadX509KeyPair", 2),
    Argument("net/http.ServeFile", 3),
    Argument("net/http.ListenAndServeTLS", 2),
    Argument("net/http.ListenAndServeTLS", 4),
    Argument("net/http.(*Server).ListenAndServeTLS", 1),
    Argument("net/http.(*Server).ListenAndServeTLS", 3),
    Argument("plugin.Open", 0),
    Argument("syscall.Open", 0),
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
        held="|".join(_CA_FILES),
    ),
    Rule(
        code="N020",
        name="zones",
        title="time zone data",
        sinks=("time.LoadLocation", "os.Setenv", "syscall.Setenv"),
        gates=("time.LoadLocation",),
        embeds=("time/tzdata.loadFromEmbeddedTZData",),
        arguments=(Argument("time.LoadLocation", 0),),
        what=(What("zones"),),
        note="time.LoadLocation fails: unknown time zone",
        paths=("/usr/share/zoneinfo",),
        held="/usr/share/zoneinfo(?:/[A-Za-z0-9_+/-]*)?",
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
        held="/etc/(?:passwd|group)",
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
        note="Go knows only http, https, ssh, smtp and the like; others fail: unknown port. Give"
        " /etc/services under [files]",
        assumption="ports are numbers, or names that Go knows by itself",
    ),
    Rule(
        code="N041",
        name="protocols",
        title="protocol names",
        sinks=("net.lookupProtocol",),
        arguments=DIAL_NETWORKS,
        gated=Standing.OPTIONAL,
        note="Go knows only icmp, igmp, tcp, udp and ipv6-icmp; others fail: unknown IP protocol."
        " Give /etc/protocols under [files]",
        assumption="no raw IP protocol is dialled by a name that Go does not know",
    ),
    Rule(
        code="N042",
        name="mime-types",
        title="MIME types",
        sinks=("mime.initMimeUnix",),
        gates=("mime.TypeByExtension", "mime.ExtensionsByType"),
        gated=Standing.OPTIONAL,
        note="Go knows the common extensions, and the others get their type from the content; for"
        " more, give /etc/mime.types under [files]",
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
        held="(?:/var)?/tmp(?:/.*)?",
    ),
    Rule(
        code="N051",
        name="home",
        title="home directory",
        sinks=(
            *("os.UserHomeDir", "os.UserCacheDir", "os.UserConfigDir"),
            *("os.Getenv", "os.LookupEnv", "syscall.Getenv", "os.ExpandEnv"),
        ),
        gates=("os.UserHomeDir", "os.UserCacheDir", "os.UserConfigDir"),
        what=(What("home"),),
        note="$HOME is not defined, and what lies below it cannot be made",
        held=r"HOME|\$\{?HOME\b.*",
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
        note="this image holds nothing to run, so starting it fails; --need program:NAME takes it"
        " along",
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
        sinks=("os.OpenFile", "os.ReadFile", "os.Stat", "os.Mkdir", "syscall.Open"),
        arguments=FILE_ARGUMENTS,
        gated=Standing.OPTIONAL,
        note="give files under [files] in whit.toml, directories with --need directory:/path, or"
        " mount them",
        assumption="none of the paths that the program's own code holds names a file of the image",
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
