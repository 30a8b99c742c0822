import pytest

from whit.errors.registry import NoSuchPlatform
from whit.model.image import MEDIA_INDEX, MEDIA_MANIFEST
from whit.model.names import Platform, digest_of
from whit.oci.documents import Descriptor, Index, PlatformDocument, encode
from whit.oci.graph import choose, platform_text, read_document


def index(*platforms: str) -> Index:
    entries = []
    for text in platforms:
        system, architecture, *variant = text.split("/")
        where = PlatformDocument(architecture, system, variant=variant[0] if variant else "")
        entries.append(Descriptor(MEDIA_MANIFEST, digest_of(text.encode()), 1, platform=where))
    return Index(2, tuple(entries), MEDIA_INDEX)


@pytest.mark.parametrize(
    ("offered", "asked", "chosen"),
    [
        ("linux/amd64 linux/arm64", "linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64", "linux/arm64/v8"),
        ("linux/arm64", "linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v9", "linux/arm64"),
        ("linux/arm/v5 linux/arm/v6", "linux/arm", "linux/arm/v6"),
        ("linux/arm/v6 linux/arm/v7", "linux/arm", "linux/arm/v7"),
        ("linux/arm/v6 linux/arm/v7", "linux/arm/v6", "linux/arm/v6"),
        ("linux/amd64/v3 linux/amd64", "linux/amd64", "linux/amd64"),
        ("linux/amd64/v3 linux/amd64/v2", "linux/amd64", "linux/amd64/v2"),
        ("linux/amd64 linux/amd64/v2 linux/amd64/v3", "linux/amd64/v4", "linux/amd64/v3"),
        ("linux/amd64/v3", "linux/amd64/v2", ""),
        ("linux/arm/v7", "linux/arm/v6", ""),
        ("linux/amd64", "linux/arm64", ""),
    ],
)
def test_the_newest_variant_that_a_machine_runs(offered: str, asked: str, chosen: str):
    document = read_document(encode(index(*offered.split())), MEDIA_INDEX)
    if not chosen:
        with pytest.raises(NoSuchPlatform) as caught:
            choose(document, Platform.parse(asked))
        assert offered.split(maxsplit=1)[0] in (caught.value.hint or "")
        return
    found = choose(document, Platform.parse(asked))
    assert platform_text(found.platform) == chosen
