"""Build arguments and the ARGs before the first FROM in, what FROM lines see out. Pure."""

from collections.abc import Iterable, Mapping

from whit.dockerfile import instructions as i
from whit.dockerfile.expand import Mode, expand
from whit.model.names import Platform

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
# Build arguments with a meaning of their own, which no ARG has to declare.
SPECIAL = (
    *("SOURCE_DATE_EPOCH", "BUILDKIT_SYNTAX", "BUILDKIT_DOCKERFILE_CHECK"),
    *("BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_CONTEXT_KEEP_GIT_DIR", "BUILDKIT_INLINE_CACHE"),
    *("BUILDKIT_MULTI_PLATFORM", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_BUILD_NAME"),
)


def normal(platform: Platform) -> Platform:
    """Without a variant that says nothing: arm64/v8 is arm64, and arm is arm/v7."""
    variant = {("arm64", "v8"): "", ("arm", ""): "v7", ("amd64", "v1"): ""}.get(
        (platform.architecture, platform.variant), platform.variant
    )
    return Platform(platform.os, platform.architecture, variant)


def platform_arguments(target: Platform, build: Platform, stage: str) -> dict[str, str]:
    """The predefined ones. `stage` is the target's name."""
    found = {}
    for prefix, platform in (("BUILD", normal(build)), ("TARGET", normal(target))):
        found[f"{prefix}PLATFORM"] = str(platform)
        found[f"{prefix}OS"] = platform.os
        found[f"{prefix}OSVERSION"] = ""
        found[f"{prefix}ARCH"] = platform.architecture
        found[f"{prefix}VARIANT"] = platform.variant
    return {**found, "TARGETSTAGE": stage or "default"}


def global_arguments(
    predefined: Mapping[str, str], arguments: Iterable[i.Arg], given: Mapping[str, str], escape: str
) -> dict[str, str]:
    """Every ARG before the first FROM sees those above it. Errors: BadExpansion."""
    found = {name: given.get(name, value) for name, value in predefined.items()}
    for instruction in arguments:
        for argument in instruction.arguments:
            if argument.name in given:
                found[argument.name] = given[argument.name]
            elif argument.value is not None:
                found[argument.name] = expand(argument.value, found, Mode(escape=escape)).text
    return found


def settled(instruction: i.Arg, outside: Mapping[str, str], given: Mapping[str, str]) -> i.Arg:
    """An ARG of a stage with what --build-arg and the ARGs before the first FROM say to it."""

    def one(argument: i.Argument) -> i.Argument:
        if argument.name in given:
            return i.Argument(argument.name, given[argument.name], is_final=True)
        if argument.value is None and argument.name in outside:
            return i.Argument(argument.name, outside[argument.name], is_final=True)
        return argument

    return i.Arg(
        span=instruction.span,
        word=instruction.word,
        text=instruction.text,
        comments=instruction.comments,
        arguments=tuple(map(one, instruction.arguments)),
    )


def proxies_of(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Each proxy that was given, in both spellings: programs read the one or the other."""
    upper = {name.upper(): value for name, value in given.items() if name.upper() in PROXIES}
    return tuple(
        (spelling, upper[name])
        for name in PROXIES
        if name in upper
        for spelling in (name, name.lower())
    )


def unknown_arguments(
    given: Mapping[str, str], declared: Iterable[i.Arg], predefined: Mapping[str, str]
) -> tuple[str, ...]:
    """Build arguments that nothing in the file takes."""
    known = {argument.name for arg in declared for argument in arg.arguments}
    known |= {*predefined, *SPECIAL}
    return tuple(sorted(n for n in given if n not in known and n.upper() not in PROXIES))
