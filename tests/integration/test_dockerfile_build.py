"""Dockerfiles built end to end by the command line, without a daemon, and run."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from integration import bases_case as bases
from whit.golang.releases import fetch_release
from whit.golang.versions import parse_release
from whit.model.image import Image
from whit.oci.documents import Config, RunDocument, decode
from whit.store.blobs import Store

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="test_dockerfile_rootless builds without rights"),
]


class Yard:
    """A store with stand-ins for bases, a cache, and builds of what a test writes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.env = os.environ | {
            "WHIT_STORE": str(place / "store"),
            "WHIT_CACHE": str(place / "cache"),
        }
        self.store = Store.open(place / "store")

    def add(self, name: str, config: RunDocument | None = None, **files: str) -> None:
        root = self.place / f"root-{name.replace(':', '-')}"
        bases.make_alpine(root)
        for path, text in files.items():
            (root / path).write_text(text)
        bases.add_image(self.store, root, config or bases.alpine_config(), name)

    def start(self, context: Path, *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "whit.cli.entry", "build", "-f", str(context / "Dockerfile"),
             str(context), *options],
            env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def build(self, context: Path, *options: str, status: int = 0) -> str:
        """What the build said on stderr."""
        process = self.start(context, *options)
        out, said = process.communicate(timeout=300)
        assert process.returncode == status, said
        self.reference = out.strip()
        return said

    def sizes(self) -> list[tuple[int, int]]:
        """Of each layer what stays the same when a step runs anew."""
        return [(layer.file_count, layer.file_bytes) for layer in self.image().layers]

    def image(self) -> Image:
        return self.store.find(self.reference)

    def config(self) -> Config:
        return decode(Config, self.image().config, "config")

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "whit.cli.entry", "run", self.reference, *words],
            env=self.env, text=True, capture_output=True, check=False,
        )  # fmt: skip

    def layer(self, number: int = -1) -> dict[str, tarfile.TarInfo]:
        """The entries of one layer by name."""
        layer = self.image().layers[number]
        with self.store.open_blob(layer.digest) as blob:
            data = io.BytesIO(blob.read())
        with tarfile.open(fileobj=data) as tar:
            return {member.name: member for member in tar}

    def leftovers(self) -> list[str]:
        """Mounts and processes that name this place, and what is left in the cache."""
        place = str(self.place)
        found = [
            line for line in Path("/proc/self/mounts").read_text().splitlines() if place in line
        ]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if place in words:
                found.append(f"{process.name} {words}")
        found += map(str, (self.place / "cache/run").glob("*"))
        return found


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    yard = Yard(tmp_path_factory.mktemp("yard"))
    yard.add("alpine:latest")
    return yard


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return tmp_path


def write(context: Path, dockerfile: str, **files: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    for name, text in files.items():
        path = context / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


# ---- the seed files -------------------------------------------------------------------------

ONE_STAGE = """FROM {base}
COPY app /app
CMD ["/app"]
"""
TWO_STAGES = """# Stage 1: Build the application
FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -ldflags="-w -s" -o app main.go
# Stage 2: Create the minimal runtime image
FROM scratch
COPY --from=builder /app/app /app
CMD ["/app"]
"""
HELLO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello, %s") }\n'


@pytest.mark.go
@pytest.mark.parametrize("base", ["alpine:latest", "scratch", "gcr.io/distroless/static-debian11"])
def test_one_stage(yard: Yard, context: Path, base: str) -> None:
    write(context, ONE_STAGE.format(base=base))
    (context / "main.go").write_text(HELLO % base)
    subprocess.run(
        ["go", "build", "-o", "app", "main.go"], cwd=context, check=True,
        env=os.environ | {"CGO_ENABLED": "0", "GO111MODULE": "off"},
    )  # fmt: skip
    stands = "gcr.io/distroless/static-debian11=docker-image://alpine"
    yard.build(context, "--build-context", stands)
    assert yard.run().stdout == f"hello, {base}\n"
    assert "app" in yard.layer()


@pytest.mark.gobin
def test_two_stages_and_the_go_cache_for_free(yard: Yard, context: Path) -> None:
    installed = fetch_release(parse_release("1.21.13"), False, dict(os.environ))
    root = yard.place / "golang"
    bases.make_golang(root, Path(installed.path).parents[1])
    bases.add_image(yard.store, root, bases.golang_config(), "golang:1.21-alpine")
    write(context, TWO_STAGES, main_DOT_go=HELLO % "one")
    said = yard.build(context, "-t", "two")
    assert "with Go's caches" in said
    assert yard.run().stdout == "hello, one\n"
    assert list(yard.layer()) == ["app"]
    first = yard.image().manifest_digest
    assert yard.build(context).count("cached") == 4
    assert yard.image().manifest_digest == first
    (context / "main.go").write_text(HELLO % "two")
    said = yard.build(context)
    assert "main.go changed" in said
    assert yard.run().stdout == "hello, two\n"
    said = yard.build(context, "--go-cache", "off")
    assert "with Go's caches" not in said


# ---- RUN ------------------------------------------------------------------------------------


def test_run_sees_what_docker_shows(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM alpine
ARG V=9
ENV A=1
RUN { id; hostname; umask; pwd; env | sort; cat /etc/hosts; grep -i cap /proc/self/status; } >/out
RUN mkdir -p /w && chown 1000 /w
WORKDIR /w
USER app
RUN id >/w/who && echo $HOME >>/w/who
RUN <<END
echo from a heredoc >/w/doc
END
""",
    )
    yard.build(context)
    out = yard.run("/bin/cat", "/out").stdout
    assert "uid=0(root) gid=0(root)" in out
    assert "\nbuildkitsandbox\n0022\n/\n" in out
    for variable in ("A=1", "V=9", "HOME=/root"):
        assert f"\n{variable}\n" in out
    assert "HOSTNAME" not in out
    assert "127.0.0.1\tlocalhost buildkitsandbox\n" in out
    assert "CapEff:\t00000000a80425fb" in out
    who = yard.run("/bin/cat", "/w/who", "/w/doc").stdout
    assert who.startswith("uid=1000(app) gid=1001(app) groups=")
    assert who.endswith("\n/home/app\nfrom a heredoc\n")


def test_what_run_leaves_behind(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM alpine
RUN rm /bin/vi && mkdir /made && ln /bin/busybox /made/hard
RUN true
RUN --mount=type=tmpfs,target=/fresh/t --mount=type=cache,target=/etc/cache true
""",
    )
    yard.build(context)
    first = yard.layer(1)
    assert {"bin/.wh.vi", "made", "made/hard"} <= set(first)
    assert not {name for name in first if name.startswith("etc")}
    assert {"dev", "proc", "sys"} <= set(first)
    assert yard.layer(2) == yard.layer(3) == {}, "what was mounted leaves nothing"


def test_mounts(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM alpine AS tools
RUN echo tool >/tool
FROM alpine
RUN --mount=type=bind,source=data,target=/data cat /data/file >/bound && ! touch /data/x
RUN --mount=type=bind,rw,target=/ctx touch /ctx/new && ls /ctx >/listed
RUN --mount=from=tools,source=/tool,target=/t cat /t >/from
RUN --mount=type=cache,target=/c echo once >>/c/count && cat /c/count >/counted
RUN --mount=type=secret,id=key,mode=0440 cd /run/secrets; wc -c <key >/size; stat -c %a key >>/size
RUN --mount=type=secret,id=key,env=KEY test -n "$KEY"
RUN --mount=type=secret,id=none,target=/none test ! -e /none
RUN --network=none ! grep -q eth /proc/net/dev
""",
        data__file="bytes\n",
        ignored="x",
        _DOT_dockerignore="ignored\nkey\n",
    )
    (context / "key").write_text("topsecret")
    yard.build(context, "--secret", f"id=key,src={context / 'key'}")
    names = ("/bound", "/listed", "/from", "/counted", "/size")
    out = yard.run("/bin/cat", *names).stdout
    assert out.startswith("bytes\n")
    assert "new\n" in out
    assert "ignored" not in out.split("tool")[0]
    assert out.endswith("tool\nonce\n9\n440\n")
    assert not (context / "new").exists()
    places = [*(yard.place / "store").rglob("*"), *(yard.place / "cache").rglob("*")]
    files = [path for path in places if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if b"topsecret" in path.read_bytes()]


def test_a_failed_step_shows_its_output_and_how_to_look_inside(yard: Yard, context: Path) -> None:
    write(context, "FROM alpine\nRUN echo began\nRUN echo what went wrong; exit 7\n")
    said = yard.build(context, status=1)
    assert "what went wrong" in said
    assert "error[D104]" in said
    assert "ended with status 7" in said
    step = said.partition(": whit debug ")[2].split()[0]
    debug = [sys.executable, "-m", "whit.cli.entry", "debug"]
    done = subprocess.run(
        ["script", "-qec", " ".join([*debug, step]), "/dev/null"],
        input="echo in-$((40+2))\nexit\n",
        env=yard.env, text=True, capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert "in-42" in done.stdout
    plain = subprocess.run(
        [*debug, "-c", "ls -d /bin; id -u; exit 3"], env=yard.env, text=True, capture_output=True,
        check=False, timeout=30,
    )  # fmt: skip
    assert (plain.returncode, plain.stdout) == (3, "/bin\n0\n")
    listed = subprocess.run([*debug, "--list"], env=yard.env, text=True, capture_output=True,
                            check=True)  # fmt: skip
    assert step in listed.stdout
    assert "exit 7" in listed.stdout
    none = subprocess.run([*debug, "zzz"], env=yard.env, text=True, capture_output=True,
                          check=False)  # fmt: skip
    assert none.returncode == 1
    assert "error[D107]" in none.stderr
    for path in (yard.place / "cache/run").glob("*"):
        os.utime(path, (0, 0))


def test_check_lints_and_builds_nothing(yard: Yard, context: Path) -> None:
    write(context, "FROM scratch as one\nCOPY f /f\n", f="x")
    before = len(list((yard.place / "cache/snapshots").glob("*")))
    yard.build(context, "--check", status=1)
    assert "FromAsCasing" in yard.reference
    assert len(list((yard.place / "cache/snapshots").glob("*"))) == before
    write(context, "FROM scratch AS one\nCOPY f /f\n")
    yard.build(context, "--check")
    write(context, "# check=error=true\nFROM scratch as one\nCOPY f /f\n")
    said = yard.build(context, status=1)
    assert "error[D108]" in said
    assert "FromAsCasing" in said
    write(context, "# check=skip=FromAsCasing;error=true\nFROM scratch as one\nCOPY f /f\n")
    yard.build(context)


def test_pruned_stages_do_not_run_and_targets_are_chosen(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM nowhere.example/none AS unused
RUN false
FROM alpine AS one
RUN echo one >/stage
FROM alpine AS two
RUN echo two >/stage
""",
    )
    yard.build(context, "--target", "one")
    assert yard.run("/bin/cat", "/stage").stdout == "one\n"
    yard.build(context)
    assert yard.run("/bin/cat", "/stage").stdout == "two\n"


def test_steps_are_found_by_content(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM alpine AS make
COPY source /source
RUN head -n 1 /source >/first
FROM alpine
COPY --from=make /first /first
RUN cat /first >/second
""",
        source="line\nmore\n",
    )
    yard.build(context)
    os.utime(context / "source", (5, 5))
    assert yard.build(context).count("cached") == 4, "times do not count"
    (context / "source").write_text("line\nother\n")
    said = yard.build(context)
    assert "source changed" in said
    assert said.count("cached") == 2, "the same result is the same input"


def test_no_cache_takes_what_was_just_made(yard: Yard, context: Path) -> None:
    write(context, "FROM alpine\nRUN cat /proc/sys/kernel/random/uuid >/id\nCMD cat /id\n")
    seen = []
    for option in ("--no-cache", "--no-cache", "--progress=plain"):
        yard.build(context, option)
        seen.append(yard.run().stdout)
    assert seen[0] != seen[1]
    assert seen[1] == seen[2] != ""


def test_config_is_dockers(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM alpine
ENV A=1 B="two words"
LABEL who=me
EXPOSE 80 443/tcp
VOLUME /data
WORKDIR /w
HEALTHCHECK --interval=30s CMD true
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/bin/echo"]
CMD ["hi"]
""",
    )
    yard.build(context, "-t", "app:1")
    config = yard.config()
    inner = config.config
    assert inner is not None
    assert "B=two words" in (inner.env or ())
    assert (inner.entrypoint, inner.cmd) == (("/bin/echo",), ("hi",))
    assert inner.working_dir == "/w"
    assert sorted(inner.exposed_ports or ()) == ["443/tcp", "80/tcp"]
    assert len([h for h in config.history if not h.empty_layer]) == len(yard.image().layers)
    assert config.history[-1].comment == "buildkit.dockerfile.v0"
    assert yard.run().stdout == "hi\n"


def test_add_unpacks_and_fetches(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM scratch
ADD files.tar.xz /in/
ADD --unpack=false files.tar.xz /as-is
COPY <<EOF /text
heredoc
EOF
""",
        inner="data",
    )
    with tarfile.open(context / "files.tar.xz", "w:xz") as tar:
        tar.add(context / "inner", "d/inner")
    yard.build(context)
    assert set(yard.layer(0)) == {"in", "in/d", "in/d/inner"}
    assert set(yard.layer(1)) == {"as-is"}
    assert yard.layer(2)["text"].size == 8


def test_unknown_bases_say_what_to_do(yard: Yard, context: Path) -> None:
    write(context, "FROM nowhere.invalid/none:1\n")
    said = yard.build(context, "--offline", status=1)
    assert "error[D105]" in said
    assert "--build-context nowhere.invalid/none:1=" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_at_any_time_leaves_nothing(yard: Yard, context: Path, number: int) -> None:
    mark = f"mark-{number}"
    write(context, f"FROM alpine\nRUN echo {mark}; sleep 1234\n")
    process = yard.start(context)
    assert process.stderr
    while mark not in (line := process.stderr.readline()) or "|" not in line:
        assert line, "it ended early"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode in (130, -number)
    end = time.monotonic() + 10
    while (left := yard.leftovers()) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []
    write(context, "FROM alpine\nRUN echo works >/ok\n")
    yard.build(context)
    assert not list((yard.place / "cache/snapshots").glob("draft-*"))


def test_stages_that_want_one_new_cache_at_once_share_it(yard: Yard, context: Path) -> None:
    mount = "--mount=type=cache,id=at-once,target=/c"
    lines = [f"FROM alpine AS s{n}\nRUN {mount} echo {n} > /c/{n}; sleep 0.3" for n in range(8)]
    lines.append("FROM alpine")
    lines += [f"COPY --from=s{n} /etc/hostname* /x{n}/" for n in range(8)]
    lines.append(f"RUN {mount} ls /c | tr -d '\\n' > /seen")
    write(context, "\n".join(lines) + "\n")
    yard.build(context)
    assert yard.run("cat", "/seen").stdout == "01234567"


def test_independent_stages_run_side_by_side(yard: Yard, context: Path) -> None:
    write(
        context,
        """FROM alpine AS a
RUN sleep 2; date +%s >/end
FROM alpine AS b
RUN date +%s >/begin; sleep 1
FROM alpine
COPY --from=a /end /
COPY --from=b /begin /
""",
    )
    yard.build(context)
    end, begin = yard.run("/bin/cat", "/end", "/begin").stdout.split()
    assert int(begin) < int(end)
