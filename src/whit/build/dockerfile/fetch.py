"""URLs of an ADD in, files in the cache out (a door).

    <cache>/downloads/<id>/file   the bytes
    <cache>/downloads/<id>/note   digest, Last-Modified and ETag: asked again, not fetched again

With --checksum a file that is here already needs no request at all.
"""

import email.utils
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from whit.build.dockerfile.transfer import Fetched
from whit.dockerfile.gitrefs import GitRef, check_commit, parse_git_ref
from whit.dockerfile.instructions import Add, Transfer
from whit.errors.dockerfile import CannotFetch, RefusedInstruction
from whit.store.steps import key_of

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from whit.build.dockerfile.git import Cloning

_CHUNK_BYTES = 1 << 20
_GREATEST_BYTES = 8 << 30
_WAIT_SECONDS = 60.0
_TRIES = 3
_UNNAMED = "__unnamed__"


class _Note(msgspec.Struct, frozen=True):
    digest: str
    modified: int = 0
    etag: str = ""


def fetch_urls(
    instruction: Transfer, urls: tuple[str, ...], cache: str, cloning: "Cloning"
) -> tuple[Fetched, ...]:
    """Downloads and repositories. Errors: CannotFetch, RefusedInstruction."""
    if not isinstance(instruction, Add):
        raise RefusedInstruction(
            f"COPY takes no URL and no repository: {urls[0]}",
            hint="ADD does, and --checksum keeps it the same",
        )
    if instruction.checksum and len(instruction.sources) != 1:
        raise RefusedInstruction(
            "--checksum is for one source only", hint="write an ADD for each download"
        )
    found = []
    for url in urls:
        ref = parse_git_ref(url)
        found.append(
            _fetched(url, instruction.checksum, cache, offline=cloning.offline)
            if ref is None
            else _cloned(url, ref, instruction, cloning)
        )
    return tuple(found)


def _cloned(url: str, ref: GitRef, instruction: Add, cloning: "Cloning") -> Fetched:
    from whit.build.dockerfile.git import clone

    if instruction.checksum:
        check_commit(url, instruction.checksum)
    for said, asked in (
        (ref.checksum, instruction.checksum),
        (ref.keeps_git, instruction.keeps_git),
    ):
        if said and asked is not None and asked not in ("", said):
            raise RefusedInstruction(
                f"ADD {url} says {said} and its flag says {asked}", hint="leave one of the two out"
            )
    keeps = ref.keeps_git if ref.keeps_git is not None else bool(instruction.keeps_git)
    done = clone(ref, cloning, keeps_git=keeps, checksum=instruction.checksum)
    what = f"{done.commit} {ref.subdir} {keeps} {ref.has_submodules}"
    return Fetched(done.files, "", what, tree="/" + ref.subdir)


def _fetched(url: str, checksum: str, cache: str, *, offline: bool) -> Fetched:
    parts = urlsplit(url)
    if checksum and not checksum.startswith("sha256:"):
        raise RefusedInstruction(f"--checksum={checksum} is no digest", hint="write sha256:…")
    place = Path(cache) / "downloads" / key_of("download", url)[:20]
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = _read_note(place)
    if note is None or note.digest != checksum:
        if offline:
            raise CannotFetch(
                f"ADD {url} needs the network, and --offline forbids it",
                hint="build once without --offline, with --checksum",
            )
        note = _asked(url, place, note)
    if checksum and note.digest != checksum:
        raise CannotFetch(
            f"{url} has the digest {note.digest}, and --checksum says {checksum}",
            hint="the file changed since it was written down: look at it before you believe it",
        )
    name = unquote(parts.path.rpartition("/")[2]) or _UNNAMED
    if "/" in name or name in (".", ".."):
        name = _UNNAMED
    return Fetched(str(place / "file"), name, note.digest, note.modified)


def _read_note(place: Path) -> _Note | None:
    try:
        note = msgspec.json.decode((place / "note").read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        return None
    return note if (place / "file").is_file() else None


def _asked(url: str, place: Path, note: _Note | None) -> _Note:
    """Fetch it, unless the server says that what we have is still the same."""
    import urllib3

    headers = {"If-None-Match": note.etag} if note and note.etag else {}
    proxy = _proxy(url)
    retries = urllib3.Retry(_TRIES, redirect=10, backoff_factor=0.5)
    timeout = urllib3.Timeout(connect=10.0, read=_WAIT_SECONDS)
    pool = (
        urllib3.ProxyManager(proxy, timeout=timeout, retries=retries)
        if proxy
        else urllib3.PoolManager(timeout=timeout, retries=retries)
    )
    try:
        answer = pool.request("GET", url, headers=headers, preload_content=False)
        if answer.status == 304 and note is not None:
            return note
        if answer.status != 200:
            raise CannotFetch(f"{url} answered {answer.status}", hint="try it by hand")
        fresh = _written(url, answer, place)
    except urllib3.exceptions.HTTPError as error:
        raise CannotFetch(f"{url} cannot be fetched: {error}", hint="try it by hand") from None
    finally:
        pool.clear()
    (place / "note").write_bytes(msgspec.json.encode(fresh))
    return fresh


def _written(url: str, answer: "BaseHTTPResponse", place: Path) -> _Note:
    state, size = hashlib.sha256(), 0
    draft = place / f"draft-{os.getpid()}"
    try:
        with draft.open("wb") as file:
            for chunk in answer.stream(_CHUNK_BYTES, decode_content=False):
                size += len(chunk)
                if size > _GREATEST_BYTES:
                    raise CannotFetch(f"{url} has more than {_GREATEST_BYTES} bytes")
                state.update(chunk)
                file.write(chunk)
        draft.rename(place / "file")
    finally:
        draft.unlink(missing_ok=True)
    return _Note(
        f"sha256:{state.hexdigest()}",
        _seconds(answer.headers.get("Last-Modified", "")),
        answer.headers.get("ETag", "")[:512],
    )


def _seconds(text: str) -> int:
    """An HTTP date in seconds since 1970; 0 for none, as BuildKit has it."""
    try:
        return max(0, int(email.utils.parsedate_to_datetime(text).timestamp()))
    except (TypeError, ValueError):
        return 0


def _proxy(url: str) -> str:
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return ""
    return getproxies().get(parts.scheme, "")
