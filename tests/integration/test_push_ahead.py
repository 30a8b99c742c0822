"""What a build asks of the registry before it works, and the work it is spared by the answer."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import make_certificates
from registry_case import HTPASSWD, Registry, registry, whit
from whit.build.house import open_house
from whit.store.blobs import Store

pytestmark = [pytest.mark.registry, pytest.mark.go]
HELLO = Path(__file__).parents[2] / "examples" / "hello"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path / "registry") as running:
        yield running


def test_the_registry_is_asked_while_go_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Go's tools do not start before the registry's log has the logged-in question for the tag."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}\n"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registry(tmp_path / "registry", auth=auth) as there:
        known = {"username": "me", "password": "open-sesame"}
        (tmp_path / "config.json").write_text(json.dumps({"auths": {there.host: known}}))
        waiting = tmp_path / "waiting"
        waiting.write_text(
            "#!/bin/sh\nn=0\n"
            f"until grep -q 'HEAD /v2/a/hello/manifests/1 .* 404' {tmp_path}/registry/log\n"
            'do n=$((n + 1)); [ $n -lt 600 ] || exit 1; sleep 0.1; done\nexec "$@"\n'
        )
        waiting.chmod(0o755)
        monkeypatch.setenv("GOFLAGS", f"-toolexec={waiting}")
        _, said = whit("build", ".", "-t", f"{there.host}/a/hello:1", "--push", cwd=HELLO)
        assert "2 blobs sent" in said
        asked = [(method, status) for method, _, status in there.requests()]
        assert asked[:2] == [("HEAD", 401), ("HEAD", 404)]
        assert asked.count(("HEAD", 404)) == 1


def test_what_the_registry_has_is_not_compressed(there: Registry, tmp_path: Path):
    """A store that only remembers, as after a prune or from a small cache of CI."""
    name = f"{there.host}/a/hello"
    out, _ = whit("build", ".", "-t", f"{name}:1", "--push", cwd=HELLO)
    digest = out.partition("@")[2]
    store = Store.open(open_house().store)
    layers = [layer.digest for layer in store.image(store.digest_of(f"{name}:1")).layers]
    shutil.rmtree(Path(store.directory, "blobs"))
    Path(store.directory, "index.json").unlink()
    there.requests()
    # Nothing changed: one question. A new tag: what it names is there. Another repository: mounted.
    for tag, asked in (("hello:1", 1), ("hello:2", 4), ("other:1", 4)):
        out, _ = whit("build", ".", "-t", f"{there.host}/a/{tag}", "--push", cwd=HELLO)
        assert out == f"{there.host}/a/{tag}@{digest}"
        assert len(there.requests()) == asked
        assert not any(store.has(layer) for layer in layers)
        assert not store.images()
        assert not store.check()
    # A registry that lacks it gets it, and so does the store.
    with registry(tmp_path / "another") as another:
        out, said = whit("build", ".", "-t", f"{another.host}/a/hello:1", "--push", cwd=HELLO)
        assert out.endswith(digest)
        assert "2 blobs sent" in said
    assert [one.name for one in store.images()] == [f"{another.host}/a/hello:1"]
    assert not store.check()
    # What runs here or goes elsewhere as well is written.
    shutil.rmtree(Path(store.directory, "blobs"))
    Path(store.directory, "index.json").unlink()
    whit("build", ".", "-t", f"{name}:1", "--push", "--to", f"oci:{tmp_path}/out", cwd=HELLO)
    assert all(store.has(layer) for layer in layers)
    store.close()
    assert os.path.exists(tmp_path / "out" / "index.json")


def test_an_unchanged_push_is_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Behind TLS and a password, with nothing imported that builds; it is asked every time."""
    make_certificates(tmp_path)
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}\n"
    tls = f", tls: {{certificate: {tmp_path}/server.pem, key: {tmp_path}/server.key}}"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    project = tmp_path / "project"
    shutil.copytree(HELLO, project)
    with registry(tmp_path / "registry", tls, auth) as there:
        known = json.dumps({"auths": {there.host: {"username": "me", "password": "open-sesame"}}})
        (tmp_path / "config.json").write_text(known)
        with (project / "whit.toml").open("a") as file:
            file.write(f'\n[registries."{there.host}"]\nca = "../ca.pem"\n')
        words = ("build", ".", "-t", f"{there.host}/a/hello:1", "--push")

        def build() -> tuple[str, str, list[str]]:
            time.sleep(0.05)  # what changed within one tick of the clock proves nothing
            there.requests()
            out, said = whit(*words, cwd=project)
            return out, said, [method for method, _, _ in there.requests()]

        first, said, asked = build()
        assert "2 blobs sent" in said
        out, said, asked = build()
        assert (out, asked) == (first, ["HEAD", "HEAD"])  # the first is answered by 401
        assert "nothing changed" in said
        assert "there already" in said
        # How it wants a login is known from then on.
        assert build()[2] == ["HEAD"]
        # The tag moves: all is built and pushed, and the next start finds it again.
        whit("build", ".", "-t", f"{there.host}/a/hello:1", "--push", "--user", "1:1", cwd=project)
        out, said, asked = build()
        assert out == first
        assert "nothing changed" not in said
        assert asked[-1] == "PUT"
        assert "nothing changed" in build()[1]
        # Without credentials it is no longer known, and the build says why.
        (tmp_path / "config.json").write_text("{}")
        assert "whit login" in whit(*words, cwd=project, status=3)[1]
        notes = "".join(one.read_text() for one in Path(os.environ["WHIT_CACHE"]).glob("unch*/*"))
        assert there.host in notes
        assert "sesame" not in notes
