"""One line in, one typed instruction out, or an error that says what it takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whit.dockerfile import instructions as i
from whit.dockerfile.durations import UNITS, duration_text, read_duration
from whit.dockerfile.interpret import interpret
from whit.dockerfile.mounts import read_mount, read_mount_text
from whit.dockerfile.parser import parse
from whit.dockerfile.ports import read_port
from whit.errors.dockerfile import BadDockerfile, BadInstruction


def one(text: str) -> i.Instruction:
    return interpret(parse(text.encode()))[0]


def mount(text: str) -> i.Mount:
    return read_mount(read_mount_text(text), lambda word: word)


REFUSED = [
    ("FORM alpine", "no instruction 'FORM'", "did you mean 'FROM'?"),
    ("copi a b", "no instruction 'copi'", "did you mean 'COPY'?"),
    ("FROM", "FROM takes an image", "AS name"),
    ("FROM a b", "FROM takes an image", "AS name"),
    ("FROM a IS b", "FROM takes an image", "AS name"),
    ("FROM a AS 1b", "'1b' cannot name a stage", "letter"),
    ("FROM a AS b/c", "cannot name a stage", "letter"),
    ("FROM --platfrom=x a", "no flag --platfrom", "did you mean '--platform'?"),
    ("COPY a", "needs a source and a destination", "COPY source destination"),
    ("COPY --form=x a b", "no flag --form", "did you mean '--from'?"),
    ("COPY --from x b", "--from has no value", "--from=VALUE"),
    ("COPY --link=maybe a b", "--link is true or false", "--link"),
    ("COPY --link= a b", "--link has no value", "--link=VALUE"),
    ("COPY --chown=1 --chown=2 a b", "--chown stands twice", "remove"),
    ("COPY --keep-git-dir a b", "no flag --keep-git-dir", ""),
    ("COPY a <<EOF\nEOF", "heredoc as its destination", ""),
    ("COPY <<a/b /c\na/b", "cannot be named 'a/b'", ""),
    ("ADD --from=x a b", "no flag --from", ""),
    ("ADD --parents a b", "no flag --parents", ""),
    ("ENV --x a=b", "no flag --x", "takes no flags"),
    ("ENV =b", "without a name", ""),
    ("ENV", "at least one argument", ""),
    ("ARG", "at least one argument", ""),
    ("ARG =b", "no name", ""),
    ("USER", "exactly one argument", ""),
    ('VOLUME [" "]', "empty path", ""),
    ("SHELL /bin/sh -c", "JSON array", "/bin/bash"),
    ("SHELL []", "at least one", ""),
    ("HEALTHCHECK", "at least one", ""),
    ("HEALTHCHECK NONE x", "takes no arguments", ""),
    ("HEALTHCHECK CMD", "no command", ""),
    ("HEALTHCHECK RUN x", "CMD or NONE", ""),
    ("HEALTHCHECK --interval=5 CMD x", "--interval is a time", "30s"),
    ("HEALTHCHECK --interval=$I CMD x", "--interval is a time", "30s"),
    ("HEALTHCHECK --interval=1us CMD x", "shorter than a millisecond", ""),
    ("HEALTHCHECK --timeout=-1s CMD x", "shorter than a millisecond", ""),
    ("HEALTHCHECK --retries=-1 CMD x", "--retries is a whole number", ""),
    ("HEALTHCHECK --retries=1.5 CMD x", "--retries is a whole number", ""),
    ("ONBUILD", "an instruction after it", ""),
    ("ONBUILD ONBUILD RUN x", "cannot be a trigger", ""),
    ("ONBUILD FROM x", "cannot be a trigger", ""),
    ("RUN --network=hots x", "--network is default or none or host", "did you mean 'host'?"),
    ("RUN --security=root x", "--security is sandbox or insecure", ""),
    ("RUN --mount=from=$x,target=/a x", "takes no variables", "FROM $x AS name"),
    ('RUN --mount=\\"a x', "quotes", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_wrong_is_said_with_its_place(text: str, message: str, hint: str):
    with pytest.raises((BadInstruction, BadDockerfile)) as caught:
        one(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.place is not None
    assert caught.value.place.line == 1


def test_the_place_of_a_flag_is_the_flag():
    with pytest.raises(BadInstruction) as caught:
        one("COPY --chown=1 \\\n  --form=x a b")
    place = caught.value.place
    assert place is not None
    assert (place.line, place.column, place.length) == (2, 3, 6)


def test_from():
    found = one("from --platform=$BUILDPLATFORM golang:1.21 as Build-1")
    assert isinstance(found, i.From)
    assert (found.image, found.name, found.platform) == (
        "golang:1.21",
        "build-1",
        "$BUILDPLATFORM",
    )
    assert (found.as_word, found.written_name, found.word) == ("as", "Build-1", "from")


def test_flags_of_arg_and_stopsignal_are_swallowed_as_docker_does():
    assert isinstance(one("ARG --x a"), i.Arg)
    assert isinstance(one("STOPSIGNAL --x 9"), i.StopSignal)


def test_arg_tells_empty_from_missing():
    found = one("ARG a b= c=d=e")
    assert isinstance(found, i.Arg)
    assert found.arguments == (
        i.Argument("a"),
        i.Argument("b", ""),
        i.Argument("c", "d=e"),
    )


def test_copy_with_every_flag():
    found = one(
        "COPY --from=x --chown=1:2 --chmod=644 --link --parents --exclude=*.a --exclude=b a c /d/"
    )
    assert isinstance(found, i.Copy)
    assert (found.origin, found.chown, found.chmod) == ("x", "1:2", "644")
    assert found.is_linked
    assert found.keeps_parents
    assert found.excludes == ("*.a", "b")
    assert (found.sources, found.destination) == (("a", "c"), "/d/")


def test_add_with_every_flag():
    found = one("ADD --checksum=sha256:0 --unpack=false --keep-git-dir --link=FALSE https://a/b /c")
    assert isinstance(found, i.Add)
    assert (found.checksum, found.unpacks, found.keeps_git) == ("sha256:0", False, True)
    assert not found.is_linked
    plain = one("ADD a b")
    assert isinstance(plain, i.Add)
    assert (plain.unpacks, plain.keeps_git) == (None, None)


def test_heredocs_are_sources_and_chomped():
    found = one("COPY <<-A <<'B' c /d/\n\tx\n\tA\n$y\nB\n")
    assert isinstance(found, i.Copy)
    assert found.files == (i.InlineFile("A", "x\n", True), i.InlineFile("B", "$y\n", False))
    assert found.sources == ("c",)


def test_onbuild_keeps_its_heredoc():
    found = one("ONBUILD RUN <<EOF\na\nEOF\n")
    assert isinstance(found, i.OnBuild)
    assert found.trigger == "RUN <<EOF\na\nEOF"


def test_healthcheck():
    found = one("HEALTHCHECK --interval=1m30s --timeout=3s --retries=3 CMD wget -q x")
    assert isinstance(found, i.Healthcheck)
    assert found.test == ("CMD-SHELL", "wget -q x")
    assert (found.interval_ns, found.timeout_ns, found.retries) == (90 * 10**9, 3 * 10**9, 3)
    quiet = one("HEALTHCHECK none")
    assert isinstance(quiet, i.Healthcheck)
    assert quiet.test == ("NONE",)


MOUNTS: list[tuple[str, i.Mount]] = [
    ("target=/x", i.BindMount("/x")),
    ("type=bind,dst=/x,src=a/../b,rw", i.BindMount("/x", "", "/b", False)),
    ("TYPE=Bind,destination=/x,from=y,readonly=false", i.BindMount("/x", "y", "/", False)),
    ("type=bind,source=../../etc,target=/x", i.BindMount("/x", "", "/etc")),
    ("type=cache,target=/root/.cache/", i.CacheMount("/root/.cache/", "/root/.cache")),
    (
        "type=cache,target=/x,id=y,sharing=Locked,mode=0750,uid=1,gid=2,ro",
        i.CacheMount(
            "/x", "y", i.Sharing.LOCKED, is_read_only=True, owner=i.Owner(1, 2, 0o750)
        ),
    ),
    ("type=tmpfs,target=/x,size=1.5m", i.TmpfsMount("/x", 3 << 19)),
    ("type=tmpfs,target=/x,size=2GiB", i.TmpfsMount("/x", 2 << 30)),
    ("type=secret,id=a/b", i.SecretMount("a/b", "/run/secrets/b")),
    ("type=secret,target=/x/key,mode=4", i.SecretMount("key", "/x/key", owner=i.Owner(mode=4))),
    ("type=secret,id=a,env=TOKEN,required", i.SecretMount("a", "", "TOKEN", True)),
    ("type=secret,id=a,env=TOKEN,target=/x", i.SecretMount("a", "/x", "TOKEN")),
    ("type=ssh", i.SshMount()),
    ("type=ssh,id=a,required=true,target=/s", i.SshMount("a", "/s", True)),
    ('type=bind,"source=a,b",target=/x', i.BindMount("/x", "", "/a,b")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MOUNTS, ids=[row[0] for row in MOUNTS])
def test_mounts(text: str, expected: i.Mount):
    assert mount(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=bnd,target=/x", "no mount of type 'bnd'"),
        ("target", "not written as key=value"),
        ("trgt=/x", "no key 'trgt'"),
        ("type=bind,target=/x,mode=1", "no key 'mode'"),
        ("type=tmpfs,target=/x,uid=1", "no key 'uid'"),
        ("type=bind,target=/x,required", "no key 'required'"),
        ("type=bind,target=/x,size=1m", "no key 'size'"),
        ("type=tmpfs,target=/x,size=big", "no size"),
        ("type=cache,target=/x,sharing=all", "no sharing"),
        ("type=bind,target=/x,sharing=shared", "no key 'sharing'"),
        ("type=cache,target=/x,mode=9", "octal"),
        ("type=cache,target=/x,uid=-1", "number"),
        ("type=bind,target=/x,ro=perhaps", "true or false"),
        ("type=secret", "needs an id"),
        ("type=secret,id=a,source=b", "not both"),
        ("type=secret,id=a,from=b", "no key 'from'"),
        ("type=ssh,source=a", "no source"),
    ],
)
def test_mounts_that_are_refused(text: str, message: str):
    with pytest.raises(BadInstruction, match=message):
        mount(text)


def test_the_values_of_a_mount_are_expanded():
    words = {"$T": "cache", "$D": "/x"}
    text = read_mount_text("type=$T,target=$D,id=y")
    assert read_mount(text, lambda word: words.get(word, word)) == i.CacheMount("/x", "y")


@pytest.mark.parametrize(
    ("word", "exposed"),
    [
        ("80", ("80/tcp",)),
        ("53/UDP", ("53/udp",)),
        ("80-82/tcp", ("80/tcp", "81/tcp", "82/tcp")),
        ("80-80", ("80/tcp",)),
        ("8080:80", ("80/tcp",)),
        ("127.0.0.1:8080:80", ("80/tcp",)),
        ("[::1]:8080:80", ("80/tcp",)),
        ("0", ("0/tcp",)),
        ("80/", ("80/tcp",)),
    ],
)
def test_ports(word: str, exposed: tuple[str, ...]):
    assert read_port(word).exposed == exposed


@pytest.mark.parametrize(
    "word", ["", "a", "65536", "-1", "90-80", "80/http", "1-2:3-5", "x:1:2", "80:", "1-", "-"]
)
def test_ports_that_are_refused(word: str):
    with pytest.raises(BadInstruction):
        read_port(word)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"), (1, "1ns"), (1500, "1.5µs"), (2_000_000, "2ms"), (10**9, "1s"),
        (1_500_000_000, "1.5s"), (60 * 10**9, "1m0s"), (3_661 * 10**9, "1h1m1s"),
        (7_200 * 10**9, "2h0m0s"),
    ],
)  # fmt: skip
def test_durations_print_as_go_prints_them(nanoseconds: int, text: str):
    assert duration_text(nanoseconds) == text


@given(st.integers(0, 10**17))
def test_durations_survive_printing(nanoseconds: int):
    if nanoseconds == 0 or nanoseconds >= UNITS["ms"]:
        assert read_duration("interval", duration_text(nanoseconds)) == nanoseconds


@given(st.text(st.sampled_from("COPYRUNENV -=<>\"'[],$\\\nab1mount:type"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_line_is_understood_or_refused(text: str):
    for start in ("RUN --mount=", "COPY --", "ENV ", "HEALTHCHECK --", "FROM ", "ONBUILD "):
        try:
            one(start + text)
        except (BadInstruction, BadDockerfile):
            continue
