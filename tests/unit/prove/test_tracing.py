"""Lines of strace in, what the program used out."""

from whit.model.contract import Observed
from whit.prove.tracing import observed_in

TRACE = """\
10 execve("/usr/bin/crun", ["crun", "run"], 0x7ff /* 3 vars */) = 0
10 openat(AT_FDCWD, "/etc/of-the-runtime", O_RDONLY) = 3
11 mkdir("/made-by-the-runtime", 0755) = 0
11 execve("/app", ["/other"], 0x7ff /* 3 vars */) = -1 ENOENT (No such file or directory)
11 execve("/app", ["/app", "serve"], 0x7ff /* 3 vars */) = 0
10 openat(AT_FDCWD, "/run/of-the-runtime", O_RDONLY) = 3
11 openat(AT_FDCWD, "/proc/self/cgroup", O_RDONLY|O_CLOEXEC) = 3
11 openat(AT_FDCWD, "/etc/app.conf", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
11 openat(AT_FDCWD, "data/db", O_RDWR|O_CREAT, 0644) = 4
12 openat(AT_FDCWD, "/etc/hosts", O_RDONLY <unfinished ...>
11 bind(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}, 28) = 0
12 <... openat resumed>, O_CLOEXEC) = 5
12 bind(7, {sa_family=AF_UNIX, sun_path="/x"}, 5) = 0
12 connect(6, {sa_family=AF_INET, sin_port=htons(5432), sin_addr=inet_addr("10.0.0.9")}, 16) = -1 EINPROGRESS (Operation now in progress)
12 execve("/bin/git", ["git", "--password=hidden"], 0x1 /* 1 var */) = 0
12 openat(AT_FDCWD, "/odd\\33name", O_RDONLY) = 3
12 renameat(AT_FDCWD, "/data/new", AT_FDCWD, "/data/old") = 0
12 chown("/data/old", 1, 1) = 0
12 +++ exited with 0 +++
garbage
"""  # noqa: E501


def test_what_is_the_runtimes_is_left_out_and_halves_are_put_together():
    assert observed_in(TRACE.splitlines(), "/app", "/srv") == Observed(
        files=("/etc/hosts",),
        missing=("/etc/app.conf",),
        writes=("/data/new", "/data/old", "/srv/data/db"),
        listens=("443/tcp",),
        connects=("10.0.0.9:5432",),
        runs=("/bin/git",),
        capabilities=("CHOWN", "NET_BIND_SERVICE"),
    )


def test_a_trace_without_the_program_says_nothing():
    assert observed_in(['1 openat(AT_FDCWD, "/x", O_RDONLY) = 3'], "/app", "/") == Observed()


def test_directories_to_write_on_are_the_topmost():
    seen = Observed(writes=("/var/lib/app/db", "/var/lib/app/wal/1", "/tmp/x", "/top"))
    assert seen.written_directories == ("/tmp", "/var/lib/app")
