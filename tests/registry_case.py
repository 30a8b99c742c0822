"""Debian's docker-registry for the time of a test: its address, and what it was asked."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layer_samples import small_tree
from whit.model.image import Compression, Image
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.oci.assemble import assemble
from whit.oci.graph import index_of, joined
from whit.store.blobs import Store

# bcrypt of "open-sesame", as htpasswd -B writes it.
HTPASSWD = "me:$2b$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO\n"
REQUEST = re.compile(r'"([A-Z]+) (/v2/\S*) HTTP/[0-9.]+" ([0-9]{3})')


class Registry:
    """A running registry. `host` is what stands before a repository."""

    def __init__(self, host: str, log: Path, root: Path) -> None:
        self.host, self.root = host, root
        self._log = log
        self._seen = 0

    def requests(self) -> list[tuple[str, str, int]]:
        """Method, path and status of what was asked since the last call."""
        time.sleep(0.05)  # the log is written after the answer
        found = REQUEST.findall(self._log.read_text(errors="replace"))
        new, self._seen = found[self._seen :], len(found)
        return [(method, path, int(status)) for method, path, status in new]


@contextmanager
def registry(place: Path, http: str = "", auth: str = "") -> Iterator[Registry]:
    """Start one at a free port; `http` and `auth` are lines of its configuration."""
    place.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, log = place / "config.yml", place / "log"
    config.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {place}/data}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'{http}}}\n"
        "log: {level: error}\n" + auth
    )
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield Registry(f"127.0.0.1:{port}", log, place / "data")
    finally:
        process.kill()
        process.wait()


def whit(*words: str, cwd: Path | None = None, status: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "whit.cli.entry", *words],
        capture_output=True, text=True, check=False, timeout=120, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout.strip(), done.stderr


def images(store: Store) -> tuple[Image, ...]:
    """The same program for two platforms, in the store as one index `multi:1`."""
    made = []
    for name in ("amd64", "arm64"):
        layers = (
            store.write_layer(small_tree(b"shared\n"), Compression()),
            store.write_layer(small_tree(name.encode()), Compression()),
        )
        made.append(assemble(layers, RunConfig(Platform("linux", name), entrypoint=("/app",))))
    for image in made:
        store.put(image.config)
    store.add_content(joined(index_of(tuple(made), {}), tuple(made)), ("multi:1",))
    return tuple(made)
