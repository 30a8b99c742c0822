"""A store in, less of it out, or what is wrong with it: prune and check."""

import fcntl
import os
import time
from typing import Protocol

import msgspec

from whit.errors import WhitError
from whit.errors.images import BrokenStore
from whit.layer.read import survey_layer
from whit.model.image import Image
from whit.model.names import Digest
from whit.oci.documents import Index
from whit.oci.graph import content_of_document, entries_in, entries_of
from whit.oci.graph import read_document as read_kind
from whit.oci.layout import blob_path, name_of, read_document, write_index
from whit.oci.validate import problems_of
from whit.store.files import sweep
from whit.store.listing import Problem

YOUNG_SECONDS = 3600
# Steps are small; one that no build asked for in this time is not asked for again.
STEP_SECONDS = 90 * 86_400


class Kept(Protocol):
    """What upkeep needs of a store."""

    @property
    def directory(self) -> str: ...
    def index(self) -> Index: ...
    def image(self, digest: Digest) -> Image: ...
    def is_intact(self, digest: Digest, size: int) -> bool: ...


def prune(store: Kept, in_use: int, *, keep_unnamed: bool) -> int:
    """Called with the index locked; `in_use` is this process's shared lock on the store."""
    directory, index = store.directory, store.index()
    kept = tuple(entry for entry in index.manifests if keep_unnamed or name_of(entry))
    if kept != index.manifests:
        write_index(directory, msgspec.structs.replace(index, manifests=kept))
    needed: set[str] = set()
    for entry in kept:
        needed |= _reached(directory, entry.digest)
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        limit = float("inf")
    except BlockingIOError:
        limit = time.time() - YOUNG_SECONDS
    try:
        freed = sweep(directory) + _remove_half_documents(directory)
        blobs = f"{directory}/blobs/sha256"
        freed += _remove_older(blobs, limit, {digest[7:] for digest in needed})
        return freed + _remove_older(f"{directory}/steps", time.time() - STEP_SECONDS, set())
    finally:
        fcntl.flock(in_use, fcntl.LOCK_SH)


def _remove_half_documents(directory: str) -> int:
    """What a killed writer left of index.json; nobody else writes it while we hold the lock."""
    freed = 0
    for entry in os.scandir(directory):
        if entry.name.startswith("index.json.") and entry.name.endswith(".partial"):
            freed += entry.stat(follow_symlinks=False).st_size
            os.unlink(entry.path)
    return freed


def _reached(directory: str, digest: str) -> set[str]:
    """Digests of an image or index and what it names; of a damaged one only what is readable."""
    reached: set[str] = set()
    waiting = [digest]
    while waiting:
        one = waiting.pop()
        if one in reached:
            continue
        reached.add(one)
        try:
            document = read_kind(read_document(directory, Digest(one)))
            if document.is_index:
                waiting += [entry.digest for entry in entries_in(document)]
            else:
                reached |= {blob.digest for blob in content_of_document(document).blobs}
        except (WhitError, OSError):
            continue
    return reached


def _remove_older(directory: str, limit: float, needed: set[str]) -> int:
    """Remove files that are not needed and were last written before `limit`."""
    freed = 0
    for entry in os.scandir(directory):
        found = entry.stat(follow_symlinks=False)
        if entry.name not in needed and found.st_mtime < limit and entry.is_file():
            os.unlink(entry.path)
            freed += found.st_size
    return freed


def check(store: Kept) -> tuple[Problem, ...]:
    """Everything that is broken, blobs first."""
    problems: list[Problem] = []
    directory = store.directory
    for entry in sorted(os.scandir(f"{directory}/blobs/sha256"), key=lambda one: one.name):
        if len(entry.name) != 64 or entry.name.strip("0123456789abcdef"):
            hint = f"remove {entry.path}"
            problems.append(Problem(entry.name, "it is no blob: its name is no digest", hint))
        elif not store.is_intact(Digest(f"sha256:{entry.name}"), entry.stat().st_size):
            hint = f"remove {entry.path} and build again"
            problems.append(
                Problem(f"sha256:{entry.name}", "its bytes are not those of its name", hint)
            )
    broken = {problem.subject for problem in problems}
    try:
        index = store.index()
    except BrokenStore as error:
        return (*problems, Problem(f"{directory}/index.json", error.message, error.hint or ""))
    for digest in sorted({entry.digest for entry in index.manifests}):
        names = ", ".join(name_of(e) for e in index.manifests if e.digest == digest and name_of(e))
        subject = f"{names} {digest}".strip()
        problems += [
            Problem(subject, what, "build it again")
            for what in _image_problems(store, digest, broken)
        ]
    return tuple(problems)


def _image_problems(store: Kept, digest: str, broken: set[str]) -> tuple[str, ...]:
    touched = _reached(store.directory, digest)
    if hurt := sorted(touched & broken):
        return (f"it needs the damaged blob {', '.join(hurt)}",)
    missing = sorted(one for one in touched if not os.path.exists(blob_path(store.directory, one)))
    if missing:
        return (f"it needs the missing blob {', '.join(missing)}",)
    found: list[str] = []
    try:
        root = read_kind(read_document(store.directory, Digest(digest)))
        entries = entries_of(root) if root.is_index else ()
        for one in [entry.digest for entry in entries] or [digest]:
            image = store.image(Digest(one))
            found += problems_of(image)
            for layer in image.layers:
                with open(blob_path(store.directory, layer.digest), "rb") as stream:
                    if survey_layer(stream).diff_id != layer.diff_id:
                        found.append(f"layer {layer.digest} has not the diff_id {layer.diff_id}")
    except WhitError as error:
        return (error.message,)
    return tuple(found)
