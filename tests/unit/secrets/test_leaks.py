import base64
import gzip
import io

import msgspec

from layer_samples import config, written
from whit.model.image import Compression, Format
from whit.model.secret import Secret, Secrets
from whit.model.tree import Bytes, File, Link, Tree
from whit.oci.assemble import assemble
from whit.secrets.leaks import Inspection, inspect_image
from whit.secrets.scan import Search

VALUE = b"xZ81/kq-LmW0o+ty5"
SEARCH = Search(Secrets([Secret("token", VALUE)]))


def inspected(tree: Tree, form: Format = Format.GZIP, **changes: object) -> Inspection:
    layer, blob = written(tree, Compression(form))
    image = assemble((layer,), config(**changes))
    return inspect_image(image, lambda _digest, _size: io.BytesIO(blob), SEARCH)


def test_each_place_of_an_image_is_named():
    tree = Tree.of(
        {
            "/app": File(Bytes(b"ELF" + bytes(5000) + VALUE)),
            "/data/archive": File(Bytes(b"1234" + gzip.compress(b"abc" + VALUE))),
            "/plain": File(Bytes(b"nothing")),
        }
    )
    for form in Format:
        found = inspected(
            tree,
            form,
            env=(("AUTH", base64.b64encode(b"u:" + VALUE).decode()),),
            labels=(("a/b", VALUE.decode()),),
        )
        places = {(leak.where, leak.path, leak.offset, leak.inside) for leak in found.leaks}
        layer = next(leak.where for leak in found.leaks if leak.where.startswith("sha256:"))
        assert (layer, "/app", 5003, ()) in places
        assert (layer, "/data/archive", 3, ("gzip at 4",)) in places
        assert ("config", "/config/Labels/a~1b", 0, ()) in places
        assert any(where == "config" and "/Env/" in path for where, path, _, _ in places)
        assert VALUE.decode() not in "".join(map(str, found.leaks))
        assert VALUE not in msgspec.json.encode(found)


def test_names_and_targets_count_too():
    found = inspected(
        Tree.of({"/l": Link(VALUE.decode().replace("/", "_") + "/" + VALUE.decode())})
    )
    assert [leak.path for leak in found.leaks] == ["(headers)"]


def test_an_image_without_secrets_passes():
    found = inspected(Tree.of({"/app": File(Bytes(bytes(100_000)))}))
    assert not found.leaks
    assert found.secrets == ("token",)
    assert found.bytes > 100_000
