"""A registry's refusal in, an error that says what would help out. Pure.

The body is JSON of the distribution specification: {"errors": [{"code", "message", "detail"}]}.
"""

from urllib.parse import urlsplit

import msgspec

from whit.errors import WhitError
from whit.errors.registry import (
    BlobUnknown,
    NoSuchManifest,
    NotAuthorized,
    RegistryRefused,
    RegistryUnreachable,
)

_MAX_WORDS = 500


class _Item(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""
    detail: msgspec.Raw = msgspec.Raw(b"")


class _Refusal(msgspec.Struct, frozen=True):
    errors: tuple[_Item, ...] = ()


_OTHER = "the registry got other bytes than the image says: try again, or make its source anew"
# code of the specification -> what would help
_HINTS = {
    "TOOMANYREQUESTS": "the registry limits how often it is asked; log in, or try again later",
    "SIZE_INVALID": _OTHER,
    "DIGEST_INVALID": _OTHER,
    "MANIFEST_BLOB_UNKNOWN": "the registry lost a blob while it was pushed: push again",
    "MANIFEST_INVALID": "the registry may not know OCI images of this kind",
    "NAME_INVALID": "the registry does not take this repository name",
    "UNSUPPORTED": "the registry does not offer this",
}


def refusal_of(method: str, url: str, status: int, data: bytes, credential: str) -> WhitError:
    """The error for `status`. `credential` says where the credentials came from, "" for none."""
    items = _items(data)
    words = "; ".join(filter(None, (_said(item) for item in items)))
    codes = {item.code for item in items}
    place = urlsplit(url)
    host, what = place.netloc, f"{method} {place.path}"
    output = words[:_MAX_WORDS] or None
    if status in (401, 403) and "TOOMANYREQUESTS" not in codes:
        return _not_authorized(host, place.path, status, credential, output)
    if status == 404:
        return NoSuchManifest(f"{host} has no {_named(place.path)}", hint=_404_HINT, output=output)
    if status in (408, 425, 429) or status >= 500:
        return RegistryUnreachable(
            f"{host} answers {status} to {what}",
            hint=_HINTS["TOOMANYREQUESTS"] if status == 429 else "try again later",
            output=output,
        )
    hint = next(
        (_HINTS[code] for code in sorted(codes) if code in _HINTS),
        "its own words are above" if output else "it gives no reason; its log may tell",
    )
    if status == 413:
        hint = "the registry, or a proxy before it, limits the size of a request"
    kind = BlobUnknown if "MANIFEST_BLOB_UNKNOWN" in codes else RegistryRefused
    return kind(f"{host} answers {status} to {what}", hint=hint, output=output)


def redirect_of(method: str, url: str, status: int, target: str) -> WhitError:
    """The error for a redirect of what sends something, which is not followed."""
    place = urlsplit(url)
    return RegistryRefused(
        f"{place.netloc} answers {status} to {method} {place.path}, which leads to "
        f"{target[:200] or 'no address'}",
        hint="what is pushed does not follow redirects: name the registry by the address that "
        "takes it, or have a proxy before it mended",
    )


_404_HINT = "look at the name and the tag; private repositories need a login: `whit login`"


def _not_authorized(
    host: str, path: str, status: int, credential: str, output: str | None
) -> NotAuthorized:
    repository = _repository(path)
    what = f"{host}/{repository}" if repository else host
    if not credential:
        hint = f"no credentials were found for it: `whit login {host}`"
    elif status == 401:
        hint = f"the credentials from {credential} were refused: `whit login {host}`"
    else:
        hint = f"the credentials from {credential} do not allow it"
    return NotAuthorized(f"{what} refuses access ({status})", hint=hint, output=output)


def _repository(path: str) -> str:
    inner = path.removeprefix("/v2/")
    for word in ("/manifests/", "/blobs/", "/tags/", "/referrers/"):
        if word in inner:
            return inner.partition(word)[0]
    return ""


def _named(path: str) -> str:
    """`app:1.2` for /v2/app/manifests/1.2."""
    repository = _repository(path)
    last = path.rpartition("/")[2]
    if not repository:
        return path
    if "/blobs/" in path:
        return f"blob {last} in {repository}"
    return f"{repository}@{last}" if last.startswith("sha256:") else f"{repository}:{last}"


def _items(data: bytes) -> tuple[_Item, ...]:
    try:
        return msgspec.json.decode(data, type=_Refusal).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def _said(item: _Item) -> str:
    text = ": ".join(filter(None, (item.code, item.message)))
    return "".join(c if c.isprintable() else " " for c in text)
