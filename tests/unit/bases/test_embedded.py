"""Providers: what they make is what Go reads, and what they refuse they refuse with a reason."""

import base64
import time
from pathlib import Path

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.bases.certificates import BEGIN, _certifi, _end_of, blocks_of, expiry_of, roots_of
from whit.bases.embedded import Embedded
from whit.bases.users import Owner, owner_of, users_of
from whit.bases.zones import zones_asked_by_program, zones_of
from whit.errors.needs import BadCertificates, BadUser, UnknownZone
from whit.model.plan import What
from whit.model.tree import Bytes, Dir, File, Link, Tree

NOW = 1_790_000_000
FAR = 4_000_000_000


def content(node: object) -> bytes:
    assert isinstance(node, File)
    assert isinstance(node.content, Bytes)
    return node.content.data


def test_the_bundle_holds_certificates_only():
    bundle = content(roots_of((), NOW).node).decode()
    assert bundle.count(BEGIN) == len(blocks_of(bundle)) > 100
    assert "#" not in bundle
    assert all(len(line) <= 64 for line in bundle.splitlines())


def test_expired_roots_are_left_out_and_counted():
    all_of_them, none = roots_of((), NOW), roots_of((), FAR)
    assert content(none.node) == b""
    assert "expired left out" in none.source
    assert len(content(all_of_them.node)) > 100_000


def test_ends_are_read_as_openssl_reads_them():
    _, place = _certifi()
    for block in blocks_of(Path(place).read_text()):
        assert _end_of(block) == time.strftime("%Y%m%d%H%M%S", time.gmtime(expiry_of(block)))


def test_certifi_is_found_as_it_says_itself():
    assert _certifi() == (certifi.__version__, certifi.where())


@given(st.binary(max_size=200))
def test_what_is_no_certificate_has_no_end(der: bytes):
    body = base64.b64encode(der).decode()
    assert _end_of(f"{BEGIN}\n{body}\n-----END CERTIFICATE-----\n") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no certificate"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "private key"),
        (f"{BEGIN}\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (f"{BEGIN}\nnever ends", "no certificate"),
        (f"{BEGIN}\nMII\u00e9\n-----END CERTIFICATE-----\n", "cannot be read"),
    ],
)
def test_files_that_hold_no_usable_certificate_are_refused(tmp_path: Path, text: str, said: str):
    place = tmp_path / "extra.pem"
    place.write_text(text)
    with pytest.raises(BadCertificates, match=said) as caught:
        roots_of((str(place),), NOW)
    assert "MIIB" not in str(caught.value)


def test_a_path_that_no_file_can_have_is_refused():
    with pytest.raises(BadCertificates, match="cannot be read"):
        roots_of(("/tmp/\0.pem",), NOW)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadCertificates, match=r"nowhere\.pem"):
        roots_of((str(tmp_path / "nowhere.pem"),), NOW)


def test_one_zone_is_one_small_file():
    (zone,) = zones_of(("Europe/Rome",))
    assert zone.path == "/usr/share/zoneinfo/Europe/Rome"
    assert content(zone.node).startswith(b"TZif")
    assert len(content(zone.node)) < 2000


def test_all_zones_make_a_tree_in_which_equal_ones_are_links():
    zones = zones_of(())
    tree = Tree.of({zone.path: zone.node for zone in zones})
    links = sum(isinstance(node, Link) for _, node in tree)
    assert len(zones) > 500
    assert links > 100
    assert not any("/right/" in path or path.endswith((".tab", ".py")) for path, _ in tree)


def test_a_zone_that_only_the_program_names_stops_no_build_and_brings_no_other():
    assert zones_asked_by_program(("Mars/Olympus",)) == ()
    assert zones_asked_by_program(("Europe/Rome", "Mars/Olympus")) == zones_of(("Europe/Rome",))
    assert zones_asked_by_program(("Europe/Rome",)) == zones_of(("Europe/Rome",))


@pytest.mark.parametrize(
    "name",
    [
        *("Europe/Roma", "../../etc/passwd", "/etc/passwd", "", "Europe", "right/UTC", "zone.tab"),
        *("Europe/Rome\0", "Europe/Rome\n", "Europe//Rome", "A" * 5000),
    ],
)
def test_a_zone_that_does_not_exist_is_refused(name: str):
    with pytest.raises(UnknownZone):
        zones_of((name,))


def test_users():
    passwd, group = users_of(owner_of("1000:2000"))
    assert b"\nuser:x:1000:2000:" in content(passwd.node)
    assert b"\nuser:x:2000:" in content(group.node)
    plain, _ = users_of(owner_of("65532:65532"))
    assert content(plain.node).count(b"\n") == 3


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("", Owner(0, 0)),
        ("nonroot", Owner(65532, 65532)),
        ("65532:65532", Owner(65532, 65532)),
        ("1000", Owner(1000, 0)),
        ("1000:nobody", Owner(1000, 65534)),
    ],
)
def test_owners(text: str, owner: Owner):
    assert owner_of(text) == owner


@pytest.mark.parametrize(
    ("said", "user"),
    [("root", "0:0"), ("nobody", "65534:65534"), ("1000:nobody", "1000:65534"), ("", "0:0"),
     ("1000", "1000"), ("1000:7", "1000:7")],
)  # fmt: skip
def test_an_image_names_its_user_in_numbers(said: str, user: str):
    assert owner_of(said).as_user(said) == user


@pytest.mark.parametrize("text", ["app", "-1", "4294967295", "1:x", "١", "1" * 5000])
def test_a_user_nobody_knows_is_refused(text: str):
    with pytest.raises(BadUser):
        owner_of(text)


def test_writable_directories_suit_an_arbitrary_user_in_group_0():
    embedded = Embedded(NOW, "1000:1000")
    (home,) = embedded.provide(What("home")) or ()
    assert home.node == Dir(mode=0o770, uid=1000, gid=0)
    (tmp,) = embedded.provide(What("tmp")) or ()
    assert tmp.node == Dir(mode=0o1777)
    assert embedded.provide(What("library", ("libc.so.6",))) is None
