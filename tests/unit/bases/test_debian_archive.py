"""Signatures, Releases, indexes, versions and relations."""

import time
from collections.abc import Callable, Iterable

import pytest
from pysequoia import Tsk

from debian_case import DAY, Repository, fill
from whit.bases.debian.index import Candidate, Index
from whit.bases.debian.keys import ARCHIVE_KEYS, Key, archive_keys
from whit.bases.debian.relations import named, parse, resolve
from whit.bases.debian.release import read_release, refuse_old
from whit.bases.debian.sets import Order, packages_of, parse_order
from whit.bases.debian.signature import signed_text
from whit.bases.debian.versions import compare, satisfies
from whit.errors.bases import OldRelease, UnknownPackage, UntrustedRelease, WrongBytes
from whit.model.names import Platform

NOW = int(time.time())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("archive"))
    fill(made)
    made.publish(NOW)
    return made


def keys_of(repository: Repository) -> tuple[Key, ...]:
    return (Key(repository.certificate.read_bytes()),)


def release_of(repository: Repository) -> bytes:
    return (repository.place / "dists/bookworm/InRelease").read_bytes()


# ---- signatures ---------------------------------------------------------------------------------


def test_signed_text_is_what_was_signed_and_names_its_signer(repository: Repository):
    signed = signed_text(release_of(repository), keys_of(repository), NOW, "InRelease")
    assert b"Codename: bookworm\n" in signed.text
    assert b"PGP" not in signed.text
    assert signed.signers == (repository.key.extract_certificate().fingerprint.upper(),)


CHANGES = {
    "text": lambda d: d.replace(b"Origin: Test", b"Origin: Best"),
    "digest": lambda d: d.replace(b"SHA256:\n ", b"SHA256:\n 0", 1),
    "before": lambda d: b"Codename: trixie\n" + d,
    "after": lambda d: d + b"SHA256:\n " + b"0" * 64 + b" 1 main/x\n",
    "header": lambda d: d.replace(b"Hash: SHA512\n", b"Hash: SHA512\nComment: evil\n"),
    "twice": lambda d: d + d,
    "no signature": lambda d: d.partition(b"-----BEGIN PGP SIGNATURE")[0],
    "half a signature": lambda d: d[:-90] + d[-29:],
    "unsigned": lambda d: b"Codename: bookworm\nDate: Fri, 15 Jan 2027 08:00:00 UTC\n",
    "nothing": lambda d: b"",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_document_that_was_touched_is_refused(
    repository: Repository, change: Callable[[bytes], bytes]
):
    data = change(release_of(repository))
    assert data != release_of(repository)
    with pytest.raises(UntrustedRelease):
        signed_text(data, keys_of(repository), NOW, "InRelease")


def test_an_unknown_key_is_refused(repository: Repository):
    other = Key(str(Tsk.generate("other").extract_certificate()).encode())
    with pytest.raises(UntrustedRelease, match="not signed by a key that is trusted"):
        signed_text(release_of(repository), (other,), NOW, "InRelease")


def test_a_key_that_ran_out_is_refused(repository: Repository):
    later = NOW + 30 * 365 * DAY
    with pytest.raises(UntrustedRelease, match="holds any more") as caught:
        signed_text(release_of(repository), keys_of(repository), later, "InRelease")
    assert "ran out on" in caught.value.output


def test_a_key_that_was_exchanged_is_refused(repository: Repository):
    pinned = Key(repository.certificate.read_bytes(), "0" * 40)
    with pytest.raises(UntrustedRelease) as caught:
        signed_text(release_of(repository), (pinned,), NOW, "InRelease")
    assert "not the key that was pinned" in caught.value.output


def test_one_trusted_signature_of_several_is_enough(repository: Repository):
    other = Key(str(Tsk.generate("other").extract_certificate()).encode())
    both = (other, *keys_of(repository))
    assert len(signed_text(release_of(repository), both, NOW, "InRelease").signers) == 1


@pytest.mark.parametrize("codename", ARCHIVE_KEYS)
def test_the_keys_of_the_archive_are_those_that_are_pinned(codename: str):
    from pysequoia import Cert

    for is_security in (False, True):
        for key in archive_keys(codename, is_security=is_security):
            (certificate,) = Cert.split_bytes(key.data)
            assert certificate.fingerprint.upper() == key.fingerprint


# ---- releases -----------------------------------------------------------------------------------

TEXT = """\
Codename: bookworm
Date: Sat, 11 Jul 2026 10:16:37 UTC
Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC
Acquire-By-Hash: yes
MD5Sum:
 d41d8cd98f00b204e9800998ecf8427e 0 main/binary-amd64/Packages
SHA256:
 {digest} 12 main/binary-amd64/Packages
 {digest} 7 main/binary-arm64/Packages
""".format(digest="ab" * 32).encode()
MADE = 1_783_764_997


def test_release_gives_dates_and_the_files_that_are_wanted():
    release = read_release(TEXT, "bookworm", "main/binary-amd64/")
    assert (release.date, release.valid_until) == (MADE, MADE + 7 * DAY)
    assert list(release.files) == ["main/binary-amd64/Packages"]
    assert release.files["main/binary-amd64/Packages"].size == 12
    assert release.has_hashed_paths


def test_a_release_of_another_suite_is_refused():
    with pytest.raises(UntrustedRelease, match="says that it is bookworm"):
        read_release(TEXT, "bookworm-security", "main/")


def test_old_releases_are_refused():
    release = read_release(TEXT, "bookworm", "main/")
    refuse_old(release, MADE + DAY, MADE)
    with pytest.raises(OldRelease, match="was seen before"):
        refuse_old(release, MADE + DAY, MADE + 1)
    with pytest.raises(OldRelease, match="was valid until"):
        refuse_old(release, MADE + 8 * DAY, MADE)
    with pytest.raises(OldRelease, match="yet to come"):
        refuse_old(release, MADE - 2 * DAY, 0)


# ---- indexes ------------------------------------------------------------------------------------

STANZA = """\
Package: {name}
Version: {version}
Architecture: amd64
{more}Filename: pool/main/{name}.deb
Size: 12
SHA256: {digest}
"""


def stanza(name: str, version: str = "1.0", digest: str = "ab" * 32, **fields: str) -> str:
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return STANZA.format(name=name, version=version, digest=digest, more=more)


def index(*stanzas: str) -> Index:
    return Index("\n".join(stanzas).encode(), "bookworm")


def test_only_whole_names_are_found():
    found = index(stanza("libc6-dev"), stanza("libc6"), stanza("libc6", "2.0")).named("libc6")
    assert [one.version for one in found] == ["1.0", "2.0"]
    assert index(stanza("x", Description="Package: libc6")).named("libc6") == ()


def test_providers_are_found_by_the_whole_name():
    found = index(
        stanza("mawk", Provides="awk"),
        stanza("gawk", Provides="gnu-awk, awk (= 5.0)"),
        stanza("other", Provides="awkward"),
    )
    assert [one.name for one in found.providing("awk")] == ["mawk", "gawk"]


@pytest.mark.parametrize(
    "bad",
    [
        stanza("x", digest="00"),
        stanza("x").replace("pool/", "../"),
        stanza("x").replace("pool/", "/etc/"),
        stanza("x").replace("Size: 12", "Size: many"),
        stanza("x").replace("Version: 1.0\n", ""),
    ],
)
def test_a_stanza_that_nobody_can_follow_is_refused(bad: str):
    with pytest.raises(WrongBytes):
        index(bad).named("x")


# ---- versions and relations ---------------------------------------------------------------------

ORDERED = (
    "1.0~rc1", "1.0~rc1+b1", "1.0", "1.0-1~deb12u1", "1.0-1", "1.0-1+deb12u2", "1.0-1+deb12u10",
    "1.0a", "1.0+", "1.0+b1", "1.2", "1.10", "2:0.1", "10:0",
)  # fmt: skip


def test_versions_are_ordered_as_policy_says():
    for number, older in enumerate(ORDERED):
        assert compare(older, older) == 0
        for newer in ORDERED[number + 1 :]:
            assert compare(older, newer) < 0 < compare(newer, older), (older, newer)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0-0"), ("0:1", "1"), ("1.00", "1.0")])
def test_versions_that_are_the_same(one: str, other: str):
    assert compare(one, other) == 0


def test_relations():
    assert satisfies("2.36-9", ">=", "2.36")
    assert not satisfies("2.36-9", ">>", "2.36-9")
    ((first, second), (third,)) = parse("debconf (>= 0.5) | debconf-2.0, libc6:any")
    assert (str(first), str(second), str(third)) == ("debconf (>= 0.5)", "debconf-2.0", "libc6")
    with pytest.raises(UnknownPackage):
        parse("libc6 (2.36)")


def names(packages: Iterable[Candidate]) -> list[str]:
    return [one.name for one in packages]


def test_dependencies_come_along_once_in_circles_too():
    archive = index(
        stanza("app", Depends="liba, libb (>= 1.0)", Pre_Depends="dpkg-ish"),
        stanza("liba", Depends="libb"),
        stanza("libb", Depends="liba, app"),
        stanza("dpkg-ish"),
    )
    assert names(resolve((), ("app",), archive)) == ["app", "dpkg-ish", "liba", "libb"]


def test_alternatives_and_provides():
    archive = index(
        stanza("app", Depends="gone | virtual (>= 2), awk"),
        stanza("old", Provides="virtual (= 1.0)"),
        stanza("good", Provides="virtual (= 2.1)"),
        stanza("mawk", Provides="awk"),
    )
    assert names(resolve((), ("app",), archive)) == ["app", "good", "mawk"]


def test_what_is_there_is_not_followed_and_counts():
    archive = index(stanza("base", Depends="gone"), stanza("app", Depends="base"))
    present = archive.named("base")
    assert names(resolve(present, ("app",), archive)) == ["base", "app"]


def test_everything_that_is_missing_is_told_at_once():
    archive = index(
        stanza("app", Depends="gone, old (>= 2), fine"),
        stanza("old"),
        stanza("fine", Conflicts="app"),
    )
    with pytest.raises(UnknownPackage) as caught:
        resolve((), ("app",), archive)
    for words in ("needs gone", "needs old (>= 2)", "fine 1.0 conflicts with app 1.0"):
        assert words in caught.value.message
    with pytest.raises(UnknownPackage, match="no package nothing"):
        named("nothing", archive)


def test_the_newest_version_is_taken():
    archive = index(stanza("xx", "1.9"), stanza("xx", "1.10"), stanza("xx", "1.10~rc1"))
    assert named("xx", archive).version == "1.10"


# ---- orders -------------------------------------------------------------------------------------


def test_names_of_bases():
    platform = Platform("linux", "arm64")
    order = parse_order("cc-debian12:debug-nonroot", "debian13", platform)
    assert order == Order("cc", "debian12", "debug-nonroot", platform)
    assert order.key == "debian12/arm64/cc-debug"
    assert "busybox-static" in packages_of(order)
    assert parse_order("base-nossl", "debian13", platform).name == "base-nossl-debian13:latest"
    assert parse_order("alpine:3.20", "debian13", platform) is None
    assert parse_order("base:1", "debian13", platform) is None
