"""Images, their settings and the secrets of their build in, a refusal out where one leaks.

a known value in any byte           K001   every build with --secret
a credential's own form in a byte   K004   before an image goes anywhere, and with --secret
a file that keeps credentials       K004   every build
a variable named so, with a value   K005   every build
"""

import os
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO

from whit.build.events import Finished, Listener, Warned
from whit.errors.secrets import CredentialFound, SecretLeaked, SecretNamed
from whit.model.image import Image, Layer
from whit.model.names import Digest
from whit.model.secret import Secrets
from whit.report.words import count_text, size_text
from whit.store.blobs import Store
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.build.settings import Settings
    from whit.secrets.leaks import Inspection, Leak

_MOST_TOLD = 20
ALLOW = 'if it is no secret, allow it with a reason in whit.toml: [secrets.allow] "{}" = "why"'


def refuse_leaks(
    images: tuple[Image, ...],
    secrets: Secrets,
    allowed: Mapping[str, str],
    store: Store,
    listen: Listener,
) -> None:
    """Search every byte of the images for the secrets, and for credentials by their form.

    Errors: SecretLeaked, CredentialFound.
    """
    from whit.secrets.rules import RULES

    begun = perf_counter()
    keys = [] if len(secrets) else [_key_of(image) for image in images]
    if keys and all(store.steps.get(key) is not None for key in keys):
        listen(Finished("secrets", "no credential, as was found before", perf_counter() - begun))
        return
    from whit.secrets.leaks import inspect_image
    from whit.secrets.scan import Search

    search = Search(secrets, RULES)

    def open_blob(digest: Digest, size: int) -> BinaryIO:
        return store.open_blob(digest, size)

    found = [inspect_image(image, open_blob, search) for image in images]
    for name, why in search.unprovable.items():
        listen(Warned(f"secret {name} is searched for, but finding none proves nothing: {why}"))
    for inspection in found:
        for unread in inspection.unread:
            listen(Warned(f"not searched for secrets: {unread}"))
    _refuse_known(found, search.unprovable, listen)
    _refuse_forms(found, allowed, listen)
    if not any(one.leaks or one.unread for one in found):
        for key in keys:
            store.steps.put(key, b"")
    proven = len(secrets) - len(search.unprovable)
    size = size_text(sum(one.bytes for one in found))
    detail = f"{count_text(proven, 'value')} in none of {size}, {search.pattern_count} patterns"
    if not len(secrets):
        detail = f"no credential in {size}, by {len(RULES)} forms"
    listen(Finished("secrets", detail, perf_counter() - begun))


def refuse_in_cache(layers: Iterable[Layer], secrets: Secrets, store: Store) -> None:
    """Search what steps changed before it goes to a cache: a stage that the image leaves behind is
    in it. Errors: SecretLeaked.
    """
    from whit.secrets.leaks import inspect
    from whit.secrets.scan import Search

    search = Search(secrets)
    found = inspect((), layers, store.open_blob, search)
    leaks = [leak for leak in found.leaks if leak.secret not in search.unprovable]
    if leaks:
        raise SecretLeaked(
            f"a secret is in the cache that --cache-to would write: "
            f"{count_text(len(leaks), 'place')}",
            hint="mount it where it is needed: RUN --mount=type=secret",
            output=_told(leaks),
        )


def _key_of(image: Image) -> str:
    """What depends on the bytes of an image, which its digest covers, and on the rules."""
    from whit import __version__
    from whit.secrets.rules import RULES

    rules = repr([(rule.name, rule.keyword, rule.form) for rule in RULES])
    return key_of("no credential", __version__, rules, image.manifest_digest)


def refuse_files(
    paths: Iterable[str],
    allowed: Mapping[str, str],
    listen: Listener,
    *,
    is_sure: bool = True,
    where: str = "the image",
) -> None:
    """Refuse files that only ever keep credentials; warn of all when that `is_sure` not.

    Errors: CredentialFound.
    """
    from whit.secrets.rules import file_rule

    certain = []
    for path in paths:
        rule = file_rule(path)
        if rule is None or path in allowed or rule.name in allowed:
            continue
        if rule.is_certain and is_sure:
            certain.append(f"  {path}: {rule.name}")
        else:
            listen(Warned(f"{path}: {rule.name}", ALLOW.format(path)))
    if certain:
        raise CredentialFound(
            f"a credential is in {where}: {count_text(len(certain), 'file')}",
            hint="leave it out and give it at run time; " + ALLOW.format("PATH"),
            output="\n".join(certain[:_MOST_TOLD]),
        )


def refuse_named(settings: "Settings", listen: Listener) -> None:
    """Refuse values under names that say secret. Errors: SecretNamed."""
    from whit.golang.command import inherited_linker_flags
    from whit.golang.environment import go_setting
    from whit.golang.linkerflags import split_fields

    allowed = settings.secrets.allow
    _check_allowed(allowed, listen)
    given = [(f"image.env.{name}", name, value) for name, value in settings.image.env.items()]
    inherited = inherited_linker_flags(go_setting("GOFLAGS", {**os.environ, **settings.go.env}, ""))
    flags = (*settings.go.ldflags, *inherited)
    fields = [field for text in flags for field in split_fields(text)]
    for before, field in zip(("", *fields), fields, strict=False):
        text = field if before in ("-X", "--X") else field.partition("-X=")[2]
        variable, equals, value = text.partition("=")
        if equals:
            given.append((f"-ldflags -X {variable}", variable, value))
    named = [said for said, name, value in given if is_named(name, value, allowed)]
    if named:
        raise SecretNamed(
            f"{', '.join(named)} has a value that everybody could read in the image",
            hint="give it when the image runs; " + ALLOW.format("NAME"),
        )


def is_named(name: str, value: str, allowed: Mapping[str, str]) -> bool:
    """Whether a variable says by its name that its value is a secret, and has one."""
    from whit.secrets.rules import says_secret

    # A path or a switch is no secret, whatever it belongs to.
    is_plain = not value or value.startswith("/") or value.lower() in ("true", "false", "0", "1")
    return says_secret(name) and not is_plain and name not in allowed


def _check_allowed(allowed: Mapping[str, str], listen: Listener) -> None:
    for name, why in allowed.items():
        if not why.strip():
            listen(Warned(f"[secrets.allow] {name} gives no reason", "say why it is no secret"))


def _refuse_known(
    found: "list[Inspection]", unprovable: Mapping[str, str], listen: Listener
) -> None:
    known = [leak for one in found for leak in one.leaks if not _is_by_form(leak)]
    for leak in known:
        if leak.secret in unprovable:
            listen(Warned(f"perhaps a secret: {leak}"))
    leaks = [leak for leak in known if leak.secret not in unprovable]
    if leaks:
        raise SecretLeaked(
            f"a secret is in the image: {count_text(len(leaks), 'place')}",
            hint="see how it came there: -ldflags -X, //go:embed, a generated file, an ENV; "
            "the image got no name and went nowhere",
            output=_told(leaks),
        )


def _refuse_forms(found: "list[Inspection]", allowed: Mapping[str, str], listen: Listener) -> None:
    from whit.secrets.rules import CERTAIN

    leaks = [
        leak for one in found for leak in one.leaks
        if _is_by_form(leak) and leak.secret not in allowed and leak.path not in allowed
    ]  # fmt: skip
    for leak in leaks:
        if leak.secret not in CERTAIN:
            listen(Warned(f"perhaps {leak}", ALLOW.format(leak.path)))
    certain = [leak for leak in leaks if leak.secret in CERTAIN]
    if certain:
        raise CredentialFound(
            f"a credential is in the image: {count_text(len(certain), 'place')}",
            hint="leave it out and give it at run time; " + ALLOW.format("PATH"),
            output=_told(certain),
        )


def _is_by_form(leak: "Leak") -> bool:
    from whit.secrets.scan import BY_FORM

    return leak.encoding == BY_FORM


def _told(leaks: "list[Leak]") -> str:
    told = [f"  {leak}" for leak in leaks[:_MOST_TOLD]]
    if len(leaks) > _MOST_TOLD:
        told.append(f"  and {len(leaks) - _MOST_TOLD} more")
    return "\n".join(told)
