"""Stand-ins for base images that no test can pull, made of Debian's busybox and a Go release.

`alpine` is busybox with its links and the files that every distribution has; `golang` is the same
with Go in /usr/local/go, as the official image has it.
"""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import msgspec

from layer_samples import keep
from whit.layer.difference import difference
from whit.layer.stack import Stack
from whit.model.image import MEDIA_CONFIG, MEDIA_MANIFEST, Compression, Format, Image
from whit.model.names import Platform, digest_of
from whit.oci.documents import Config, Descriptor, History, Manifest, RootFs, RunDocument, encode
from whit.store.blobs import Store

_PASSWD = """root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/sbin/nologin
app:x:1000:1001:app:/home/app:/bin/sh
"""
_GROUP = "root:x:0:root\nnobody:x:65534:\napp:x:1001:\nwheel:x:10:app\n"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def busybox() -> str:
    return shutil.which("busybox") or ""


def make_alpine(root: Path) -> None:
    """The files of a small distribution below `root`."""
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "etc", "root", "tmp",
                 "var", "home/app", "lib"):  # fmt: skip
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox(), root / "bin/busybox")
    applets = subprocess.run([busybox(), "--list"], capture_output=True, text=True, check=True)
    for name in applets.stdout.split():
        if name != "busybox" and not (root / "bin" / name).exists():
            (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text(_PASSWD)
    (root / "etc/group").write_text(_GROUP)
    (root / "etc/os-release").write_text('ID=alpine\nNAME="Alpine Linux"\nVERSION_ID=3.0.0\n')
    (root / "tmp").chmod(stat.S_ISVTX | 0o777)
    os.chown(root / "home/app", 1000, 1001)


def add_image(store: Store, root: Path, config: RunDocument, *names: str) -> Image:
    """The tree at `root` as an image of one layer, under `names`."""
    tree = difference(str(root), Stack(())).tree
    layer = store.write_layer(tree, Compression(Format.NONE))
    platform = Platform("linux", "amd64")
    config_bytes = encode(
        Config(
            architecture=platform.architecture,
            os=platform.os,
            created="2024-01-01T00:00:00Z",
            config=config,
            rootfs=RootFs("layers", (layer.diff_id,)),
            history=(History("2024-01-01T00:00:00Z", "ADD rootfs.tar / # buildkit"),),
        )
    )
    manifest = encode(
        Manifest(
            schema_version=2,
            media_type=MEDIA_MANIFEST,
            config=Descriptor(MEDIA_CONFIG, digest_of(config_bytes), len(config_bytes)),
            layers=(Descriptor(layer.media_type, layer.digest, layer.size),),
        )
    )
    image = Image(
        platform, manifest, digest_of(manifest), config_bytes, digest_of(config_bytes), (layer,)
    )
    keep(store, image, names)
    return image


def alpine_config(**more: object) -> RunDocument:
    plain = RunDocument(env=(f"PATH={PATH}",), cmd=("/bin/sh",), working_dir="/")
    return msgspec.structs.replace(plain, **more)


def golang_config() -> RunDocument:
    env = (
        f"PATH=/go/bin:/usr/local/go/bin:{PATH}",
        "GOLANG_VERSION=1.21.13",
        "GOTOOLCHAIN=local",
        "GOPATH=/go",
    )
    return alpine_config(env=env, working_dir="/go")


def make_golang(root: Path, goroot: Path) -> None:
    """`make_alpine` and Go. The files are linked, not copied: a release has 200 MB."""
    make_alpine(root)
    shutil.copytree(goroot, root / "usr/local/go", copy_function=_link, symlinks=True)
    (root / "go/bin").mkdir(parents=True)
    (root / "go/src").mkdir()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
