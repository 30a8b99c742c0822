"""Dynamic program and root in, needs out: the loader's closure and what it cannot show. Pure.

A closure shows what stands in headers. Libraries are also opened by name while a program runs; each
such way is a rule here, with evidence:

    N071  dlopen is imported, and the name of a library stands in the bytes
    N072  users or hosts are looked up, and glibc is older than 2.34, which has the modules built in
    N073  iconv_open is imported, and names of character sets stand in the bytes
    N074  setlocale is imported
    N075  libcrypto is loaded: its configuration says what TLS may do
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from whit.binary.facts import Facts
from whit.binary.symbols import imported_symbols
from whit.model.files import Files, follow
from whit.model.plan import Evidence, Need, Standing, What
from whit.needs.charsets import modules_of
from whit.needs.closure import Closure, Missing, Object, Start
from whit.needs.imports import IMPORTS, NAME_SERVICE_SYMBOLS, UNWINDING_SYMBOLS, Import
from whit.needs.libraries import closure_of
from whit.needs.rules import (
    DLOPENED,
    GCONV,
    LIBRARIES,
    LICENCES,
    LOCALES,
    NAME_SERVICES,
    OPENSSL,
    RULES,
)

# A whole string that is a library's name or path is looked for from its end: ".so" is rare.
LIBRARY_END = re.compile(rb"\.so(?:\.\d{1,4}){0,3}\0")
LIBRARY_NAME = re.compile(rb"(?:/[A-Za-z0-9_.+-]+)+|lib[A-Za-z0-9_.+-]{1,60}")
MAX_NAME_BYTES = 256
OPENSSL_DIRECTORY = re.compile(rb'OPENSSLDIR: "(/[A-Za-z0-9_./+-]{1,200})"')
ROOTS_FILE = "/etc/ssl/certs/ca-certificates.crt"
ROOT_PATHS = (b"/etc/ssl/certs", b"/etc/pki/tls/certs", b"/etc/ssl/cert.pem")
# These hold paths of CA roots and look there only when their caller asks (see needs.imports).
TLS_LIBRARIES = ("libssl.so", "libcrypto.so", "libgnutls.so", "libp11-kit.so", "libc.so")
LIBC = "libc.so.6"
STATUS, RELEASE = "/var/lib/dpkg/status", "/etc/os-release"
MAX_NAMES = 32


class Loading(msgspec.Struct, frozen=True, eq=False):
    """`needs` are N070 to N079, and what imported names say for the codes of other rules."""

    closure: Closure
    needs: tuple[Need, ...]


def loading_of(
    facts: Facts,
    start: Start,
    files: Files,
    beside: Files,
    added: Iterable[str] = (),
    modules: frozenset[str] = frozenset(),
) -> Loading:
    """`added` are codes that the user asked for: what is optional of them is taken. `modules` are
    files of directories that were taken along: one that cannot be loaded here is told.
    """
    closure = _without_optional(closure_of(start, files, beside), frozenset(), modules)
    if closure.loader is None:
        return Loading(closure, (_libraries(facts, closure, ()),))
    scene = _Scene(start, files, closure, frozenset(added))
    needs = [_opened(scene), _name_services(scene), _converters(scene), _locales(scene)]
    asked = {name: need.code for need in needs for name, _ in scene.extra.get(need.code, ())}
    if asked:
        extra = tuple(pair for pairs in scene.extra.values() for pair in pairs)
        more = msgspec.structs.replace(start, extra=(*start.extra, *extra))
        closure = _without_optional(closure_of(more, files, beside), frozenset(asked), modules)
        needs = [_with_libraries(need, closure, scene, asked) for need in needs]
    needs += [_libraries(facts, closure, scene.closure.objects), _openssl(scene)]
    needs += [_licences(closure, files), *_imports(scene)]
    return Loading(closure, tuple(needs))


class _Scene:
    """What the rules look at; `extra` collects (name, path of who opens it) by code."""

    def __init__(self, start: Start, files: Files, closure: Closure, added: frozenset[str]) -> None:
        self.start, self.files, self.closure, self.added = start, files, closure, added
        self.program = closure.objects[0]
        self.imports: Mapping[str, frozenset[str]] = {
            known.path: imported_symbols(known.elf, known.dynamic) for known in closure.objects
        }
        self.extra: dict[str, list[tuple[str, str]]] = {}
        loader = closure.loader
        self.is_musl = loader is not None and loader.is_musl
        self.libc = next((o for o in closure.libraries if o.dynamic.soname == LIBC), None)

    def importers(self, symbols: Iterable[str]) -> list[tuple[Object, str]]:
        """Who imports one of `symbols`, and the first that it imports; libc does not count."""
        found = []
        wanted = tuple(symbols)
        for known in self.closure.objects:
            if known is self.libc or known.how == "interpreter":
                continue
            name = next((s for s in wanted if s in self.imports[known.path]), "")
            if name:
                found.append((known, name))
        return found

    @property
    def glibc_minor(self) -> int:
        """36 of glibc 2.36; 0 where there is none."""
        if self.libc is None:
            return 0
        numbers = (re.fullmatch(r"GLIBC_2\.(\d+)", d) for d in self.libc.dynamic.definitions)
        return max((int(match[1]) for match in numbers if match), default=0)


# ---- N070, N079: the closure --------------------------------------------------------------------


def _libraries(facts: Facts, closure: Closure, first: tuple[Object, ...]) -> Need:
    code, _, title = LIBRARIES
    evidence = [Evidence("library", f"DT_NEEDED {name}") for name in facts.libraries]
    evidence.insert(0, Evidence("library", f"PT_INTERP {facts.interpreter}"))
    evidence += [Evidence("file", note) for note in closure.notes]
    evidence += [
        Evidence("assumption", f"{path} is for newer processors and is left out")
        for path in closure.variants
    ]
    own = {known.path for known in first}
    what = [_what(known, closure) for known in closure.libraries if known.path in own]
    if closure.cached:
        pairs = tuple(f"{name}={path}" for name, path in closure.cached)
        architecture = facts.platform.architecture
        why = f"the loader's own directories do not have {closure.cached[0][0]}"
        what.append(What("loader-cache", (architecture, *pairs), why))
    what += [
        What("library", (m.name,), f"wanted by {m.wanted_by}: {m.why}") for m in closure.missing
    ]
    note = "the program does not start: no such file or directory"
    return Need(code, title, Standing.REQUIRED, tuple(what), tuple(evidence), note)


def _what(known: Object, closure: Closure) -> What:
    wishes = closure.wanted.get(known.path, ())
    why = wishes[0] if wishes else known.how
    if len(wishes) > 1:
        why += f" and {len(wishes) - 1} more"
    if not known.is_beside:
        return What("library", (known.path,), why)
    links = dict(link for o in closure.libraries if not o.is_beside for link in o.found.links)
    settled = follow(known.path, links.get)
    return What("beside", (settled.path if settled else known.path, known.found.path), why)


def _licences(closure: Closure, files: Files) -> Need:
    code, _, title = LICENCES
    paths = sorted({o.found.path for o in closure.objects if not o.is_beside})
    what = [What("licence", (path,)) for path in paths]
    if files.find(STATUS) and files.find(RELEASE):
        what.append(What("file", (RELEASE,), "scanners ask which distribution packages are of"))
    evidence = (Evidence("file", "licences and records travel with what they are about"),)
    note = "most licences want their text to go along; scanners find packages by their records"
    return Need(code, title, Standing.REQUIRED, tuple(what), evidence, note)


def _without_optional(closure: Closure, names: frozenset[str], modules: frozenset[str]) -> Closure:
    """A name that is tried by dlopen may be missing: whoever tries it goes on without. So it is
    with what a module needs that came along with its directory.
    """
    missing: list[Missing] = []
    notes = list(closure.notes)
    for one in closure.missing:
        if one.wanted_by in modules or one.name in modules:
            notes.append(f"cannot be loaded here: {one}")
        elif one.name not in names:
            missing.append(one)
    return msgspec.structs.replace(closure, missing=tuple(missing), notes=tuple(notes))


def _with_libraries(need: Need, closure: Closure, scene: _Scene, asked: Mapping[str, str]) -> Need:
    """The need with what its names brought into the closure, and what that needs itself."""
    before = {known.path for known in scene.closure.objects}
    what = []
    for known in closure.libraries:
        if known.path in before:
            continue
        at: Object | None = known
        while at is not None and _name_of(at, closure, asked) is None:
            at = at.loaded_by
        name = _name_of(at, closure, asked) if at else None
        if name and asked[name] == need.code:
            what.append(_what(known, closure))
    return msgspec.structs.replace(need, what=(*what, *need.what))


def _name_of(known: Object, closure: Closure, asked: Mapping[str, str]) -> str | None:
    names = (wish.partition(" of ")[0] for wish in closure.wanted.get(known.path, ()))
    return next((name for name in names if name in asked), None)


# ---- N071: dlopen -------------------------------------------------------------------------------


def _opened(scene: _Scene) -> Need:
    code, _, title = DLOPENED
    openers = scene.importers(("dlopen", "dlmopen"))
    required: list[tuple[str, str]] = []
    evidence: list[Evidence] = []
    known = {o.dynamic.soname for o in scene.closure.objects}
    known |= {name for o in scene.closure.objects for name in o.dynamic.libraries}
    left_out: list[str] = []
    for opener, symbol in openers:
        for name in _library_names(opener):
            if name in known or name.rpartition("/")[2] in known:
                continue
            evidence.append(Evidence("constant", f'{opener.path} imports {symbol}, holds "{name}"'))
            if opener is scene.program or code in scene.added:
                required.append((name, opener.path))
            else:
                left_out.append(name)
    unwinders = scene.importers(UNWINDING_SYMBOLS)
    if unwinders and scene.libc and not any(n.startswith("libgcc_s.so") for n in known):
        who, symbol = unwinders[0]
        evidence.insert(0, Evidence("symbol", f"{symbol} of {who.path} loads libgcc_s.so.1"))
        required.append(("libgcc_s.so.1", scene.libc.path))
    scene.extra[code] = required[:MAX_NAMES]
    if not openers and not required:
        return Need(code, title, Standing.ABSENT, (), (), "nothing imports dlopen")
    note = "what is opened by a name that the program makes or reads cannot be seen"
    if left_out:
        note = f"libraries may open {', '.join(left_out[:6])}: --need {DLOPENED[1]} takes them"
    standing = Standing.REQUIRED if required else Standing.OPTIONAL
    shown = evidence or [_imported(openers)]
    return Need(code, title, standing, (), tuple(shown[:MAX_NAMES]), note)


def _library_names(opener: Object) -> list[str]:
    """The library names and paths that stand as whole strings in a file, in its order."""
    data = opener.elf.data
    names: dict[str, None] = {}
    for match in LIBRARY_END.finditer(data):
        before = bytes(data[max(match.start() - MAX_NAME_BYTES, 0) : match.end() - 1])
        _, ends, name = before.rpartition(b"\0")
        if ends and LIBRARY_NAME.fullmatch(name):
            names.setdefault(name.decode())
    return [name for name in names if name != opener.dynamic.soname][:MAX_NAMES]


# ---- N072, N073, N074: what libc opens ----------------------------------------------------------


def _name_services(scene: _Scene) -> Need:
    code, _, title = NAME_SERVICES
    askers = scene.importers(NAME_SERVICE_SYMBOLS)
    if not askers or scene.is_musl or scene.libc is None:
        return Need(code, title, Standing.ABSENT, (), (), "no user or host is looked up by libc")
    minor = scene.glibc_minor
    evidence = (_imported(askers),)
    if minor >= 34:
        note = f"files and dns are built into glibc 2.{minor}"
        return Need(code, title, Standing.ASSUMED_NOT, (), evidence, note)
    names = ("libnss_files.so.2", "libnss_dns.so.2")
    scene.extra[code] = [(name, scene.libc.path) for name in names]
    note = f"glibc 2.{minor} looks nothing up without its modules"
    return Need(code, title, Standing.REQUIRED, (), evidence, note)


def _converters(scene: _Scene) -> Need:
    code, _, title = GCONV
    askers = scene.importers(("iconv_open",))
    if not askers or scene.is_musl or scene.closure.loader is None:
        return Need(code, title, Standing.ABSENT, (), (), "iconv_open is not imported")
    evidence = [_imported(askers)]
    own = [known for known, _ in askers if known is scene.program]
    takes_all = code in scene.added
    modules, index = modules_of(
        scene.files,
        scene.closure.loader.directories,
        [bytes(known.elf.data) for known in own],
        takes_all=takes_all,
    )
    note = "conversions but those of UTF-8 and ASCII fail: --need gconv takes all converters"
    if not modules or scene.libc is None:
        return Need(code, title, Standing.OPTIONAL, (), tuple(evidence), note)
    scene.extra[code] = [(path, scene.libc.path) for _, path in modules]
    evidence += [
        Evidence("constant", f'{scene.program.path} holds "{charset}"')
        for charset, _ in modules[:MAX_NAMES]
        if charset
    ]
    what = tuple(What("file", (path,), "the list of converters") for path in index)
    return Need(code, title, Standing.REQUIRED, what, tuple(evidence), note)


def _locales(scene: _Scene) -> Need:
    code, _, title = LOCALES
    askers = scene.importers(("setlocale", "newlocale"))
    if not askers or scene.is_musl:
        return Need(code, title, Standing.ABSENT, (), (), "setlocale is not imported")
    evidence = (_imported(askers),)
    if scene.glibc_minor >= 35:
        note = "C, POSIX and C.UTF-8 are built into libc; others are given under [files]"
    else:
        note = "C and POSIX are built into libc; others are given under [files]"
    return Need(code, title, Standing.OPTIONAL, (), evidence, note)


# ---- N075: OpenSSL ------------------------------------------------------------------------------


def _openssl(scene: _Scene) -> Need:
    code, _, title = OPENSSL
    crypto = next(
        (o for o in scene.closure.libraries if o.dynamic.soname.startswith("libcrypto.so")), None
    )
    match = OPENSSL_DIRECTORY.search(crypto.elf.data) if crypto else None
    if crypto is None or match is None:
        return Need(code, title, Standing.ABSENT, (), (), "libcrypto is not loaded")
    directory = match[1].decode()
    evidence = [Evidence("constant", f'{crypto.path} holds OPENSSLDIR "{directory}"')]
    what: list[What] = []
    configuration = f"{directory}/openssl.cnf"
    has_tls = any(o.dynamic.soname.startswith("libssl.so") for o in scene.closure.libraries)
    if scene.files.find(configuration) and (has_tls or code in scene.added):
        what.append(What("file", (configuration,), "says which TLS versions are allowed"))
    askers = _users_of_tls(scene.importers(IMPORTS[0].symbols))
    if askers and f"{directory}/certs" != ROOTS_FILE.rpartition("/")[0]:
        why = f"{askers[0][1]} of {askers[0][0].path} looks for CA roots there"
        what.append(What("link", (f"{directory}/cert.pem", ROOTS_FILE), why))
    note = "OpenSSL takes its built-in settings; providers (legacy) are given under [files]"
    standing = Standing.REQUIRED if what else Standing.OPTIONAL
    return Need(code, title, standing, tuple(what), tuple(evidence), note)


# ---- the codes of other rules -------------------------------------------------------------------


def _imports(scene: _Scene) -> Iterator[Need]:
    titles = {rule.code: rule.title for rule in RULES}
    for row in IMPORTS:
        askers = scene.importers(row.symbols)
        if row.code == "N010":
            askers = _users_of_tls(askers)
        elif row.own:
            askers = [(known, name) for known, name in askers if known is scene.program]
        evidence = [
            Evidence("symbol", f"{known.path} imports {name}") for known, name in askers[:3]
        ]
        if row.code == "N010":
            evidence += _root_paths(scene)
        if evidence:
            yield _need_of(row, titles[row.code], evidence)
        else:
            note = f"nothing that is loaded imports {row.symbols[0]} or the like"
            yield Need(row.code, titles[row.code], Standing.ASSUMED_NOT, (), (), note)
    switch = _switch(scene)
    if switch is not None:
        yield switch


def _users_of_tls(askers: list[tuple[Object, str]]) -> list[tuple[Object, str]]:
    return [pair for pair in askers if not pair[0].dynamic.soname.startswith(TLS_LIBRARIES)]


def _imported(askers: list[tuple[Object, str]]) -> Evidence:
    known, name = askers[0]
    return Evidence("symbol", f"{known.path} imports {name}")


def _need_of(row: Import, title: str, evidence: list[Evidence]) -> Need:
    return Need(row.code, title, row.standing, row.what, tuple(evidence), row.note)


def _root_paths(scene: _Scene) -> Iterator[Evidence]:
    """Libraries other than the TLS ones that hold the place of CA roots, such as libcurl."""
    for known in scene.closure.libraries:
        if known.dynamic.soname.startswith(TLS_LIBRARIES) or known.how == "interpreter":
            continue
        for path in ROOT_PATHS:
            if re.search(re.escape(path), known.elf.data):
                yield Evidence("constant", f'{known.path} holds "{path.decode()}"')
                break


def _switch(scene: _Scene) -> Need | None:
    """Older glibc asks DNS before /etc/hosts where no nsswitch.conf says otherwise."""
    askers = scene.importers(NAME_SERVICE_SYMBOLS)
    if not askers or scene.libc is None or re.search(rb"\0files dns\0", scene.libc.elf.data):
        return None
    evidence = (
        _imported(askers),
        Evidence("constant", f'{scene.libc.path} holds no default "files dns"'),
    )
    title = next(rule.title for rule in RULES if rule.code == "N031")
    note = "names of /etc/hosts are asked of DNS first"
    return Need("N031", title, Standing.REQUIRED, (What("nsswitch"),), evidence, note)
