"""A stand-in for the golang base image, made here: a shell and the Go on this machine.

    bin/busybox, bin/sh -> busybox     from Debian's busybox-static
    usr/local/go/                      GOROOT without its tests
    etc/passwd                         so that HOME is /root, where a cache mount is expected
    root/ tmp/                         for the build cache

Engines that cannot pull get it as a tar or as an OCI layout; both hold the same single layer.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from measure import Absent, Failed, output_of
from sources import go_program, go_version

REFERENCE = "localhost/golang:bench"
ENVIRONMENT = ("PATH=/usr/local/go/bin:/bin", "GOTOOLCHAIN=local")
GOROOT_PARTS = ("bin", "src", "pkg", "lib", "go.env", "VERSION")
PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"
FORMAT = 2  # counts the changes of what the image holds: a kept one is not an older one
APPLETS = ("sh", "cat", "ls", "mkdir")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class GolangImage:
    """`layout` is an OCI layout whose only image is tagged "bench"; `tar` is its layer."""

    layout: Path
    tar: Path
    digest: str


def golang_image(cache: Path) -> GolangImage:
    """The stand-in for the Go of this machine, made on first use and kept."""
    layout = cache / "golang" / f"{go_version()}-{FORMAT}"
    if not (layout / "index.json").exists():
        partial = layout.with_name(layout.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "blobs" / "sha256").mkdir(parents=True)
        _write_layout(partial, _busybox(cache))
        partial.rename(layout)
    index = json.loads((layout / "index.json").read_text())
    digest = index["manifests"][0]["digest"]
    manifest = json.loads(_blob_path(layout, digest).read_text())
    return GolangImage(layout, _blob_path(layout, manifest["layers"][0]["digest"]), digest)


def _busybox(cache: Path) -> Path:
    """A static busybox: the installed one, or the one in Debian's package, not installed."""
    installed = shutil.which("busybox")
    if installed and "dynamic" not in output_of(["file", "-L", installed]):
        return Path(installed)
    unpacked = cache / "busybox"
    if not (unpacked / "bin" / "busybox").exists():
        unpacked.mkdir(parents=True, exist_ok=True)
        try:
            output_of(["apt-get", "download", "-q", "busybox-static"], unpacked)
            package = next(unpacked.glob("busybox-static_*.deb"))
            output_of(["dpkg-deb", "-x", str(package), str(unpacked)])
        except (Failed, StopIteration) as failure:
            raise Absent(f"no shell for the golang image: {failure}") from failure
    return unpacked / "bin" / "busybox"


def _write_layout(layout: Path, busybox: Path) -> None:
    tar = layout / "layer.tar"
    _write_layer(tar, busybox)
    with tar.open("rb") as stream:
        diff_id = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
    tar.rename(_blob_path(layout, diff_id))
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    config = _write_blob(
        layout,
        {
            "architecture": machine,
            "os": "linux",
            "config": {"Env": list(ENVIRONMENT)},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            # buildah counts the steps that made layers, and refuses an image that names none.
            "history": [{"created_by": "bench"}],
        },
    )
    layer = {"digest": diff_id, "size": _blob_path(layout, diff_id).stat().st_size}
    manifest = _write_blob(
        layout,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **config},
            "layers": [{"mediaType": LAYER, **layer}],
        },
    )
    named = {"annotations": {"org.opencontainers.image.ref.name": "bench"}}
    index = {"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, **manifest, **named}]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def _write_layer(path: Path, busybox: Path) -> None:
    goroot = Path(go_program()).resolve().parent.parent
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode in (
            ("bin", 0o755),
            ("etc", 0o755),
            ("root", 0o700),
            ("tmp", 0o1777),
            ("usr/local", 0o755),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size = len(PASSWD)
        tar.addfile(passwd, io.BytesIO(PASSWD))
        tar.add(busybox, "bin/busybox", filter=_owned_by_root)
        for applet in APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
        for part in GOROOT_PARTS:
            if os.path.lexists(goroot / part):
                tar.add(goroot / part, f"usr/local/go/{part}", filter=_owned_by_root)


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _write_blob(layout: Path, document: dict[str, object]) -> dict[str, object]:
    content = json.dumps(document).encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    _blob_path(layout, digest).write_bytes(content)
    return {"digest": digest, "size": len(content)}


def _blob_path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
