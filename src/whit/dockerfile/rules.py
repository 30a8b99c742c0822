"""The rules of lint by name: docker's, and those for images of Go programs. Pure."""

from collections.abc import Iterable

from whit.dockerfile.findings import Level, Rule


def _dockers(name: str, why: str, *, is_experimental: bool = False) -> Rule:
    return Rule(name, why, is_dockers=True, is_experimental=is_experimental)


STAGE_NAME_CASING = _dockers(
    "StageNameCasing", "a stage is named in upper case, and is looked up in lower case"
)
FROM_AS_CASING = _dockers("FromAsCasing", "FROM and AS are written in different case")
NO_EMPTY_CONTINUATION = _dockers(
    "NoEmptyContinuation", "a blank line in a broken line will be an error in docker one day"
)
CONSISTENT_INSTRUCTION_CASING = _dockers(
    "ConsistentInstructionCasing", "instructions are written in different case"
)
DUPLICATE_STAGE_NAME = _dockers(
    "DuplicateStageName", "two stages share a name, so the first is hard to reach"
)
RESERVED_STAGE_NAME = _dockers(
    "ReservedStageName", "a stage has a name that docker gives a meaning to"
)
JSON_ARGS_RECOMMENDED = _dockers(
    "JSONArgsRecommended", "a program started through a shell gets no signals"
)
MAINTAINER_DEPRECATED = _dockers(
    "MaintainerDeprecated", "MAINTAINER is deprecated in favour of a label"
)
UNDEFINED_ARG_IN_FROM = _dockers(
    "UndefinedArgInFrom", "a FROM uses a variable that no ARG above declares"
)
WORKDIR_RELATIVE_PATH = _dockers(
    "WorkdirRelativePath", "a relative WORKDIR changes when the base does"
)
UNDEFINED_VAR = _dockers("UndefinedVar", "a variable is used that nothing gives a value to")
MULTIPLE_INSTRUCTIONS_DISALLOWED = _dockers(
    "MultipleInstructionsDisallowed",
    "only the last CMD, ENTRYPOINT and HEALTHCHECK of a stage counts",
)
LEGACY_KEY_VALUE_FORMAT = _dockers(
    "LegacyKeyValueFormat", "a key and its value have a space between them instead of ="
)
INVALID_BASE_IMAGE_PLATFORM = _dockers(
    "InvalidBaseImagePlatform", "a base image is for another platform than the build"
)
REDUNDANT_TARGET_PLATFORM = _dockers("RedundantTargetPlatform", "--platform says what is so anyway")
SECRETS_USED_IN_ARG_OR_ENV = _dockers(
    "SecretsUsedInArgOrEnv", "ARG and ENV stay readable in the image"
)
INVALID_DEFAULT_ARG_IN_FROM = _dockers(
    "InvalidDefaultArgInFrom", "without --build-arg the base image has no valid name"
)
FROM_PLATFORM_FLAG_CONST_DISALLOWED = _dockers(
    "FromPlatformFlagConstDisallowed", "a constant --platform keeps the file from other platforms"
)
COPY_IGNORED_FILE = _dockers("CopyIgnoredFile", "what is copied is left out by .dockerignore")
INVALID_DEFINITION_DESCRIPTION = _dockers(
    "InvalidDefinitionDescription",
    "a comment above an ARG or a stage does not describe it",
    is_experimental=True,
)
EXPOSE_PROTO_CASING = _dockers("ExposeProtoCasing", "a protocol is not in lower case")
EXPOSE_INVALID_FORMAT = _dockers(
    "ExposeInvalidFormat", "EXPOSE names an address or port of the host"
)

MANY_SOURCES_ONE_FILE = Rule(
    "ManySourcesOneFile",
    "several sources go to one path without a slash, and the last one wins",
    Level.WARNING,
)
UNREACHABLE_PARENTS = Rule(
    "UnreachableParents",
    "an octal --chmod also counts for the directories that COPY makes",
    Level.WARNING,
)
UNKNOWN_COPY_OWNER = Rule(
    "UnknownCopyOwner",
    "a name after --chown that the image does not know means root, or an error",
    Level.WARNING,
)
NO_SHELL_IN_IMAGE = Rule(
    "NoShellInImage", "a shell form needs a shell that the base does not have", Level.WARNING
)
NO_TOOL_FOR_HEALTHCHECK = Rule(
    "NoToolForHealthcheck",
    "a health check calls a program that the base does not have",
    Level.WARNING,
)
USER_WITHOUT_PASSWD = Rule(
    "UserWithoutPasswd", "a user by name needs a passwd in the image", Level.WARNING
)
DYNAMIC_PROGRAM_ON_SCRATCH = Rule(
    "DynamicProgramOnScratch",
    "a program linked with cgo needs a loader that the base does not have",
    Level.WARNING,
)
SECRETS_COPIED = Rule(
    "SecretsCopied",
    "a file with secrets, or the history of the repository, gets into the image",
    Level.WARNING,
)
GO_SYMBOLS_KEPT = Rule(
    "GoSymbolsKept", "symbols and debug information are about a third of a Go program", Level.ADVICE
)
GO_PATHS_KEPT = Rule(
    "GoPathsKept", "without -trimpath the program names the paths of the build", Level.ADVICE
)
GO_MODULES_NOT_CACHED = Rule(
    "GoModulesNotCached", "every change of a source file downloads all modules again", Level.ADVICE
)
BASE_LARGER_THAN_NEEDED = Rule(
    "BaseLargerThanNeeded", "the final stage runs nothing, so its base can be smaller", Level.ADVICE
)
BASE_NOT_PINNED = Rule(
    "BaseNotPinned", "a base without a tag or digest changes by itself", Level.ADVICE
)
NO_CERTIFICATES_IN_IMAGE = Rule(
    "NoCertificatesInImage", "a program that calls https needs CA certificates", Level.ADVICE
)

RULES: tuple[Rule, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Rule)
)


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that is at most two letters away, or ""; as near as docker looks."""
    best, nearest = "", 3
    for candidate in known:
        distance = _distance(name, candidate, nearest)
        if 0 < distance < nearest:
            best, nearest = candidate, distance
    return best


def _distance(one: str, other: str, most: int) -> int:
    """Levenshtein's; `most` or more is `most`."""
    if abs(len(one) - len(other)) >= most or max(len(one), len(other)) > 200:
        return most
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        above, row[0] = row[0], at
        for column, other_letter in enumerate(other, 1):
            above, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, above + (letter != other_letter)),
            )
    return row[-1]
