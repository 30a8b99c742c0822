import msgspec
import pytest

from whit.errors.sandbox import BadRunOption
from whit.sandbox.document import IdMapping
from whit.sandbox.spec import (
    CAPABILITIES,
    Account,
    HostFacts,
    IdRange,
    Limits,
    Mount,
    Network,
    Port,
    RunRequest,
    mappings_of,
    network_of,
    parse_mount,
    parse_port,
    runtime_bytes,
    runtime_document,
)

ROOT = HostFacts()
RANGES = (IdRange(100000, 65536),)
USER = HostFacts(1000, 1000, is_root=False, uid_ranges=RANGES, gid_ranges=RANGES)
ALONE = HostFacts(1000, 1000, is_root=False)


def test_bytes_are_the_same_each_time_and_in_the_runtimes_words() -> None:
    request = RunRequest(args=("/app",), rootfs="/r", account=Account(65532, 65532))
    data = runtime_bytes(runtime_document(request, ROOT))
    assert data == runtime_bytes(runtime_document(request, ROOT))
    document = msgspec.json.decode(data)
    assert document["ociVersion"] == "1.0.2"
    assert document["process"]["user"] == {"uid": 65532, "gid": 65532, "additionalGids": []}
    assert document["process"]["noNewPrivileges"] is True
    assert document["linux"]["maskedPaths"][0] == "/proc/acpi"


def test_root_has_dockers_capabilities_and_others_none_in_effect() -> None:
    root = runtime_document(RunRequest(args=("/app",)), ROOT).process
    assert root.capabilities
    assert root.capabilities.effective == root.capabilities.bounding == CAPABILITIES
    other = runtime_document(RunRequest(args=("/app",), account=Account(7, 7)), ROOT).process
    assert other.capabilities
    assert (other.capabilities.effective, other.capabilities.permitted) == ((), ())


def test_one_id_is_root_without_capabilities_unless_root_was_asked_for() -> None:
    asked = RunRequest(args=("/app",), account=Account(65532, 65532, (7,)))
    document = runtime_document(asked, ALONE)
    assert (document.process.user.uid, document.process.user.additional_gids) == (0, ())
    assert document.process.capabilities
    assert document.process.capabilities.bounding == ()
    assert document.linux.uid_mappings == (IdMapping(0, 1000, 1),)
    root = runtime_document(RunRequest(args=("/app",)), ALONE).process
    assert root.capabilities
    assert root.capabilities.effective == CAPABILITIES


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (0, [(0, 1000, 1), (1, 100000, 65536)]),
        (65536, [(0, 1000, 1), (1, 100000, 65536)]),
        (65537, [(0, 1000, 1), (1, 100000, 65535), (65537, 165535, 1)]),
        (1000700000, [(0, 1000, 1), (1, 100000, 65535), (1000700000, 165535, 1)]),
    ],
)
def test_mappings(wanted: int, expected: list[tuple[int, int, int]]) -> None:
    found = mappings_of(1000, RANGES, wanted)
    assert [(part.container, part.host, part.size) for part in found] == expected


def test_a_range_of_one_is_given_whole() -> None:
    found = mappings_of(5, (IdRange(9, 1),), 77)
    assert [(part.container, part.host) for part in found] == [(0, 5), (77, 9)]


def test_networks_and_namespaces() -> None:
    def kinds(network: Network, host: HostFacts) -> set[str]:
        request = RunRequest(args=("/app",), network=network)
        return {n.type for n in runtime_document(request, host).linux.namespaces}

    assert kinds(Network.HOST, ROOT) == {"pid", "ipc", "uts", "mount"}
    assert kinds(Network.PRIVATE, ROOT) - kinds(Network.HOST, ROOT) == {"network"}
    assert kinds(Network.HOST, USER) - kinds(Network.HOST, ROOT) == {"user"}


def test_sys_is_bound_where_it_cannot_be_mounted() -> None:
    def source(network: Network, host: HostFacts) -> str:
        document = runtime_document(RunRequest(args=("/app",), network=network), host)
        return next(m.type for m in document.mounts if m.destination == "/sys")

    assert source(Network.HOST, USER) == "none"
    assert source(Network.NONE, USER) == "sysfs"
    assert source(Network.HOST, ROOT) == "sysfs"


def test_limits_reach_the_document_only_with_cgroups() -> None:
    request = RunRequest(args=("/app",), limits=Limits(memory_bytes=1 << 20, pids=9))
    assert runtime_document(request, ROOT).linux.resources is None
    limited = runtime_document(request, HostFacts(has_cgroup_limits=True)).linux.resources
    assert limited
    assert limited.memory
    assert (limited.memory.limit, limited.pids and limited.pids.limit) == (1 << 20, 9)
    assert limited.devices[0].allow is False


def test_the_users_mounts_come_after_our_own() -> None:
    request = RunRequest(args=("/app",), mounts=(Mount("/h", "/etc/x", read_only=True),))
    mounts = runtime_document(request, ROOT, (Mount("/w/hosts", "/etc/hosts"),)).mounts
    assert [m.destination for m in mounts[-2:]] == ["/etc/hosts", "/etc/x"]
    assert "ro" in mounts[-1].options


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8080", Port(8080, 8080)),
        ("8080:80", Port(8080, 80)),
        ("8080:80/tcp", Port(8080, 80)),
        ("127.0.0.1:8080:80", Port(8080, 80, "127.0.0.1")),
        ("[::1]:8080:80", Port(8080, 80, "::1")),
    ],
)
def test_ports(text: str, port: Port) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize(
    "text", ["", "x", "0", "80:", ":80:", "65536", "80/udp", "80:x", "²:80", ":1:2"]
)
def test_bad_ports(text: str) -> None:
    with pytest.raises(BadRunOption):
        parse_port(text)


def test_mounts() -> None:
    assert parse_mount("/a:/b", "/here") == Mount("/a", "/b")
    assert parse_mount("site:/b:ro", "/here") == Mount("/here/site", "/b", read_only=True)
    for text in ("/a", "/a:b", ":/b", "/a:/b:huh", "/a:/b:ro:x", ""):
        with pytest.raises(BadRunOption):
            parse_mount(text, "/here")


def test_network_words() -> None:
    ports = (Port(1, 1),)
    assert network_of("", ()) is Network.HOST
    assert network_of("", ports) is Network.PRIVATE
    assert network_of("host", ports) is Network.HOST
    for asked, wanted in (("bridge", ()), ("none", ports)):
        with pytest.raises(BadRunOption):
            network_of(asked, wanted)
