"""Trees and layers for tests: small ones by hand, all kinds of them by Hypothesis."""

import hashlib
import io
import tarfile
from pathlib import Path

from hypothesis import strategies as st

from whit.errors.names import BadPath
from whit.layer.write import write_layer
from whit.model.image import Compression, Effort, Format, Image, Layer
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.model.tree import Bytes, Dir, File, Link, Stored, Tree
from whit.oci.assemble import assemble
from whit.oci.graph import content_of
from whit.store.blobs import Store

PLAIN = Compression(Format.NONE)
ALL = [Compression(f, e) for f in Format for e in Effort]


def stored(path: Path, offset: int = 0, size: int | None = None) -> Stored:
    data = path.read_bytes()[offset:]
    data = data if size is None else data[:size]
    return Stored(str(path), len(data), "sha256:" + hashlib.sha256(data).hexdigest(), offset)


def small_tree(text: bytes = b"hello\n") -> Tree:
    return Tree.of(
        {
            "/app": File(Bytes(text * 100), mode=0o755),
            "/etc/greeting": File(Bytes(text)),
            "/etc/empty": File(Bytes(b"")),
            "/tmp": Dir(mode=0o1777),
            "/also": Link("/app", is_hard=True),
            "/short": Link("etc/greeting"),
        }
    )


def written(tree: Tree, compression: Compression = PLAIN) -> tuple[Layer, bytes]:
    out = io.BytesIO()
    layer = write_layer(tree, compression, out)
    return layer, out.getvalue()


def config(**changes: object) -> RunConfig:
    return RunConfig(Platform("linux", "amd64"), entrypoint=("/app",), **changes)


def small_image() -> Image:
    return assemble((written(small_tree(), Compression())[0],), config())


def tar_of(*members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], **options: object) -> bytes:
    """A tar that somebody else wrote: members as given, hostile or not."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **fields: object):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    for key, value in fields.items():
        setattr(info, key, value)
    return info


# ---- Hypothesis -----------------------------------------------------------------------------

names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..") and not name.startswith(".wh."))
paths = st.lists(names, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))
owners = {
    "uid": st.integers(0, 0xFFFFFFFE),
    "gid": st.integers(0, 0xFFFFFFFE),
    "mtime": st.integers(-(2**40), 2**40),
}
attributes = st.dictionaries(
    st.from_regex(r"user\.[a-z]{1,8}", fullmatch=True), st.binary(max_size=30), max_size=2
).map(lambda found: tuple(sorted(found.items())))
files = st.builds(
    File,
    st.builds(Bytes, st.binary(max_size=2000)),
    mode=st.integers(0, 0o7777),
    xattrs=attributes,
    **owners,
)
links = st.builds(
    Link, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    **owners,
)  # fmt: skip
nodes = st.one_of(files, st.builds(Dir, mode=st.integers(0, 0o7777), **owners), links)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    chosen = draw(st.dictionaries(paths, nodes, max_size=8))
    fitting: dict[str, File | Dir | Link] = {}
    for path, node in chosen.items():
        try:
            Tree.of({**fitting, path: node})
        except BadPath:
            continue
        fitting[path] = node
    regular = sorted(path for path, node in fitting.items() if isinstance(node, File))
    for path in draw(st.lists(names.map(lambda name: "/" + name), max_size=2)):
        if regular and path not in Tree.of(fitting).as_dict():
            fitting[path] = Link(draw(st.sampled_from(regular)), is_hard=True)
    return Tree.of(fitting)


def keep(store: Store, image: Image, names: tuple[str, ...] = ()) -> None:
    """Name an image whose layers the store holds."""
    store.put(image.config)
    store.add_content(content_of(image), names)
