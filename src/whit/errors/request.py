"""What was asked for, whit.toml and whit.lock."""

from whit.errors import RequestError


class BadSettingsFile(RequestError):
    """whit.toml cannot be read or is no TOML."""

    code = "C001"


class UnknownSetting(RequestError):
    """A key that whit does not know, in whit.toml or after --set."""

    code = "C002"


class BadSetting(RequestError):
    """A value of the wrong kind."""

    code = "C003"


class NoContract(RequestError):
    """An image of which nobody can say what it reads from its environment."""

    code = "C008"


class NoEntryProgram(RequestError):
    """The program that starts first is not there for a machine, or is not the released one."""

    code = "C010"


class ContractBroken(RequestError):
    """A run's variables and secrets are not what the contract asks for."""

    code = "C009"


class BadManifest(RequestError):
    """A manifest that cannot be read, or that names no single program where it says whit://."""

    code = "C011"


class BadProbe(RequestError):
    """What is to be asked or waited for is nothing that the entry program knows."""

    code = "C012"


class BadDestination(RequestError):
    """A `--to` that names no destination whit knows, or one that cannot be written."""

    code = "C004"


class BadLock(RequestError):
    """whit.lock cannot be read or written."""

    code = "C006"


class Drifted(RequestError):
    """Something that goes into the image is not what whit.lock says; --frozen forbids that."""

    code = "C007"


class NothingToRun(RequestError):
    """An image name that the store does not know, or a build that gave several."""

    code = "C005"
