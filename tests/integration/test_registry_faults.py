"""Push and pull through every kind of fault: the right error or success, and nothing half done."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile_registry import (
    MANIFEST,
    Drop,
    Fault,
    Hostile,
    Reply,
    Request,
    digest,
    hostile_registry,
    once,
    sometimes,
    tar_of,
    when,
)
from layer_samples import keep
from registry_case import images
from whit.build.copy import copy, pull
from whit.build.ends import parse_end
from whit.build.events import Event, Finished, Warned, unheard
from whit.build.registries import Registries
from whit.errors import WhitError
from whit.errors.images import InvalidImage
from whit.errors.registry import (
    BadAnswer,
    BlobUnknown,
    NoSuchManifest,
    NotAuthorized,
    RegistryRefused,
    RegistryUnreachable,
    RegistryUntrusted,
    UnsupportedManifest,
)
from whit.model.registries import Patience, RegistrySettings
from whit.store.blobs import Store

QUICK = Patience(tries=8, first_wait_seconds=0.002, budget_seconds=5, stall_seconds=0.5)
LARGE = tar_of(bytes(range(256)) * 12_000)  # 3 MB: several reads


@pytest.fixture
def there() -> Iterator[Hostile]:
    with hostile_registry() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "own-store")
    yield opened
    opened.close()


def registries(patience: Patience = QUICK) -> Registries:
    return Registries({}, patience=patience, environment={})


def push(there: Hostile, store: Store, tag: str = "1", patience: Patience = QUICK) -> str:
    images(store)
    ends = parse_end("multi:1"), parse_end(f"{there.host}/app:{tag}")
    return copy(*ends, None, registries(patience), store, "/", unheard).digest


def get(there: Hostile, store: Store, patience: Patience = QUICK) -> str:
    content = pull(f"{there.host}/app:1", None, registries(patience), store)
    assert not store.check()
    return content.root.digest


# ---- pulling ------------------------------------------------------------------------------------


def test_a_pull_that_breaks_goes_on_where_it_broke(there: Hostile, store: Store):
    wanted = there.put_image("app", "1", (LARGE,))
    place = digest(LARGE)
    there.faults.append(
        once(lambda r: Reply(200, body=LARGE, cut=1_500_000) if place in r.target else None)
    )
    assert get(there, store) == wanted
    ranges = [r.headers["range"] for r in there.requests if "range" in r.headers]
    assert len(ranges) == 1
    assert int(ranges[0].removeprefix("bytes=").rstrip("-")) >= 1_000_000


def test_a_pull_that_ends_is_taken_up_by_the_next_process(there: Hostile, store: Store):
    wanted = there.put_image("app", "1", (LARGE,))
    place = digest(LARGE)
    there.faults.append(
        lambda r: (
            Reply(200, body=LARGE, cut=2_000_000)
            if place in r.target and "range" not in r.headers
            else (Drop() if place in r.target else None)
        )
    )
    with pytest.raises(WhitError):
        get(there, store)
    assert not store.images()
    there.faults.clear()
    there.requests.clear()
    assert get(there, store) == wanted
    assert there.requests[-1].headers["range"].startswith("bytes=") or any(
        "range" in r.headers for r in there.requests
    )


def test_a_registry_that_forgets_ranges_is_asked_from_the_start(there: Hostile, store: Store):
    wanted = there.put_image("app", "1", (LARGE,))
    place = digest(LARGE)
    there.faults += [
        once(lambda r: Reply(200, body=LARGE, cut=2_000_000) if place in r.target else None),
        lambda r: Reply(200, body=LARGE) if place in r.target else None,
    ]
    assert get(there, store) == wanted


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"x" * len(LARGE), "other bytes"), (LARGE + b"x", "more than"), (LARGE[:-1] + b"!", "other")],
    ids=["other bytes", "too many", "one byte"],
)
def test_wrong_bytes_are_refused_and_not_kept(there: Hostile, store: Store, body: bytes, said: str):
    there.put_image("app", "1", (LARGE,))
    there.faults.append(when("GET", digest(LARGE), Reply(200, body=body)))
    with pytest.raises(BadAnswer, match=f"^{there.host}/app.*{said}"):
        get(there, store)
    assert not store.has(digest(LARGE))  # type: ignore[arg-type]
    there.faults.clear()
    get(there, store)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(200, {"Content-Type": MANIFEST}, b"<html>"), InvalidImage),
        (Reply(200, {"Content-Type": MANIFEST}, b"[" * 100_000), InvalidImage),
        (Reply(200, {"Content-Type": MANIFEST}, b'{"schemaVersion":1,"fsLayers":[]}'),
         UnsupportedManifest),
        (Reply(200, {"Content-Type": MANIFEST},
               b'{"schemaVersion":2,"manifests":[],"layers":[]}'), InvalidImage),
        (Reply(200, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(b"other")},
               b'{"schemaVersion":2}'), BadAnswer),
        (Reply(200, {"Content-Type": MANIFEST}, b" " * (5 << 20)), BadAnswer),
        (Reply(301, {"Location": "ftp://somewhere/x"}), BadAnswer),
        (Reply(302, {"Location": "/v2/app/manifests/1"}), BadAnswer),
        (Reply(404), NoSuchManifest),
        (Reply(403), NotAuthorized),
        (Reply(401), BadAnswer),
        (Reply(401, {"WWW-Authenticate": "Negotiate"}), BadAnswer),
        (Reply(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/t"'}),
         RegistryUnreachable),
        (Reply(401, {"WWW-Authenticate": "Basic realm=x"}), NotAuthorized),
        (Reply(418), RegistryRefused),
        (Reply(503), RegistryUnreachable),
        (Drop(), RegistryUnreachable),
    ],
    ids=["html", "nested", "schema 1", "confused", "lying digest", "huge", "ftp", "redirects",
         "404", "403", "401 bare", "401 unknown", "401 dead realm", "401 basic", "418", "503",
         "gone"],
)  # fmt: skip
def test_answers_that_are_none(
    there: Hostile, store: Store, reply: Reply | Drop, error: type[WhitError]
):
    there.put_image("app", "1")
    there.faults.append(when("GET", "/manifests/", reply))
    with pytest.raises(error) as caught:
        get(there, store, Patience(tries=3, first_wait_seconds=0.001, stall_seconds=0.5))
    assert caught.value.hint
    assert not store.images()


def test_a_registry_that_stalls_is_given_up(there: Hostile, store: Store):
    there.put_image("app", "1")
    there.faults.append(when("GET", "/manifests/", Reply(200, stall_seconds=1.0)))
    begun = time.monotonic()
    with pytest.raises(RegistryUnreachable):
        get(there, store, Patience(tries=2, first_wait_seconds=0.001, stall_seconds=0.2))
    assert time.monotonic() - begun < 5


def test_a_silent_registry_is_asked_twice_and_each_reason_is_told_once(
    there: Hostile, store: Store
):
    there.put_image("app", "1")
    heard: list[Event] = []
    known = Registries({}, patience=QUICK, environment={}, listen=heard.append)
    silent = when("GET", "/manifests/", Reply(200, stall_seconds=1.0))
    for fault, requests in ((silent, 2), (when("GET", "/manifests/", Reply(503)), 8)):
        there.faults[:], there.requests[:] = [fault], []
        heard.clear()
        with pytest.raises(RegistryUnreachable, match=f"{requests} tries"):
            pull(f"{there.host}/app:1", None, known, store)
        assert len(there.requests) == requests
        (warned,) = heard
        assert isinstance(warned, Warned)
        assert there.host in warned.message
        assert "trying again" in warned.message


def test_a_slow_blob_that_gets_on_is_worth_more_tries(there: Hostile, store: Store):
    """Each answer brings 1.5 MB and then nothing."""
    wanted = there.put_image("app", "1", (LARGE,))

    def slow(request: Request) -> Reply | None:
        if digest(LARGE) not in request.target:
            return None
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        return Reply(206 if start else 200, body=LARGE[start:], hold=1_500_000)

    there.faults.append(slow)
    patience = Patience(tries=8, first_wait_seconds=0.001, budget_seconds=5, stall_seconds=0.3)
    assert get(there, store, patience) == wanted
    assert there.count("GET", digest(LARGE)) > 2


def test_mirrors_that_were_asked_are_named(there: Hostile, store: Store):
    settings = {there.host: RegistrySettings(mirrors=("127.0.0.1:1", f"{there.host}/cache"))}
    known = Registries(settings, patience=QUICK, environment={})
    with pytest.raises(NoSuchManifest) as caught:
        pull(f"{there.host}/app:1", None, known, store)
    said = caught.value.output or ""
    assert "mirror: 127.0.0.1:1 cannot be reached" in said
    assert f"mirror: {there.host} has no cache/app:1" in said


def test_what_is_no_manifest_is_named_with_its_type(there: Hostile, store: Store):
    there.faults.append(
        when("GET", "/manifests/", Reply(200, {"Content-Type": "text/html; x=y"}, b"<html>log in"))
    )
    with pytest.raises(InvalidImage, match=f"{there.host}/app:1 came as text/html: "):
        get(there, store)


def test_a_tag_that_moves_gives_one_image(there: Hostile, store: Store):
    first = there.put_image("app", "1", (tar_of(b"first"),))

    def move(request: object) -> None:
        if there.count("GET", "/blobs/") == 1:
            there.put_image("app", "1", (tar_of(b"second"),))

    there.faults.append(move)
    assert get(there, store) == first


def test_credentials_do_not_follow_a_redirect(there: Hostile, store: Store, tmp_path: Path):
    wanted = there.put_image("app", "1", (LARGE,))
    home = tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    (home / ".docker" / "config.json").write_text(
        json.dumps({"auths": {there.host: {"auth": "bWU6c2VjcmV0LXdvcmQ="}}})
    )
    with hostile_registry() as elsewhere:
        elsewhere.blobs["app", digest(LARGE)] = LARGE
        target = f"http://{elsewhere.host}/v2/app/blobs/{digest(LARGE)}"
        there.faults += [
            lambda r: (
                Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
                if "authorization" not in r.headers
                else None
            ),
            when("GET", digest(LARGE), Reply(307, {"Location": target})),
        ]
        known = Registries({}, patience=QUICK, environment={"HOME": str(home)})
        assert pull(f"{there.host}/app:1", None, known, store).root.digest == wanted
        assert there.requests[-1].headers["authorization"].startswith("Basic ")
        assert elsewhere.requests
        assert all("authorization" not in r.headers for r in elsewhere.requests)


# ---- pushing ------------------------------------------------------------------------------------


def test_requests_of_a_push(there: Hostile, store: Store):
    push(there, store)
    assert there.count("POST") == 5
    assert there.count("PUT", "/blobs/") == 5
    there.requests.clear()
    push(there, store)
    assert [r.method for r in there.requests] == ["HEAD"]


def test_a_registry_without_mounts_gets_each_blob_once(there: Hostile, store: Store):
    there.mounts = False
    push(there, store)
    there.requests.clear()
    push(there, store, "2")
    assert there.count("PUT", "/blobs/") == 0


def test_an_upload_that_breaks_goes_on_where_it_broke(there: Hostile, store: Store):
    """The registry keeps what it got; only the rest is sent again."""
    from whit.model.image import Compression, Format
    from whit.model.names import Platform
    from whit.model.plan import RunConfig
    from whit.model.tree import Bytes, File, Tree
    from whit.oci.assemble import assemble

    layer = store.write_layer(Tree.of({"/d": File(Bytes(LARGE))}), Compression(Format.NONE))
    image = assemble((layer,), RunConfig(Platform("linux", "amd64"), entrypoint=("/d",)))
    keep(store, image, ("big:1",))
    there.faults.append(
        once(
            lambda r: (
                Drop(after=2_000_000)
                if r.method == "PUT" and int(r.headers.get("content-length", 0)) > 1_000_000
                else None
            )
        )
    )
    ends = parse_end("big:1"), parse_end(f"{there.host}/app:1")
    copy(*ends, None, registries(), store, "/", unheard)
    assert there.blobs["app", layer.digest]
    (patch,) = [r for r in there.requests if r.method == "PATCH"]
    assert patch.headers["content-range"] == f"2000000-{layer.size - 1}"
    assert patch.body_bytes == layer.size - 2_000_000


@pytest.mark.parametrize("seed", range(6))
def test_a_third_of_all_requests_is_lost(there: Hostile, store: Store, seed: int, tmp_path: Path):
    there.faults.append(sometimes(1 / 3, seed))
    patience = Patience(tries=25, first_wait_seconds=0.001, budget_seconds=30, stall_seconds=2)
    wanted = push(there, store, patience=patience)
    other = Store.open(tmp_path / "other")
    assert get(there, other, patience) == wanted
    other.close()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(429, {"Retry-After": "0"}),
        Reply(429, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}),
        Reply(503, {"Retry-After": "nonsense"}),
        Reply(502),
        Reply(408),
        Drop(),
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_a_failure_that_passes_is_waited_out(
    there: Hostile, store: Store, reply: Reply | Drop, method: str
):
    there.faults.append(once(when(method, "", reply)))
    wanted = push(there, store)
    assert there.manifests["app", "1"]
    assert get(there, store) == wanted


UNKNOWN = b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]}'


def test_a_blob_that_another_client_is_still_sending_is_asked_for_again(
    there: Hostile, store: Store
):
    there.faults.append(once(when("PUT", "/manifests/", Reply(400, {}, UNKNOWN))))
    wanted = push(there, store)
    assert get(there, store) == wanted


def test_a_blob_that_stays_unknown_is_said(there: Hostile, store: Store):
    there.faults.append(when("PUT", "/manifests/", Reply(400, {}, UNKNOWN)))
    with pytest.raises(BlobUnknown, match="400"):
        push(there, store)
    assert not there.manifests
    assert there.count("PUT", "/manifests/") < 10


def test_the_registry_says_how_long_to_wait(there: Hostile, store: Store):
    there.faults.append(once(when("HEAD", "", Reply(429, {"Retry-After": "1"}))))
    begun = time.monotonic()
    push(there, store)
    assert time.monotonic() - begun >= 1


def test_patience_has_a_budget(there: Hostile, store: Store):
    there.faults.append(when("POST", "", Reply(429, {"Retry-After": "100000"})))
    begun = time.monotonic()
    with pytest.raises(RegistryUnreachable) as caught:
        push(there, store)
    assert time.monotonic() - begun < 5
    assert "limits how often" in (caught.value.hint or "")
    assert "left alone for 100000 seconds" in caught.value.message


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            when("POST", "", Reply(307, {"Location": "https://b.example/x?sig=secret"})),
            "answers 307 to POST /v2/app/blobs/uploads/, which leads to https://b.example/x$",
        ),
        (
            when("PUT", "/manifests/", Reply(201, {"Docker-Content-Digest": digest(b"x")})),
            f"was given the manifest sha256:.* and says it keeps {digest(b'x')}$",
        ),
    ],
)
def test_answers_to_a_push_are_told_as_such(there: Hostile, store: Store, fault: Fault, said: str):
    there.faults.append(fault)
    with pytest.raises(WhitError, match=said) as caught:
        push(there, store)
    assert "are above" not in (caught.value.hint or "")
    assert "nothing of it was kept" not in (caught.value.hint or "")


def test_an_unchanged_copy_asks_both_sides_once(there: Hostile, store: Store):
    push(there, store)
    with hostile_registry() as other:
        ends = parse_end(f"{there.host}/app:1"), parse_end(f"{other.host}/app:1")
        for total in (0, 2):
            heard: list[Event] = []
            there.requests.clear()
            other.requests.clear()
            copy(*ends, None, registries(), store, "/", heard.append)
            made = len(there.requests) + len(other.requests)
            (done,) = heard
            assert isinstance(done, Finished)
            assert f"{made} requests" in done.detail
            assert not total or made == total


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (when("POST", "", Reply(403)), NotAuthorized),
        (when("POST", "", Reply(202)), BadAnswer),
        (when("POST", "", Reply(202, {"Location": "https://127.0.0.1:1/x"})), RegistryUnreachable),
        (when("PUT", "/blobs/", Reply(413)), RegistryRefused),
        (when("PUT", "/manifests/", Reply(400)), RegistryRefused),
        (
            when("PUT", "/manifests/", Reply(201, {"Docker-Content-Digest": digest(b"x")})),
            BadAnswer,
        ),
    ],
)
def test_a_refused_push_leaves_no_tag(
    there: Hostile, store: Store, fault: object, error: type[WhitError]
):
    there.faults.append(fault)  # type: ignore[arg-type]
    with pytest.raises(error):
        push(there, store, patience=Patience(tries=2, first_wait_seconds=0.001, stall_seconds=0.5))
    assert ("app", "1") not in there.manifests
    there.faults.clear()
    push(there, store)
    assert ("app", "1") in there.manifests


def test_a_token_that_ends_halfway_is_renewed(
    there: Hostile, store: Store, monkeypatch: pytest.MonkeyPatch
):
    # One upload at a time, so that the count of uses decides and not the order of threads.
    monkeypatch.setattr("whit.registry.push.JOBS", 1)
    with hostile_registry() as tokens:
        given: list[str] = []

        def token(request: object) -> Reply:
            given.append(f"token-{len(given)}")
            return Reply(200, body=b'{"token":"%s"}' % given[-1].encode())

        tokens.faults.append(token)
        uses: dict[str, int] = {}

        def guard(request: object) -> Reply | None:
            said = request.headers.get("authorization", "")  # type: ignore[attr-defined]
            uses[said] = uses.get(said, 0) + 1
            if said == f"Bearer {given[-1] if given else ''}" and uses[said] <= 4:
                return None
            challenge = f'Bearer realm="http://{tokens.host}/token",service="here",scope="x"'
            return Reply(401, {"WWW-Authenticate": challenge})

        there.faults.append(guard)
        push(there, store)
        assert len(given) > 2
        query = tokens.requests[0].target
        assert "scope=repository%3Aapp%3Apull%2Cpush" in query
        assert "service=here" in query


def test_plain_http_elsewhere_is_refused(store: Store):
    there = Registries({}, patience=Patience(tries=1, connect_seconds=1), environment={})
    from whit.registry.transport import check_downgrade

    with pytest.raises(RegistryUntrusted):
        check_downgrade("https://registry.example/v2/", "http://registry.example/x")
    assert there.transport("registry.example:5000").origin() == "https://registry.example:5000"
