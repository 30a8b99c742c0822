"""A layout, an archive or an engine in, what lies there out: documents, and a way to open blobs.

Archives are uncompressed tars, read in place: a blob is a window of the file. Names in them are
looked up, never written anywhere.
"""

import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from whit.build.ends import End, Where
from whit.errors.images import InvalidImage, NotALayout, UnknownImage
from whit.model.image import MEDIA_CONFIG, MEDIA_LAYER, MEDIA_MANIFEST
from whit.model.names import Digest, Platform, digest_of
from whit.oci.archive import full_name
from whit.oci.contents import content_in
from whit.oci.documents import (
    MAX_DOCUMENT_BYTES,
    Config,
    Descriptor,
    Index,
    Manifest,
    decode,
    encode,
)
from whit.oci.graph import Content, choose, content_of_document, read_content, read_document
from whit.oci.layout import blob_path, check_marker, name_of, read_index

OpenBlob = Callable[[Digest], BinaryIO]
Found = tuple[Content, OpenBlob, str]
MAX_ENTRIES = 100_000


def from_place(source: End, platform: Platform | None, directory: str) -> Found:
    """Errors: NotALayout, InvalidImage, UnknownImage; those of the engines."""
    place = os.path.join(directory, source.place)
    if source.where is Where.OCI:
        return _from_layout(place, source.name, platform)
    if source.where in (Where.OCI_ARCHIVE, Where.DOCKER_ARCHIVE):
        return _from_archive(place, source.name, platform)
    from whit.registry.daemon import save_archive

    file = tempfile.NamedTemporaryFile(prefix="whit-", suffix=".tar")  # noqa: SIM115 - kept open
    name = source.name
    if source.where is Where.CONTAINERD and "@" not in name:
        name = full_name(name)  # containerd knows no short ones
    save_archive(source.where.value, name, file)
    content, open_blob, name = _from_archive(file.name, "", platform)

    def open_kept(digest: Digest) -> BinaryIO:
        # The closure keeps the temporary file until the last blob was read.
        assert not file.closed  # noqa: S101
        return open_blob(digest)

    return content, open_kept, name or source.name


# ---- layouts ------------------------------------------------------------------------------------


def _from_layout(place: str, name: str, platform: Platform | None) -> Found:
    try:
        if not os.path.isfile(f"{place}/oci-layout"):
            raise NotALayout(f"{place} holds no OCI layout", hint="it has no file oci-layout")
        check_marker(place)
        entry = _entry(read_index(place), name, place)
        content = _chosen(
            content_in(place, Digest(entry.digest)), platform, lambda d: content_in(place, d)
        )
    except OSError as error:
        raise InvalidImage(f"cannot read {error.filename}: {error.strerror}") from None

    def open_blob(digest: Digest) -> BinaryIO:
        try:
            descriptor = os.open(blob_path(place, digest), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InvalidImage(f"{place} lacks the blob {digest}: {error.strerror}") from None
        return os.fdopen(descriptor, "rb")

    return content, open_blob, name_of(entry)


def _chosen(
    content: Content, platform: Platform | None, content_of: Callable[[Digest], Content]
) -> Content:
    while platform is not None and content.root.is_index:
        content = content_of(Digest(choose(content.root, platform).digest))
    return content


def _entry(index: Index, name: str, place: str) -> Descriptor:
    """The entry called `name`, or `@N`, or the only one."""
    entries = index.manifests
    if name.startswith("@") and name[1:].isdigit() and int(name[1:]) < len(entries):
        return entries[int(name[1:])]
    fitting = [e for e in entries if not name or name in (name_of(e), e.digest, _short(name_of(e)))]
    if len({e.digest for e in fitting}) == 1:
        return fitting[0]
    known = ", ".join(sorted(name_of(e) or e.digest[:19] for e in entries)[:8]) or "nothing"
    if name:
        raise UnknownImage(f"{place} holds no image {name!r}", hint=f"it holds {known}")
    raise UnknownImage(
        f"{place} holds {len(entries)} images, and none was named",
        hint=f"write its name after the path; it holds {known}",
    )


def _short(name: str) -> str:
    """The tag alone: what `ref.name` should hold, and what some write."""
    return name.rpartition(":")[2] if "/" not in name.rpartition(":")[2] else name


# ---- archives -----------------------------------------------------------------------------------


class _Window(io.RawIOBase):
    """`size` bytes of a file from `start` on."""

    def __init__(self, path: str, start: int, size: int) -> None:
        super().__init__()
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed in close
        self._start, self._size = start, size
        self.seek(0)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted) or b""
        self._left -= len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        place = offset if whence == os.SEEK_SET else self._size + offset
        self._file.seek(self._start + place)
        self._left = self._size - place
        return place

    def close(self) -> None:
        self._file.close()
        super().close()


class _Tar:
    """Members of an uncompressed tar by name; a link in it leads to another member only."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._members: dict[str, tuple[int, int]] = {}
        links: dict[str, str] = {}
        try:
            with tarfile.open(path, "r:") as tar:
                for count, member in enumerate(tar):
                    if count > MAX_ENTRIES:
                        raise InvalidImage(f"{path} has more than {MAX_ENTRIES} entries")
                    name = member.name.removeprefix("./")
                    if member.isreg():
                        self._members[name] = (member.offset_data, member.size)
                    elif member.issym() or member.islnk():
                        base = "" if member.islnk() else os.path.dirname(name)
                        links[name] = os.path.normpath(os.path.join(base, member.linkname))
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise InvalidImage(
                f"{path} is no uncompressed tar: {error}",
                hint="decompress it first, or name it as what it is",
            ) from None
        except OSError as error:
            raise InvalidImage(f"cannot read {path}: {error.strerror}") from None
        for name, target in links.items():
            if target in self._members:
                self._members[name] = self._members[target]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> BinaryIO:
        if name not in self._members:
            raise InvalidImage(f"{self.path} lacks {name}", hint="the archive is incomplete")
        start, size = self._members[name]
        return _Window(self.path, start, size)  # type: ignore[return-value]

    def size(self, name: str) -> int:
        return self._members[name][1] if name in self._members else 0

    def small(self, name: str) -> bytes:
        if self.size(name) > MAX_DOCUMENT_BYTES:
            raise InvalidImage(f"{self.path}: {name} is larger than a document can be")
        with self.open(name) as stream:
            return stream.read()


def _from_archive(path: str, name: str, platform: Platform | None) -> Found:
    """An OCI archive, or a docker archive; new docker writes both in one, and the first has the
    digests.
    """
    tar = _Tar(path)
    if "index.json" in tar and "oci-layout" in tar:
        return _from_oci(tar, name, platform)
    if "manifest.json" in tar:
        return _from_docker(tar, name)
    raise NotALayout(
        f"{path} is no image archive", hint="it has neither index.json nor manifest.json"
    )


def _from_oci(tar: _Tar, name: str, platform: Platform | None) -> Found:
    index = decode(Index, tar.small("index.json"), f"{tar.path}: index.json")
    entry = _entry(index, name, tar.path)

    def fetch(wanted: Descriptor) -> bytes:
        data = tar.small(f"blobs/sha256/{wanted.digest[7:]}")
        if digest_of(data) != wanted.digest:
            raise InvalidImage(f"{tar.path}: {wanted.digest} has other bytes than its name says")
        return data

    root = read_document(fetch(entry), entry.media_type)
    while platform is not None and root.is_index:
        chosen = choose(root, platform)
        root = read_document(fetch(chosen), chosen.media_type)
    content = read_content(root, fetch)
    return content, lambda digest: tar.open(f"blobs/sha256/{digest[7:]}"), _plain(name_of(entry))


class _DockerEntry(msgspec.Struct, frozen=True):
    config: str = msgspec.field(name="Config")
    layers: tuple[str, ...] = msgspec.field(name="Layers")
    repo_tags: tuple[str, ...] | None = msgspec.field(default=None, name="RepoTags")


def _from_docker(tar: _Tar, name: str) -> Found:
    """A docker archive has no manifest: one is written, in which each layer is as it lies there."""
    try:
        entries = msgspec.json.decode(tar.small("manifest.json"), type=tuple[_DockerEntry, ...])
    except msgspec.DecodeError as error:
        raise InvalidImage(f"{tar.path}: manifest.json cannot be read: {error}") from None
    fitting = [e for e in entries if not name or name in (e.repo_tags or ())]
    if len(fitting) != 1:
        known = ", ".join(tag for e in entries for tag in e.repo_tags or ()) or "no names"
        raise UnknownImage(
            f"{tar.path} holds {len(entries)} images, of which {len(fitting)} fit",
            hint=f"write its name after the path; it holds {known}",
        )
    entry = fitting[0]
    config = tar.small(entry.config)
    decode(Config, config, f"{tar.path}: {entry.config}")
    places: dict[str, str] = {digest_of(config): entry.config}
    layers = []
    for place in entry.layers:
        digest, media_type = _digest_and_type(tar, place)
        places[digest] = place
        layers.append(Descriptor(media_type, digest, tar.size(place)))
    manifest = Manifest(
        schema_version=2,
        media_type=MEDIA_MANIFEST,
        config=Descriptor(MEDIA_CONFIG, digest_of(config), len(config)),
        layers=tuple(layers),
    )
    content = content_of_document(read_document(encode(manifest), MEDIA_MANIFEST))
    return content, lambda digest: tar.open(places[digest]), (entry.repo_tags or ("",))[0]


def _digest_and_type(tar: _Tar, place: str) -> tuple[Digest, str]:
    import hashlib

    state = hashlib.sha256()
    with tar.open(place) as stream:
        first = stream.read(1 << 20)
        state.update(first)
        while data := stream.read(1 << 20):
            state.update(data)
    kind = "+gzip" if first[:2] == b"\x1f\x8b" else ""
    kind = "+zstd" if first[:4] == b"\x28\xb5\x2f\xfd" else kind
    return Digest(f"sha256:{state.hexdigest()}"), MEDIA_LAYER + kind


def _plain(name: str) -> str:
    """`app:1` for docker.io/library/app:1: the short name that was exported."""
    return name.removeprefix("docker.io/library/").removeprefix("docker.io/")
