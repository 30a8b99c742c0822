"""A registry in memory that can be told to misbehave: the distribution API on a thread.

Faults are functions from a request to None (behave) or to what to do instead; each request is
kept with its headers, so that tests can count and look.
"""

import hashlib
import io
import json
import random
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Request:
    """One request as it came."""

    def __init__(self, method: str, target: str, headers: dict[str, str]) -> None:
        self.method, self.target, self.headers = method, target, headers
        self.path = urlsplit(target).path
        self.query = {key: value[0] for key, value in parse_qs(urlsplit(target).query).items()}
        self.body_bytes = 0


class Reply:
    """What to answer. `cut` bytes of the body are sent and then the connection ends; after `hold`
    bytes it says nothing for a second.
    """

    def __init__(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"",
        *, cut: int | None = None, hold: int | None = None, stall_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        self.status, self.headers, self.body = status, headers or {}, body
        self.cut, self.hold, self.stall_seconds = cut, hold, stall_seconds


class Drop:
    """End the connection without a word, after reading `after` bytes of the body."""

    def __init__(self, after: int = 0) -> None:
        self.after = after


Fault = Callable[[Request], Reply | Drop | None]


class Hostile:
    """The state of the registry, and its faults."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.mounts = True
        self.host = ""
        self._lock = threading.Lock()
        self._number = 0

    def count(self, method: str = "", part: str = "") -> int:
        return sum(
            1 for one in self.requests if one.method.startswith(method) and part in one.target
        )

    def upload(self) -> str:
        with self._lock:
            self._number += 1
            self.uploads[str(self._number)] = bytearray()
            return str(self._number)

    def put_image(self, repository: str, tag: str, layers: tuple[bytes, ...] = ()) -> str:
        """Place an image of uncompressed layers; the digest of its manifest."""
        layers = layers or (tar_of(b"layer"),)
        diff_ids = [digest(layer) for layer in layers]
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
        for data in (config, *layers):
            self.blobs[repository, digest(data)] = data
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": digest(config),
                    "size": len(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar",
                        "digest": digest(layer),
                        "size": len(layer),
                    }
                    for layer in layers
                ],
            }
        ).encode()
        for name in (tag, digest(manifest)):
            self.manifests[repository, name] = (MANIFEST, manifest)
        return digest(manifest)


def tar_of(data: bytes) -> bytes:
    """A layer with one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo("data")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def once(fault: Fault) -> Fault:
    """A fault that happens a single time."""
    done: list[bool] = []

    def first(request: Request) -> Reply | Drop | None:
        if done:
            return None
        answer = fault(request)
        if answer is not None:
            done.append(True)
        return answer

    return first


def sometimes(share: float, seed: int) -> Fault:
    """Drop this share of all requests, always the same ones."""
    source = random.Random(seed)
    return lambda _: Drop() if source.random() < share else None


def when(method: str, part: str, answer: Reply | Drop) -> Fault:
    return lambda r: answer if r.method == method and part in r.target else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hostile: Hostile

    def log_message(self, *_: object) -> None:
        """The requests are kept instead."""

    def handle_any(self) -> None:
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        self.hostile.requests.append(request)
        answer: Reply | Drop | None = None
        for fault in self.hostile.faults:
            answer = fault(request)
            if answer is not None:
                break
        size = int(self.headers.get("Content-Length") or 0)
        if isinstance(answer, Drop):
            got = self.rfile.read(min(size, answer.after))
            request.body_bytes = len(got)
            self._keep(request, got)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = self.rfile.read(size) if size else b""
        request.body_bytes = len(body)
        self._send(answer or self._behave(request, body))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815

    def _keep(self, request: Request, got: bytes) -> None:
        name = request.path.rpartition("/")[2]
        if name in self.hostile.uploads:
            self.hostile.uploads[name] += got

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.stall_seconds)
        self.send_response(reply.status)
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            held = len(reply.body) if reply.hold is None else reply.hold
            self.wfile.write((reply.body if reply.cut is None else reply.body[: reply.cut])[:held])
            if reply.hold is not None:
                self.wfile.flush()
                time.sleep(1.0 if held < len(reply.body) else 0.0)
                self.close_connection = True
        if reply.cut is not None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def _behave(self, request: Request, body: bytes) -> Reply:
        parts = request.path.removeprefix("/v2/")
        if not parts:
            return Reply(200, body=b"{}")
        for word, act in (
            ("/manifests/", self._manifest),
            ("/blobs/uploads/", self._upload),
            ("/blobs/", self._blob),
        ):
            repository, found, name = parts.partition(word)
            if found:
                return act(request, repository, name, body)
        return Reply(404)

    def _manifest(self, request: Request, repository: str, name: str, body: bytes) -> Reply:
        state = self.hostile
        if request.method == "PUT":
            for blob in json.loads(body).get("layers", []):
                if (repository, blob["digest"]) not in state.blobs:
                    return _refused(400, "MANIFEST_BLOB_UNKNOWN")
            kind = request.headers.get("content-type", "")
            for key in (name, digest(body)):
                state.manifests[repository, key] = (kind, body)
            return Reply(201, {"Docker-Content-Digest": digest(body), "Location": "/x"})
        if (repository, name) not in state.manifests:
            return _refused(404, "MANIFEST_UNKNOWN")
        kind, data = state.manifests[repository, name]
        return Reply(200, {"Content-Type": kind, "Docker-Content-Digest": digest(data)}, data)

    def _blob(self, request: Request, repository: str, name: str, _: bytes) -> Reply:
        data = self.hostile.blobs.get((repository, name))
        if data is None:
            return _refused(404, "BLOB_UNKNOWN")
        span = request.headers.get("range", "")
        if span:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            where = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return Reply(206, {"Content-Range": where}, data[start:])
        return Reply(200, body=data)

    def _upload(self, request: Request, repository: str, name: str, body: bytes) -> Reply:
        state = self.hostile
        if request.method == "POST":
            mounted = request.query.get("mount", "")
            held = state.blobs.get((request.query.get("from", ""), mounted))
            if state.mounts and held is not None:
                state.blobs[repository, mounted] = held
                return Reply(201, {"Location": "/x"})
            number = state.upload()
            return Reply(202, {"Location": f"/v2/{repository}/blobs/uploads/{number}"})
        if name not in state.uploads:
            return _refused(404, "BLOB_UPLOAD_UNKNOWN")
        have = state.uploads[name]
        place = {"Location": request.path, "Range": f"0-{max(len(have) - 1, 0)}"}
        if request.method == "GET":
            return Reply(204, place)
        have += body
        if request.method == "PATCH":
            return Reply(202, {**place, "Range": f"0-{max(len(have) - 1, 0)}"})
        del state.uploads[name]
        if digest(bytes(have)) != request.query.get("digest"):
            return _refused(400, "DIGEST_INVALID")
        state.blobs[repository, digest(bytes(have))] = bytes(have)
        return Reply(201, {"Location": "/x"})


def _refused(status: int, code: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": f"the words of {code}"}]}).encode()
    return Reply(status, {"Content-Type": "application/json"}, body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is part of the tests."""


@contextmanager
def hostile_registry() -> Iterator[Hostile]:
    state = Hostile()
    handler = type("Handler", (_Handler,), {"hostile": state})
    server = _Server(("127.0.0.1", 0), handler)
    state.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
