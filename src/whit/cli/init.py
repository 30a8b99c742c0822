"""`whit init`: a commented whit.toml."""

from pathlib import Path

import click

from whit.cli.console import Console
from whit.errors.request import BadSettingsFile

EXAMPLE = """\
# whit.toml: how whit makes this project's images. Every setting is optional; the values shown are
# the defaults or examples. Flags go over WHIT_ variables (WHIT_GO_VERSION), those over this file.

# What to build when the command line names nothing.
# packages = ["./cmd/app"]

# Platform of the image; this host's when left out.
# platform = "linux/amd64"

# Directories that the program writes to; they exist and are writable in the image.
# directories = ["/data"]

[go]
# version = "1.26.8"       # another release than the one on PATH
# cgo = "auto"             # auto, off, static (musl, runs on an empty image), dynamic (glibc)
# strip = "all"            # all (-s -w), dwarf (-w), none
# ldflags = ["-X main.version={{.Version}}"]   # Version Commit ShortCommit Branch Tag Date Env.NAME
# gcflags = []
# tags = ["netgo"]
# trimpath = true          # leave this machine's paths out of the program

[go.env]
# GOEXPERIMENT = "nojsonv2"

[image]
# name = "example/app:latest"
# base = "auto"            # auto: only what it needs; or static, base, cc, an image (whit base)
# start = "server"         # of several programs in one image (--together), the one that starts
# user = "65532:65532"     # numeric, so that Kubernetes can verify runAsNonRoot
# ports = ["8080/tcp"]     # found in the program where an address is constant
# cmd = ["serve"]          # default arguments
# working-dir = "/"
# volumes = []
# stop-signal = "SIGTERM"
# entry = true             # a program of 2 kB starts first: NAME_FILE becomes NAME, checks
# contract = true          # a label that says what it reads from its environment (whit config show)
# observed = "whit.observed.json"  # what `whit run --learn` noted, for the contract

[image.env]
# LOG_LEVEL = "info"

[image.labels]
# "example.com/team" = "platform"

[image.annotations]
# "org.opencontainers.image.title" = "app"

[needs]
# add = ["ca-roots"]       # take this although no rule asks (a code such as N010, or its name)
# drop = ["N020"]          # leave this out although a rule asks
# zones = ["Europe/Rome"]  # these time zones only
# ca-extra = ["corporate-ca.pem"]
# sysroot = "sysroots/arm64" # take loader and libraries from this root instead of this host's

# Bases made of Debian's packages (whit base, image.base).
[base]
# distro = "debian13"      # or debian12
# mirror = "https://mirror.example/debian"    # a URL or a directory; this host's apt knows others
# security-mirror = "https://mirror.example/debian-security"
# suites = ["updates", "security"]            # beside the main one
# keys = ["archive.asc"]   # trust these OpenPGP certificates instead of Debian's

[files]
# "/etc/app/config.yaml" = "deploy/config.yaml"   # path in the image = path from this file

[output]
# to = ["docker-daemon:"]  # oci:DIR  oci-archive:FILE  docker-archive:FILE  docker-daemon:[NAME]
# compression = "gzip"     # gzip, zstd, none
# effort = "fast"          # fast for the edit, best for what is published
# smoke = "--version"      # run the image once with these arguments before it is published

# What the program reads from its environment, where `whit config show` does not know better.
# [config.DATABASE_URL]
# required = true
# secret = true
# type = "url"             # port, int, bool, url, file
# default = "postgres://db/app"
# usage = "where the data is"
# file = "/run/secrets/database-url"   # where it is read from, if it is a file

# What that small program does besides; each puts it into the image (docs/starting.md).
[entry]
# wait = ["tcp://db:5432", "file:/run/ready"]   # tcp http grpc file, before the program starts
# wait-seconds = 30        # for all of them together; exit status 75 when they are over
# health = "http://127.0.0.1:${PORT:-8080}/healthz"   # HEALTHCHECK: tcp http grpc exec
# health-interval-seconds = 30
# health-timeout-seconds = 5
# health-start-seconds = 0
# init = true              # stay as process 1; left out: where the program starts others

[entry.templates]          # ${NAME} and ${NAME:-otherwise} are replaced when the image starts
# "/run/app/config.yaml" = "deploy/config.yaml.tmpl"  # file that is written = its template here

# A build that weighs more than this fails, before anything is sent anywhere.
[budget]
# image = "20MB"           # all files of the image
# compressed = "8MB"       # what a registry holds
# binary = "19.5MB"        # the program
# layer = "8MB"            # the largest layer, compressed
# files = 10
# dead-code-blockers = 0   # functions that make the linker keep methods nobody calls
# history = "sizes.jsonl"  # remembers every size that differs from the last

[budget.modules]           # of the program, as `whit size --by module` counts
# "google.golang.org/grpc" = "2MB"

# What `whit compare` weighs the program on: a name, and an image as `whit copy` names it.
[compare.bases]
# "debian-slim" = "registry.example/mirror/debian:stable-slim"

# What looks like a secret and is none: a path, a variable or a rule's name, and why.
[secrets.allow]
# "/testdata/server.key" = "self-signed, for tests only"

# A registry that needs more than its name. The name is the one in references, with its port.
# [registries."registry.example:5000"]
# mirrors = ["mirror.example/cache"]   # asked first when something is pulled
# ca = "company-ca.pem"                # whom to trust besides the system's roots
# cert = "client.pem"                  # a client certificate and its key
# key = "client-key.pem"
# insecure = false                     # plain HTTP and any certificate
"""


@click.command("init", epilog="Example: whit init && whit build")
@click.option("--print", "prints", is_flag=True, help="Print it instead of writing a file.")
@click.pass_obj
def command(console: Console, prints: bool) -> None:
    """Write whit.toml with every setting, explained and commented out."""
    if prints:
        console.out(EXAMPLE.rstrip())
        return
    path = Path("whit.toml")
    try:
        with path.open("x") as file:
            file.write(EXAMPLE)
    except FileExistsError as error:
        raise BadSettingsFile(
            "whit.toml is already here",
            hint="`whit init --print` prints the example to compare with",
        ) from error
    console.say(f"wrote {path}: every setting is in it, commented out")
