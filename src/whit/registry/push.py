"""What an image consists of in, the same in a registry out, with the fewest requests.

    a tag that has the digest already     1   HEAD manifest
    a blob that some repository there has 1   POST …?mount=
    a new blob                            2   POST …?mount=, PUT

Every upload begins as a mount: from the repository that is remembered to have the blob, else from
the target itself, which is how a registry says that it has the blob already. One that knows no
mounts begins an upload all the same, so asking costs nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import BinaryIO, Protocol

import msgspec

from whit.errors.registry import BlobUnknown, NotAuthorized
from whit.oci.documents import Descriptor
from whit.oci.graph import Content
from whit.registry.client import Repository

JOBS = 4
# Repositories that are asked for a blob before it is sent.
MAX_SOURCES = 2
# A registry may say of a blob that it has it while another client is still sending it, and of the
# manifest that it has not; then all is asked once more.
ATTEMPTS = 5

OpenBlobAt = Callable[[Descriptor, int], BinaryIO]


class Memory(Protocol):
    """Which repository of a registry has a blob, from earlier pushes and pulls."""

    def repositories(self, registry: str, digest: str) -> tuple[str, ...]: ...
    def remember(self, registry: str, digest: str, repository: str) -> None: ...


class Pushed(msgspec.Struct, frozen=True):
    """What a push took. `present` counts blobs that the registry had in this repository."""

    uploaded: int = 0
    uploaded_bytes: int = 0
    mounted: int = 0
    present: int = 0
    requests: int = 0
    was_there: bool = False


def push(
    content: Content,
    tags: tuple[str, ...],
    repository: Repository,
    open_at: OpenBlobAt,
    memory: Memory,
    known: dict[str, str] | None = None,
) -> Pushed:
    """Push `content`; it gets `tags` when all of it is there, or only its digest without any.

    `known` is what the tags were found to have shortly before: tag -> digest.
    Errors: those of the R pages; what `open_at` raises.
    """
    before = repository.transport.count
    references = tags or (content.root.digest,)
    found = known or {}
    old = {one: found[one] if one in found else repository.head(one) for one in references}
    missing = tuple(one for one in references if old[one] != content.root.digest)
    if not missing:
        return Pushed(requests=repository.transport.count - before + len(found), was_there=True)
    counts = _Counts()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if len(missing) == len(references):
                _push_parts(content, repository, open_at, memory, counts)
            for reference in missing:
                repository.put(reference, content.root)
            break
        except BlobUnknown:
            if attempt == ATTEMPTS:
                raise
    requests = repository.transport.count - before + len(found)
    return msgspec.structs.replace(counts.value, requests=requests)


class _Counts:
    def __init__(self) -> None:
        self.value = Pushed()
        self._lock = Lock()

    def add(self, field: str, size: int = 0) -> None:
        with self._lock:
            value = self.value
            changes = {field: getattr(value, field) + 1}
            if size:
                changes["uploaded_bytes"] = value.uploaded_bytes + size
            self.value = msgspec.structs.replace(value, **changes)


def _push_parts(
    content: Content,
    repository: Repository,
    open_at: OpenBlobAt,
    memory: Memory,
    counts: _Counts,
) -> None:
    """All blobs in parallel, the largest first; then every document but the root."""
    blobs = content.blobs
    children = content.documents[:-1]
    if children and all(repository.head(child.digest) == child.digest for child in children):
        return

    def push_one(blob: Descriptor) -> None:
        _push_blob(blob, repository, open_at, memory, counts)

    in_parallel(push_one, sorted(blobs, key=lambda blob: -blob.size))
    for child in children:
        repository.put(child.digest, child)


def _push_blob(
    blob: Descriptor,
    repository: Repository,
    open_at: OpenBlobAt,
    memory: Memory,
    counts: _Counts,
) -> None:
    registry = repository.transport.endpoint.registry
    location, source = _begin(blob, repository, memory.repositories(registry, blob.digest))
    if location:
        repository.upload(blob, location, lambda offset: open_at(blob, offset))
        counts.add("uploaded", blob.size)
    else:
        counts.add("present" if source == repository.path else "mounted")
    memory.remember(registry, blob.digest, repository.path)


def _begin(
    blob: Descriptor, repository: Repository, remembered: tuple[str, ...]
) -> tuple[str, str]:
    """Where to upload, or "" and the repository that the blob was mounted from."""
    own = repository.path
    others = tuple(one for one in remembered if one != own)[:MAX_SOURCES]
    # A new blob may still be there from another machine's push: the first question asks that.
    sources = (own, *others) if own in remembered or not others else others
    location = ""
    for source in sources:
        try:
            location = repository.begin(blob.digest, source)
        except NotAuthorized:
            if source == own:
                raise
            continue  # these credentials may not read there
        if not location:
            return "", source
    if own in remembered and repository.has_blob(blob.digest):
        return "", own  # the registry knows no mounts from a repository to itself
    return location or repository.begin(blob.digest), own


def in_parallel(work: Callable[[Descriptor], None], blobs: Iterable[Descriptor]) -> None:
    """Do `work` for every blob on a few threads; the first failure ends what has not begun."""
    wanted = deque(blobs)
    failures: list[Exception] = []

    def run() -> None:
        while not failures:
            try:
                blob = wanted.popleft()
            except IndexError:
                return
            try:
                work(blob)
            except Exception as error:  # noqa: BLE001 - it is raised where all come together
                failures.append(error)

    # An interrupt ends this thread, which takes part, and the process does not wait for the rest.
    threads = [Thread(target=run, daemon=True) for _ in range(min(JOBS, len(wanted)) - 1)]
    for thread in threads:
        thread.start()
    run()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
