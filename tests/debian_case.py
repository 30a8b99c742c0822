"""A signed Debian repository in a directory, made with a key that is thrown away."""

import hashlib
import io
import lzma
import subprocess
import tarfile
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from subprocess import PIPE

from pysequoia import SignatureMode, Tsk, sign

from whit.bases.debian.relations import named
from whit.bases.debian.sets import Order
from whit.build.base.assembling import package_files
from whit.build.base.call import opened
from whit.build.call import request_of
from whit.build.house import open_house
from whit.layer.read import read_layer
from whit.model.names import Platform
from whit.model.tree import Node
from whit.oci.documents import Config, decode
from whit.store.blobs import Store

DAY = 86_400
NOW = int(time.time())
Entry = tuple[tarfile.TarInfo, bytes]


def programs_of(wanted: dict[str, str], place: Path) -> list[Path]:
    """One file of each package of Debian's newest release, from where this host's apt takes its
    own: {package: path inside}. They are found and checked as those of a base.
    """
    house = open_house()
    request, store = request_of("", {}), Store.open(house.store)
    order = Order("static", request.settings.base.distro, "", Platform("linux", "amd64"))
    made = []
    try:
        with opened(request, house, store) as counter:
            with counter.archive(order) as archive:
                packages = tuple(named(name, archive) for name in wanted)
            files = package_files(packages, order, counter.kitchen)
            for (path, _), inside in zip(files, wanted.values(), strict=True):
                made.append(place / Path(inside).name)
                tar = ["dpkg-deb", "--fsys-tarfile", path]
                with made[-1].open("wb") as out, subprocess.Popen(tar, stdout=PIPE) as packed:
                    member = ["tar", "-xO", f".{inside}"]
                    subprocess.run(member, stdin=packed.stdout, stdout=out, check=True)
                made[-1].chmod(0o755)
    finally:
        store.close()
    return made


def member(name: str, data: bytes) -> bytes:
    """A member of an ar archive."""
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
    return head + data + b"\n" * (len(data) % 2)


def tar(*entries: Entry) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object) -> Entry:
    info = tarfile.TarInfo(name)
    info.type, info.mode = kind, 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def deb(
    control: str, *entries: Entry, pack: Callable[[bytes], bytes] = lzma.compress, ext: str = ".xz"
) -> bytes:
    """The bytes of a package."""
    head = tar(
        entry("./control", control.encode()),
        entry("./md5sums", b"d41d8cd98f00b204e9800998ecf8427e  usr/x\n"),
        entry("./postinst", b"#!/bin/sh\ntouch /tmp/whit-was-here\n", mode=0o755),
    )
    return (
        b"!<arch>\n"
        + member("debian-binary", b"2.0\n")
        + member("control.tar.xz", lzma.compress(head))
        + member(f"data.tar{ext}", pack(tar(*entries)))
    )


def control(name: str, version: str = "1.0", **fields: str) -> str:
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: somebody\n"
        f"{more}Description: {name}\n"
    )


class Repository:
    """`add` packages, then `publish`; what lies in the directory may be changed afterwards."""

    def __init__(self, place: Path, codename: str = "bookworm") -> None:
        self.place, self.codename = place, codename
        self.key = Tsk.generate("archive", validity_seconds=20 * 365 * 86_400)
        self.certificate = place / "archive.asc"
        place.mkdir(parents=True, exist_ok=True)
        self.certificate.write_text(str(self.key.extract_certificate()))
        self._stanzas: list[str] = []
        self.machines: tuple[str, ...] = ("amd64",)

    def add(
        self, name: str, version: str = "1.0", *entries: Entry, data: bytes = b"", **fields: str
    ):
        text = control(name, version, **fields)
        data = data or deb(text, *(entries or (entry(f"./usr/share/{name}", name.encode()),)))
        path = f"pool/main/{name[0]}/{name}_{version}_amd64.deb"
        file = self.place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        self._stanzas.append(f"{text}Filename: {path}\nSize: {len(data)}\nSHA256: {digest}\n")
        return file

    def forget(self, name: str) -> None:
        self._stanzas = [one for one in self._stanzas if not one.startswith(f"Package: {name}\n")]

    def publish(
        self, date: int, valid_until: int = 0, codename: str = "", key: Tsk | None = None
    ) -> Path:
        """Write indexes and InRelease; the latter's path."""
        suite = self.place / "dists" / self.codename
        lines = []
        for machine in self.machines:
            own = f"Package: of-{machine}\nVersion: 1\nArchitecture: {machine}\n"
            text = "\n".join((*self._stanzas, own)).encode()
            index = suite / f"main/binary-{machine}"
            index.mkdir(parents=True, exist_ok=True)
            for name, data in (("Packages", text), ("Packages.xz", lzma.compress(text))):
                (index / name).write_bytes(data)
                digest = hashlib.sha256(data).hexdigest()
                lines.append(f" {digest} {len(data)} main/binary-{machine}/{name}\n")
        until = f"Valid-Until: {_date(valid_until)}\n" if valid_until else ""
        release = (
            f"Origin: Test\nCodename: {codename or self.codename}\nDate: {_date(date)}\n{until}"
            f"Components: main\nSHA256:\n{''.join(lines)}"
        )
        return self.write(self.signed(release.encode(), key))

    def signed(self, text: bytes, key: Tsk | None = None) -> bytes:
        return bytes(sign((key or self.key).signer(), text, mode=SignatureMode.CLEAR))

    def write(self, data: bytes) -> Path:
        path = self.place / "dists" / self.codename / "InRelease"
        path.write_bytes(data)
        return path


def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True).replace("GMT", "UTC")


def fill(repository: Repository) -> None:
    """What `static` and `base-nossl` of debian12 want, in small."""
    add = repository.add
    root = tarfile.DIRTYPE
    add("base-files", "12", entry("./etc", kind=root), entry("./root", kind=root, mode=0o700),
        entry("./usr/lib/os-release", b'ID=debian\nVERSION_ID="12"\n'),
        entry("./etc/os-release", kind=tarfile.SYMTYPE, linkname="../usr/lib/os-release"),
        entry("./usr/share/doc/base-files/copyright", b"free\n"))  # fmt: skip
    add("netbase", "6.4", entry("./etc/services", b"http 80/tcp\n"))
    add("media-types", "10", entry("./etc/mime.types", b"text/plain txt\n"))
    add("tzdata", "2026a", entry("./usr/share/zoneinfo/UTC", b"TZif"),
        entry("./usr/share/zoneinfo/Zulu", kind=tarfile.LNKTYPE,
              linkname="./usr/share/zoneinfo/UTC"))  # fmt: skip
    add("ca-certificates", "2025",
        entry("./usr/share/ca-certificates/mozilla/B.crt", b"-- B --"),
        entry("./usr/share/ca-certificates/mozilla/A.crt", b"-- A --\n"),
        entry("./usr/sbin/update-ca-certificates", b"#!/bin/sh\n"),
        entry("./usr/share/doc/ca-certificates/copyright", b"MPL\n"),
        Depends="openssl")  # fmt: skip
    add("libc6", "2.36-9", entry("./lib/x86_64-linux-gnu/libc.so.6", b"\x7fELF not"),
        Depends="libgcc-s1, libcrypt1")  # fmt: skip


def tree_of(reference: str) -> tuple[dict[str, Node], Config]:
    """Paths and nodes of an image of one layer in the store, and its configuration."""
    store = Store.open(open_house().store)
    image = store.find(reference.partition("@")[2])
    (layer,) = image.layers
    with store.open_blob(layer.digest, layer.size) as stream:
        tree = read_layer(stream).tree
    return tree.as_dict(), decode(Config, image.config, "config")
