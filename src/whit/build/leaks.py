"""Images and the secrets of their build in, a refusal out where one holds a value."""

from time import perf_counter
from typing import BinaryIO

from whit.build.events import Finished, Listener, Warned
from whit.errors import SecretLeaked
from whit.model.image import Image
from whit.model.names import Digest
from whit.model.secret import Secrets
from whit.report.words import count_text, size_text
from whit.store.blobs import Store

_MOST_TOLD = 20


def refuse_leaks(
    images: tuple[Image, ...], secrets: Secrets, store: Store, listen: Listener
) -> None:
    """Search every byte of the images for the secrets. Errors: SecretLeaked."""
    from whit.secrets.leaks import inspect_image
    from whit.secrets.scan import Search

    if not len(secrets):
        return
    begun = perf_counter()
    search = Search(secrets)

    def open_blob(digest: Digest, size: int) -> BinaryIO:
        return store.open_blob(digest, size)

    found = [inspect_image(image, open_blob, search) for image in images]
    for name, why in search.unprovable.items():
        listen(Warned(f"secret {name} is searched for, but finding none proves nothing: {why}"))
    for inspection in found:
        for unread in inspection.unread:
            listen(Warned(f"not searched for secrets: {unread}"))
    # What is no secret by its own nature may stand anywhere.
    leaks = [leak for one in found for leak in one.leaks if leak.secret not in search.unprovable]
    for one in found:
        for leak in one.leaks:
            if leak.secret in search.unprovable:
                listen(Warned(f"perhaps a secret: {leak}"))
    if leaks:
        told = [f"  {leak}" for leak in leaks[:_MOST_TOLD]]
        if len(leaks) > _MOST_TOLD:
            told.append(f"  and {len(leaks) - _MOST_TOLD} more")
        raise SecretLeaked(
            f"a secret is in the image: {count_text(len(leaks), 'place')}",
            hint="see how it came there: -ldflags -X, //go:embed, a generated file, an ENV; "
            "the image got no name and went nowhere",
            output="\n".join(told),
        )
    proven = len(secrets) - len(search.unprovable)
    size = size_text(sum(one.bytes for one in found))
    detail = f"{count_text(proven, 'value')} in none of {size}, {len(search.patterns)} patterns"
    listen(Finished("secrets", detail, perf_counter() - begun))
