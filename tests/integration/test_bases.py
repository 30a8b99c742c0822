"""`whit base` against a repository that is signed with a key of the test's own."""

import http.server
import json
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pysequoia import Tsk

from debian_case import DAY, NOW, Repository, entry, tree_of
from registry_case import whit
from whit.build.house import open_house
from whit.model.tree import Dir, File, Link


def test_a_base_holds_its_packages_and_what_scanners_read(project: Path):
    out, said = whit("base", "static", cwd=project)
    assert out.startswith("static-debian12:latest@sha256:")
    assert "netbase          6.4" in said
    nodes, config = tree_of(out.strip())
    assert nodes["/etc/services"].content.data == b"http 80/tcp\n"
    assert nodes["/etc/os-release"] == Link("../usr/lib/os-release")
    assert nodes["/usr/share/zoneinfo/Zulu"] == Link("/usr/share/zoneinfo/UTC", is_hard=True)
    assert nodes["/var/lib/dpkg/status.d/tzdata"].content.data.startswith(b"Package: tzdata\n")
    assert nodes["/etc/ssl/certs/ca-certificates.crt"].content.data == b"-- A --\n-- B --\n"
    assert nodes["/home/nonroot"] == Dir(0o770, 65532, 0)
    assert "/usr/sbin/update-ca-certificates" not in nodes
    assert all(node.mtime == 0 for node in nodes.values())
    assert not Path("/tmp/whit-was-here").exists()
    run = config.config
    assert (run.user, run.working_dir, run.entrypoint) == ("0", "/", None)
    assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in run.env


def test_variants(project: Path):
    out, _ = whit("base", "base-nossl", "--variant", "nonroot", cwd=project)
    nodes, config = tree_of(out.strip())
    assert (config.config.user, config.config.working_dir) == ("65532", "/home/nonroot")
    assert isinstance(nodes["/lib/x86_64-linux-gnu/libc.so.6"], File)


def test_a_locked_base_is_the_same_offline_and_on_another_day(
    repository: Repository, project: Path
):
    first, _ = whit("base", "static", cwd=project)
    repository.add("tzdata", "2026b")
    repository.publish(NOW)
    again, said = whit("base", "static", cwd=project)
    assert again == first
    assert "as " in said
    shutil.rmtree(repository.place / "dists")
    store = Path(open_house().store)
    shutil.rmtree(store)
    offline, _ = whit("base", "static", "--offline", "--frozen", cwd=project)
    assert offline == first


def test_update_says_what_changed_package_by_package(repository: Repository, project: Path):
    first, _ = whit("base", "static", cwd=project)
    repository.forget("tzdata")
    repository.add("tzdata", "2026b")
    repository.publish(NOW)
    out, _ = whit("base", "update", cwd=project)
    assert out == "debian12/amd64/static tzdata: 2026a -> 2026b"
    second, _ = whit("base", "static", "--frozen", cwd=project)
    assert second != first
    out, said = whit("base", "update", cwd=project)
    assert out == ""
    assert "nothing has changed" in said


def test_json_names_packages_and_signers(repository: Repository, project: Path):
    out, _ = whit("base", "static", "--json", cwd=project)
    document = json.loads(out)
    assert document["schema"] == "whit/base/v1"
    (image,) = document["images"]
    assert [one["name"] for one in image["packages"]] == [
        "base-files", "ca-certificates", "media-types", "netbase", "tzdata"
    ]  # fmt: skip
    (release,) = image["releases"]
    assert release["signedBy"] == [repository.key.extract_certificate().fingerprint.upper()]


def test_more_packages_come_with_what_they_need(repository: Repository, project: Path):
    repository.add("app", "1.0", Depends="liba (>= 1.0), netbase")
    repository.add("liba", "1.2", Depends="app | gone")
    repository.publish(NOW)
    out, _ = whit("base", "static", "--package", "app", cwd=project)
    nodes, _ = tree_of(out.strip())
    assert {"/usr/share/app", "/usr/share/liba", "/etc/services"} <= set(nodes)
    out, said = whit("base", "static", "--package", "nothing", cwd=project, status=1)
    assert "error[A007]: the archive has no package nothing" in said


def test_a_frozen_base_that_is_not_locked_is_refused(project: Path):
    _, said = whit("base", "static", "--frozen", cwd=project, status=1)
    assert "error[C007]" in said


# ---- what somebody changed ----------------------------------------------------------------------


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def tampered_release(r: Repository) -> None:
    change(r.place / "dists/bookworm/InRelease", b"Origin: Test", b"Origin: Best")


def tampered_index(r: Repository) -> None:
    path = r.place / "dists/bookworm/main/binary-amd64/Packages.xz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def tampered_package(r: Repository) -> None:
    change(r.place / "pool/main/n/netbase_6.4_amd64.deb", b"!<arch>\n", b"!<arch>!")


def shorter_package(r: Repository) -> None:
    path = r.place / "pool/main/n/netbase_6.4_amd64.deb"
    path.write_bytes(path.read_bytes()[:-2])


def longer_package(r: Repository) -> None:
    path = r.place / "pool/main/n/netbase_6.4_amd64.deb"
    path.write_bytes(path.read_bytes() + b"\n")


def missing_package(r: Repository) -> None:
    (r.place / "pool/main/n/netbase_6.4_amd64.deb").unlink()


def missing_release(r: Repository) -> None:
    (r.place / "dists/bookworm/InRelease").unlink()


def unlisted_package(r: Repository) -> None:
    r.forget("netbase")
    r.publish(NOW)


def junk_before(r: Repository) -> None:
    path = r.place / "dists/bookworm/InRelease"
    path.write_bytes(b"SHA256:\n" + path.read_bytes())


def junk_after(r: Repository) -> None:
    path = r.place / "dists/bookworm/InRelease"
    path.write_bytes(path.read_bytes() + b"Suite: evil\n")


def other_key(r: Repository) -> None:
    r.publish(NOW, key=Tsk.generate("somebody else"))


def other_suite(r: Repository) -> None:
    r.publish(NOW, codename="trixie")


def expired(r: Repository) -> None:
    r.publish(NOW - 9 * DAY, NOW - 2 * DAY)


def hostile_package(r: Repository) -> None:
    r.forget("netbase")
    r.add("netbase", "6.5", entry("./etc/../../root/.profile", b"evil"))
    r.publish(NOW)


def renamed_package(r: Repository) -> None:
    r.forget("netbase")
    data = (r.place / "pool/main/t/tzdata_2026a_amd64.deb").read_bytes()
    r.add("netbase", "6.4", data=data)
    r.publish(NOW)


@pytest.mark.parametrize(
    ("harm", "code", "status"),
    [
        (tampered_release, "A003", 1), (junk_before, "A003", 1), (junk_after, "A003", 1),
        (other_key, "A003", 1), (other_suite, "A003", 1), (expired, "A004", 1),
        (tampered_index, "A005", 1), (tampered_package, "A005", 1), (shorter_package, "A005", 1),
        (longer_package, "A005", 1), (missing_package, "A002", 3), (missing_release, "A002", 3),
        (unlisted_package, "A007", 1), (hostile_package, "A006", 1), (renamed_package, "A006", 1),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_what_was_changed_on_the_way_is_refused(
    repository: Repository,
    project: Path,
    harm: Callable[[Repository], None],
    code: str,
    status: int,
):
    harm(repository)
    _, said = whit("base", "static", cwd=project, status=status)
    assert f"error[{code}]" in said
    assert not (project / "whit.lock").exists()


def test_an_older_release_is_refused_until_it_is_asked_for(repository: Repository, project: Path):
    whit("base", "static", cwd=project)
    repository.publish(NOW - 3 * DAY)
    _, said = whit("base", "update", cwd=project, status=1)
    assert "error[A004]" in said
    # The cache remembers too, where there is no lock.
    (project / "whit.lock").unlink()
    _, said = whit("base", "static", cwd=project, status=1)
    assert "error[A004]" in said
    whit("base", "static", "--allow-old", cwd=project)


def test_without_a_mirror_the_error_says_how_to_name_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WHIT_BASE_MIRROR", "gopher://mirror.example/debian")
    _, said = whit("base", "static", cwd=project, status=1)
    assert "error[A001]" in said


def test_several_platforms_are_an_index(repository: Repository, project: Path):
    repository.machines = ("amd64", "arm64")
    repository.publish(NOW)
    words = ("base", "static", "--platform", "linux/amd64,linux/arm64")
    out, _ = whit(*words, "--to", "oci:layout", cwd=project)
    index = json.loads((project / "layout/index.json").read_text())["manifests"][0]
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert index["digest"] == out.partition("@")[2]
    document = (project / "layout/blobs/sha256" / index["digest"][7:]).read_text()
    platforms = [one["platform"]["architecture"] for one in json.loads(document)["manifests"]]
    assert platforms == ["amd64", "arm64"]
    locked = (project / "whit.lock").read_text()
    assert all(f'"debian12/{machine}/static"' in locked for machine in platforms)
    # A mirror that is in the middle of an update for one of them.
    (project / "whit.lock").unlink()
    shutil.rmtree(open_house().cache)
    for path in (repository.place / "dists/bookworm/main/binary-arm64").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    _, said = whit(*words, cwd=project, status=1)
    assert "error[A005]: bookworm for linux/arm64: " in said
    assert "or leave linux/arm64 out" in said


# ---- mirrors over HTTP --------------------------------------------------------------------------


@contextmanager
def served(
    place: Path, logins: list[tuple[str | None, str | None]] | None = None
) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    logins = [] if logins is None else logins

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            logins.append((self.headers["Authorization"], self.headers["Proxy-Authorization"]))
            # A proxy is asked for whole URLs.
            self.path = urlsplit(self.path).path
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(place))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_mirror_over_http_gives_the_same_base(repository: Repository, project: Path):
    first, _ = whit("base", "static", cwd=project)
    shutil.rmtree(open_house().cache)
    (project / "whit.lock").unlink()
    with served(repository.place) as (url, asked):
        again, _ = whit("base", "static", "--mirror", url, cwd=project)
        assert again == first
        assert "/dists/bookworm/InRelease" in asked
        asked.clear()
        whit("base", "static", "--mirror", url, cwd=project)
        assert asked == []


@pytest.mark.parametrize("way", ["environment", "apt"])
def test_a_mirror_is_asked_through_a_proxy(
    repository: Repository, project: Path, monkeypatch: pytest.MonkeyPatch, way: str
):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    logins: list[tuple[str | None, str | None]] = []
    with served(repository.place.parent, logins) as (url, asked):
        proxy = url.replace("http://", "http://me:se%40cret@")
        if way == "environment":
            monkeypatch.setenv("http_proxy", proxy)
        else:
            (project / "apt.conf").write_text(f'Acquire {{ http {{ Proxy "{proxy}"; }}; }};\n')
            monkeypatch.setenv("APT_CONFIG", str(project / "apt.conf"))
        mirror = "http://you:hidden@mirror.invalid/archive"
        _, said = whit("base", "static", "--mirror", mirror, cwd=project)
        assert "http://mirror.invalid/archive/dists/bookworm/InRelease" in asked
        basic = [f"Basic {b64encode(login).decode()}" for login in (b"you:hidden", b"me:se@cret")]
        assert set(logins) == {tuple(basic)}
        repository.place.joinpath("dists/bookworm/InRelease").unlink()
        _, more = whit("base", "update", "--mirror", mirror, cwd=project, status=3)
    assert "http://mirror.invalid/archive/dists/bookworm/InRelease answered 404" in more
    assert "hidden" not in said + more + (project / "whit.lock").read_text()


@pytest.mark.docker
def test_docker_runs_the_shell_of_a_debug_base(repository: Repository, project: Path):
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("no busybox")
    repository.add("busybox-static", "1.35",
                   entry("./bin/busybox", Path(program).read_bytes(), mode=0o755))  # fmt: skip
    repository.publish(NOW)
    whit("base", "static", "--variant", "debug", "-t", "whit-debug:1", "--to", "docker-daemon:",
         cwd=project)  # fmt: skip
    command = ["docker", "run", "--rm", "whit-debug:1", "-c", "cat /etc/services; id -u"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ran.stdout == "http 80/tcp\n0\n"
    finally:
        subprocess.run(["docker", "rmi", "-f", "whit-debug:1"], capture_output=True, check=False)
