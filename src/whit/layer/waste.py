"""Files of an image in, the bytes it could do without out. Pure."""

from whit.layer.weigh import FileWeight
from whit.model.weight import Waste

# Where caches, logs and pages of help lie; a program in an image needs none of them.
_PLACES = (
    ("cache", ("/var/cache/", "/root/.cache/", "/var/lib/apt/lists/", "/root/.npm/", "/go/pkg/")),
    ("temporary", ("/tmp/", "/var/tmp/")),
    ("log", ("/var/log/",)),
    ("documentation", ("/usr/share/doc/", "/usr/share/man/", "/usr/share/info/")),
    ("translations", ("/usr/share/locale/", "/usr/share/i18n/")),
)
_SETUID = 0o6000
_MIN_DUPLICATE_BYTES = 1024


def waste_in(files: tuple[FileWeight, ...]) -> tuple[Waste, ...]:
    """Largest first, setuid files last."""
    found: list[Waste] = []
    first: dict[bytes, FileWeight] = {}
    for file in files:
        if file.gone:
            note = f"{file.gone} in layer {file.ended}"
            found.append(Waste(file.gone, file.path, file.size, note, file.ended))
            continue
        kind = next((kind for kind, places in _PLACES if file.path.startswith(places)), "")
        known = first.setdefault(file.digest, file)
        if kind and not file.path.endswith("/copyright"):  # licences ask to be kept
            found.append(Waste(kind, file.path, file.size))
        elif known is not file and file.size >= _MIN_DUPLICATE_BYTES:
            found.append(Waste("duplicate", file.path, file.size, f"the same as {known.path}"))
    risky = [
        Waste("setuid", file.path, 0, f"mode {file.mode:04o}")
        for file in files
        if file.mode & _SETUID and not file.gone
    ]
    found.sort(key=lambda one: (-one.size, one.path))
    return (*found, *sorted(risky))
