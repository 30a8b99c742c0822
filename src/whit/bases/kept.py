"""What an image has already, given in the place of what whit would make: its own accounts, its own
CA roots and zones, which somebody may have changed on purpose.
"""

from whit.bases.root import Root
from whit.model.plan import Provided, What

# Where Go, OpenSSL and the distributions look (crypto/x509/root_linux.go).
ROOT_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FILES = {
    "ca-roots": ROOT_BUNDLES,
    "users": ("/etc/passwd", "/etc/group"),
    "nsswitch": ("/etc/nsswitch.conf",),
}
_ZONES = "/usr/share/zoneinfo"


class Kept:
    """Goes before the embedded files; what the image lacks is left to them."""

    def __init__(self, root: Root, name: str = "image") -> None:
        self._root, self.name = root, name

    def provide(self, what: What) -> tuple[Provided, ...] | None:
        if what.kind in _FILES and not (what.kind == "ca-roots" and what.names):
            found = [
                one
                for path in _FILES[what.kind]
                for one in self._root.provide(What("file", (path,))) or ()
            ]
            return tuple({one.path: one for one in found}.values()) or None
        if what.kind in ("zones", "zones-of-program"):
            if not what.names:
                return self._root.provide(What("tree", (_ZONES,)))
            named = [self._root.provide(What("file", (f"{_ZONES}/{n}",))) for n in what.names]
            if all(named):
                return tuple({one.path: one for some in named for one in some or ()}.values())
        return None
