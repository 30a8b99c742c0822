"""Bases in, the last lines of `whit base` or its JSON document out."""

from collections.abc import Sequence

import msgspec

from whit.model.bases import BaseImage
from whit.report.words import aligned, count_text, size_text

SCHEMA = "whit/base/v1"


def base_lines(bases: Sequence[BaseImage], lock: str) -> list[str]:
    """The packages of the first, what each weighs, and what vouches for them."""
    first = bases[0]
    lines = aligned(
        [("PACKAGE", "VERSION", "SUITE")]
        + [(one.name, one.version, one.suite) for one in first.packages]
    )
    for base in bases:
        image = base.image
        lines.append(
            f"{base.name} for {image.platform}: {size_text(image.file_bytes)} on disk, "
            f"{size_text(image.size)} compressed, {count_text(image.file_count, 'file')}"
        )
    signers = {signer for release in first.releases for signer in release.signed_by}
    newest = max((release.date for release in first.releases), default="")
    how = f"as {lock} says" if first.was_locked else f"written in {lock}"
    lines.append(f"signed by {count_text(len(signers), 'key')}, as of {newest}; {how}")
    return lines


def base_document(
    bases: Sequence[BaseImage], reference: str, digest: str, lock: str
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "reference": reference,
        "digest": digest,
        "lock": lock,
        "images": [_image_document(base) for base in bases],
    }


def _image_document(base: BaseImage) -> dict[str, object]:
    image = base.image
    return {
        "name": base.name,
        "platform": str(image.platform),
        "digest": image.manifest_digest,
        "disk": image.file_bytes,
        "compressed": image.size,
        "files": image.file_count,
        "layers": [{"digest": one.digest, "size": one.size} for one in image.layers],
        "packages": [msgspec.to_builtins(one) for one in base.packages],
        "releases": [
            {
                "suite": one.suite,
                "date": one.date,
                "validUntil": one.valid_until or None,
                "digest": one.digest,
                "signedBy": list(one.signed_by),
            }
            for one in base.releases
        ],
        "wasLocked": base.was_locked,
    }
