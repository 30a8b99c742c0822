"""`[entry.templates]` in, the files that carry them and the variables they name out. A door."""

import os
from posixpath import normpath

from whit.bases.entry import TEMPLATES
from whit.build.settings import Settings
from whit.errors.request import BadSetting
from whit.model.probe import names_in
from whit.model.tree import Bytes, File

# The entry program has 1 MiB for a template, what it becomes and every secret.
MAX_BYTES = 256 << 10
# Where others look for what nobody may change: a file that is written needs a place of its own.
_SHARED = {"/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr"}


def read_templates(settings: Settings, home: str) -> dict[str, str]:
    """Path in the image -> the template's text. Errors: BadSetting."""
    return {
        path: _text(path, os.path.join(home, place))
        for path, place in sorted(settings.entry.templates.items())
    }


def template_files(settings: Settings, home: str) -> dict[str, File]:
    """Path of the file that is written -> the template that lies in the image."""
    texts = read_templates(settings, home)
    return {path: File(Bytes(text.encode()), mode=0o644) for path, text in texts.items()}


def template_directories(settings: Settings) -> tuple[str, ...]:
    """Where the program's user has to be able to write. Errors: BadSetting."""
    found = []
    for path in settings.entry.templates:
        directory = path.rpartition("/")[0] or "/"
        if not path.startswith("/") or normpath(path) != path or "\0" in path:
            raise BadSetting(
                f"entry.templates: {path!r} is no path in an image", hint="begin it with a slash"
            )
        if directory in _SHARED:
            raise BadSetting(
                f"entry.templates: {path} would make {directory} writable for the program",
                hint="give what is written a directory of its own, such as /run/app",
            )
        found.append(directory)
    return tuple(dict.fromkeys(found))


def template_variables(settings: Settings, home: str) -> dict[str, dict[str, bool]]:
    """Path -> the variables that its template names -> whether the file needs them."""
    return {path: names_in(text) for path, text in read_templates(settings, home).items()}


def carried_at(path: str) -> str:
    """Where in the image the template of a file lies."""
    return TEMPLATES + path


def _text(path: str, place: str) -> str:
    try:
        with open(place, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadSetting(
            f"the template of {path}: {place}: {error.strerror}",
            hint="paths under [entry.templates] start at the directory of whit.toml",
        ) from None
    if len(data) > MAX_BYTES:
        raise BadSetting(f"{place} is larger than 256 KiB", hint="is this the right template?")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text or "\0" in text:
        raise BadSetting(
            f"{place} is {'no text' if text else 'empty'}", hint="a template is text in UTF-8"
        )
    return text
