"""Image names as people write them in, full references and familiar names out. Pure."""

import re

from whit.errors.names import BadName
from whit.model.names import Reference

DEFAULT_REGISTRY = "docker.io"
_ALIASES = ("index.docker.io", "registry-1.docker.io")
# 64 hex digits alone would be an image's id, which docker takes for no name.
_ID = re.compile(r"[0-9a-f]{64}")


def full_reference(text: str) -> str | None:
    """`alpine` is docker.io/library/alpine:latest; None when it can be no image."""
    if _ID.fullmatch(text):
        return None
    try:
        found = Reference.parse(text)
    except BadName:
        return None
    registry = found.registry or DEFAULT_REGISTRY
    registry = DEFAULT_REGISTRY if registry in _ALIASES else registry
    repository = found.repository
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    tag = found.tag or ("" if found.digest else "latest")
    return str(Reference(registry, repository, tag, found.digest))


def familiar(text: str) -> str:
    """The short form by which a named context is found: `alpine`; unreadable names stay."""
    name, platform, rest = text.partition("::")
    reference = full_reference(name)
    if reference is None:
        return text
    short = reference.removeprefix(f"{DEFAULT_REGISTRY}/").removeprefix("library/")
    return short.removesuffix(":latest") + platform + rest
