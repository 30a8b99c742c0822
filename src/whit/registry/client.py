"""A repository of a registry: manifests and blobs by the OCI distribution specification 1.1.

The numbers end-1 to end-13 are the specification's own names of its requests.
"""

from collections.abc import Callable
from typing import BinaryIO, Protocol
from urllib.parse import quote

from whit.errors import WhitError
from whit.errors.images import InvalidImage
from whit.errors.registry import BadAnswer
from whit.model.names import digest_of
from whit.oci.documents import MAX_DOCUMENT_BYTES, Descriptor
from whit.oci.graph import INDEX_TYPES, MANIFEST_TYPES, Document, read_document
from whit.registry.failures import Temporary
from whit.registry.transport import Body, Transport, check_downgrade, joined

CHUNK_BYTES = 1 << 20
ACCEPTED = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
OpenAt = Callable[[int], BinaryIO]


class Incoming(Protocol):
    """Where a blob goes that is being pulled: `offset` bytes are there already."""

    @property
    def offset(self) -> int: ...
    def write(self, data: memoryview) -> object: ...
    def restart(self) -> None: ...


class Repository:
    """One repository. `path` is without the registry's name. Threads may share it."""

    def __init__(self, transport: Transport, path: str, *, pushes: bool = False) -> None:
        self.transport, self.path = transport, transport.endpoint.prefix + path
        self.name = path
        actions = "pull,push" if pushes else "pull"
        self.scopes = (f"repository:{self.path}:{actions}",)

    @property
    def host(self) -> str:
        return self.transport.endpoint.host

    # ---- manifests ------------------------------------------------------------------------------

    def head(self, reference: str) -> str:
        """The digest that a tag has, or "" where there is none. (end-3)"""
        answer = self.transport.request(
            "HEAD", self._manifest(reference), accept=(200, 404), scopes=self.scopes,
            headers={"Accept": ACCEPTED},
        )  # fmt: skip
        return "" if answer.status == 404 else answer.headers.get("docker-content-digest", "")

    def document(self, reference: str) -> Document:
        """The manifest or index of a tag or digest; its digest is checked. (end-3)

        Errors: NoSuchManifest, BadAnswer, InvalidImage, UnsupportedManifest.
        """
        answer = self.transport.request(
            "GET", self._manifest(reference), accept=(200,), scopes=self.scopes,
            headers={"Accept": ACCEPTED}, limit_bytes=MAX_DOCUMENT_BYTES,
        )  # fmt: skip
        digest = digest_of(answer.data)
        said = answer.headers.get("docker-content-digest", "")
        wanted = reference if reference.startswith("sha256:") else said
        if wanted.startswith("sha256:") and digest != wanted:
            raise self._lies(f"the manifest {wanted} with the digest {digest}")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        try:
            return read_document(answer.data, media_type)
        except InvalidImage as error:
            joint = "@" if reference.startswith("sha256:") else ":"
            raise InvalidImage(
                f"{self.host}/{self.path}{joint}{reference} came as "
                f"{media_type[:80] or 'bytes without a type'}: {error.message}",
                hint=error.hint,
            ) from None

    def child(self, entry: Descriptor) -> bytes:
        """A document that an index names."""
        return self.document(entry.digest).data

    def put(self, reference: str, document: Document) -> None:
        """Give a document a tag, or its digest for a name. (end-7)"""
        import io  # noqa: PLC0415

        body = Body(lambda: io.BytesIO(document.data), len(document.data), document.media_type)
        answer = self.transport.request(
            "PUT", self._manifest(reference), accept=(200, 201, 202), scopes=self.scopes, body=body
        )
        said = answer.headers.get("docker-content-digest", "")
        if said.startswith("sha256:") and said != document.digest:
            raise BadAnswer(
                f"{self.host}/{self.path} was given the manifest {document.digest} and says it "
                f"keeps {said}",
                hint=f"do not trust what {reference} is there now: the registry, or a proxy before "
                "it, changes what it is sent",
            )

    def _manifest(self, reference: str) -> str:
        return f"/v2/{self.path}/manifests/{quote(reference, safe=':')}"

    # ---- pulling blobs --------------------------------------------------------------------------

    def small(self, blob: Descriptor) -> bytes:
        """The bytes of a config, checked. (end-2)"""
        if blob.size > MAX_DOCUMENT_BYTES:
            raise BadAnswer(
                f"{self.host}/{self.path}: a config of {blob.size} bytes",
                hint="no image needs that",
            )
        answer = self.transport.request(
            "GET", self._blob(blob.digest), accept=(200,), scopes=self.scopes,
            limit_bytes=MAX_DOCUMENT_BYTES,
        )  # fmt: skip
        if digest_of(answer.data) != blob.digest:
            raise self._lies(f"the blob {blob.digest} with other bytes")
        return answer.data

    def fetch(self, blob: Descriptor, incoming: Incoming) -> None:
        """Write a blob to `incoming`, from where an earlier try ended. (end-2, with Range)

        The bytes are not compared here: `incoming` does that as they pass.
        Errors: BadAnswer when there are more than `blob.size`; those of the R pages.
        """
        buffer = bytearray(CHUNK_BYTES)

        def once() -> None:
            offset = incoming.offset
            if offset == blob.size:
                return
            path = self._blob(blob.digest)
            accept = (200, 206, 416) if offset else (200,)
            with self.transport.stream(path, offset, scopes=self.scopes, accept=accept) as (
                status,
                fill,
            ):
                if offset and status != 206:
                    incoming.restart()
                    if status == 416:
                        raise Temporary(self._short(blob))
                begun = incoming.offset
                try:
                    while count := fill(buffer):
                        if incoming.offset + count > blob.size:
                            raise self._lies(f"more than the {blob.size} bytes of {blob.digest}")
                        incoming.write(memoryview(buffer)[:count])
                except Temporary as failure:
                    # What gets on is worth all tries, however slow.
                    tries = 0 if incoming.offset > begun else failure.tries
                    raise Temporary(failure.error, tries=tries) from None
            if incoming.offset < blob.size:
                raise Temporary(self._short(blob))

        self.transport.patiently(once)

    def _short(self, blob: Descriptor) -> WhitError:
        return BadAnswer(
            f"{self.host} ended the blob {blob.digest} of {self.path} before its last byte",
            hint="try again: what came is kept",
        )

    # ---- pushing blobs --------------------------------------------------------------------------

    def has_blob(self, digest: str) -> bool:
        """(end-2, HEAD)"""
        answer = self.transport.request(
            "HEAD", self._blob(digest), accept=(200, 404), scopes=self.scopes
        )
        return answer.status == 200

    def begin(self, digest: str, mount_from: str = "") -> str:
        """Begin an upload; "" when the registry took the blob from `mount_from`, a repository of
        its own, and nothing is left to do. (end-4a, end-11)
        """
        path = f"/v2/{self.path}/blobs/uploads/"
        scopes: tuple[str, ...] = self.scopes
        if mount_from:
            path += f"?mount={quote(digest)}&from={quote(mount_from, safe='')}"
            if mount_from != self.path:
                scopes = (*scopes, f"repository:{mount_from}:pull")
        answer = self.transport.request("POST", path, accept=(201, 202), scopes=scopes)
        if answer.status == 201:
            return ""
        return self._location(answer.headers, answer.url)

    def upload(self, blob: Descriptor, location: str, open_at: OpenAt) -> None:
        """Send a blob to an upload that `begin` gave: in one request where nothing breaks, else on
        from where the registry says it is. (end-6; end-13, end-5, end-6)
        """
        place, offset = location, 0

        def once() -> None:
            nonlocal place, offset
            try:
                if offset:
                    place = self._send_rest(blob, place, offset, open_at)
                    offset = blob.size
                self._finish(blob, place, offset, open_at)
            except Temporary:
                place, offset = self._probe(blob, place)
                if not place:
                    return
                raise

        self.transport.patiently(once)

    def _finish(self, blob: Descriptor, place: str, offset: int, open_at: OpenAt) -> None:
        joint = "&" if "?" in place else "?"
        url = f"{place}{joint}digest={quote(blob.digest)}"
        body = Body(lambda: open_at(offset), blob.size - offset)
        self.transport.attempt("PUT", url, accept=(201, 204), scopes=self.scopes, body=body)

    def _send_rest(self, blob: Descriptor, place: str, offset: int, open_at: OpenAt) -> str:
        body = Body(lambda: open_at(offset), blob.size - offset)
        answer = self.transport.attempt(
            "PATCH", place, accept=(202,), scopes=self.scopes, body=body,
            headers={"Content-Range": f"{offset}-{blob.size - 1}"},
        )  # fmt: skip
        return self._location(answer.headers, answer.url)

    def _probe(self, blob: Descriptor, place: str) -> tuple[str, int]:
        """Where to go on after a break; ("", 0) when the registry has it all."""
        try:
            answer = self.transport.request("GET", place, accept=(200, 204), scopes=self.scopes)
        except WhitError:
            # The upload is gone: it was finished and only the answer was lost, or it was dropped.
            if self.has_blob(blob.digest):
                return "", 0
            fresh = self.begin(blob.digest)
            return fresh, 0
        last = answer.headers.get("range", "").removeprefix("bytes=").rpartition("-")[2]
        count = int(last[:19]) + 1 if last.isdigit() else 0
        # "0-0" is what registries say of nothing as well as of one byte.
        offset = count if 1 < count <= blob.size else 0
        if not offset:
            return self.begin(blob.digest), 0
        return self._location(answer.headers, answer.url), offset

    # ---- small ----------------------------------------------------------------------------------

    def _blob(self, digest: str) -> str:
        return f"/v2/{self.path}/blobs/{digest}"

    def _location(self, headers: dict[str, str], url: str) -> str:
        said = headers.get("location", "")
        if not said:
            raise BadAnswer(
                f"{self.host} began an upload and did not say where", hint="the registry is broken"
            )
        place = joined(url, said)
        if not place:
            raise BadAnswer(
                f"{self.host} began an upload at {said[:200]!r}, which is no address",
                hint="the registry is broken",
            )
        check_downgrade(self.transport.origin(), place)
        return place

    def _lies(self, what: str) -> BadAnswer:
        return BadAnswer(
            f"{self.host}/{self.path} gave {what}", hint="do not trust it: nothing of it was kept"
        )
