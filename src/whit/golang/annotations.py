"""What a program records and what git says in, OCI annotations out.

The keys are those of the OCI image specification, annotations.md. Nothing is guessed: a key without
a certain value is left out. The program's own record goes before git, which looks at the directory
as it is now.
"""

from collections.abc import Mapping

from whit.golang.vcs import Vcs

_PREFIX = "org.opencontainers.image."


def annotations_of(
    name: str,
    module: tuple[str, str],
    settings: Mapping[str, str],
    vcs: Vcs,
    licence: str = "",
) -> tuple[tuple[str, str], ...]:
    """`module` is (path, version) of the main module and `settings` the build settings, both from
    the build info; `licence` an SPDX identifier or "". Sorted by key.
    """
    path, version = module
    revision = settings.get("vcs.revision") or vcs.revision
    is_modified = (
        settings.get("vcs.modified") == "true" if "vcs.modified" in settings else vcs.modified
    )
    known_version = "" if version in ("", "(devel)") else version
    found = {
        "title": name,
        "version": known_version or vcs.described,
        "revision": revision + ("-dirty" if revision and is_modified else ""),
        "source": vcs.remote or source_of(path),
        "licenses": licence,
        "created": settings.get("vcs.time") or vcs.time,
    }
    return tuple(sorted((_PREFIX + key, value) for key, value in found.items() if value))


def source_of(module: str) -> str:
    """Where a module's path says that its source lies; only for hosts whose paths are addresses."""
    parts = module.split("/")
    if (
        parts[0] in ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org")
        and len(parts) >= 3
    ):
        return "https://" + "/".join(parts[:3])
    return ""
