"""Dockerfiles: their language, and their steps."""

from whit.errors import RequestError, WorldError


class BadDockerfile(RequestError):
    """A Dockerfile, or a line of it, that cannot be read at all."""

    code = "D001"


class BadInstruction(RequestError):
    """An instruction whose words or flags are not what it takes."""

    code = "D002"


class BadExpansion(RequestError):
    """A variable or quote that cannot be expanded, or `${name:?message}` on an unset one."""

    code = "D003"


class BadStage(RequestError):
    """A stage that does not exist, stands too late or in a circle, or a FROM without an image."""

    code = "D004"


class BadPattern(RequestError):
    """A wildcard, .dockerignore or --exclude pattern that cannot be read."""

    code = "D005"


class RefusedInstruction(RequestError):
    """An instruction that can be read and cannot be done."""

    code = "D101"


class NoSuchSource(RequestError):
    """COPY or ADD names what is not in the context, the stage or the image."""

    code = "D102"


class CannotCopy(RequestError):
    """A file where a directory is to go, or the other way round."""

    code = "D103"


class StepFailed(RequestError):
    """A RUN ended with another status than 0."""

    code = "D104"


class NoSuchBase(RequestError):
    """A FROM, COPY --from or named context that means no image."""

    code = "D105"


class CannotFetch(WorldError):
    """ADD of a URL that does not answer, or answers with something else."""

    code = "D106"
    temporary = True


class NoFailedStep(RequestError):
    """`whit debug` finds no step that it could open."""

    code = "D107"


class CheckFailed(RequestError):
    """A Dockerfile that asks not to be built while the lint has something to say."""

    code = "D108"
