"""What a closure cannot show: each rule with the evidence that opens it, and without."""

import pytest

from elf_samples import AMD64_LOADER, elf_file, loader_file
from whit.binary.dynamic import read_dynamic
from whit.binary.facts import read_facts
from whit.model.files import TreeFiles
from whit.model.plan import Need, Standing, What
from whit.model.tree import Bytes, Content, File, Tree
from whit.needs.closure import start_of
from whit.needs.loading import Loading, loading_of
from whit.needs.merging import merged

LIB = "/lib/x86_64-linux-gnu"
NEW = ["GLIBC_2.2.5", "GLIBC_2.36"]


def read(content: Content) -> bytes:
    assert isinstance(content, Bytes)
    return content.data


def libc(*versions: str, held: bytes = b"\0files dns\0") -> bytes:
    return elf_file(soname="libc.so.6", defines=list(versions or NEW), held=held)


def loading(
    program: bytes = b"",
    *,
    imports: tuple[str, ...] = (),
    held: bytes = b"",
    needed: tuple[str, ...] = ("libc.so.6",),
    added: tuple[str, ...] = (),
    files: dict[str, bytes] | None = None,
) -> Loading:
    data = program or elf_file(
        needed, interpreter=AMD64_LOADER, imports=dict.fromkeys(imports, ""), held=held
    )
    root = {AMD64_LOADER: loader_file(LIB), f"{LIB}/libc.so.6": libc(), **(files or {})}
    tree = Tree.of({path: File(Bytes(what), 0o755) for path, what in root.items()})
    facts = read_facts(memoryview(data))
    start = start_of("/app", "/app", facts.elf, read_dynamic(facts.elf), {}, is_beside=False)
    port = TreeFiles(tree, read)
    return loading_of(facts, start, port, port, added)


def need(code: str, found: Loading) -> Need | None:
    return next((n for n in found.needs if n.code == code), None)


def paths(found: Need | None) -> list[str]:
    assert found is not None
    return [what.names[0] for what in found.what]


def standing(code: str, found: Loading) -> Standing:
    one = need(code, found)
    return one.standing if one else Standing.ABSENT


def test_loader_and_libraries_each_with_who_wants_them():
    libraries = need("N070", loading())
    assert paths(libraries) == [AMD64_LOADER, f"{LIB}/libc.so.6"]
    assert libraries is not None
    assert libraries.what[1].why == "libc.so.6 of /app"


def test_what_is_missing_is_asked_of_the_providers_by_name():
    libraries = need("N070", loading(needed=("libgone.so",)))
    assert paths(libraries) == [AMD64_LOADER, "libgone.so"]
    assert libraries is not None
    assert "wanted by /app" in libraries.what[1].why


def test_without_a_loader_there_is_only_what_is_missing():
    program = elf_file(["libc.so.6"], interpreter="/lib/ld-other.so.1")
    found = loading(program)
    assert [n.code for n in found.needs] == ["N070"]
    assert paths(found.needs[0]) == ["/lib/ld-other.so.1", "libc.so.6"]


PLUGIN = {
    f"{LIB}/libplug.so.2": elf_file(["libdeep.so"], soname="libplug.so.2"),
    f"{LIB}/libdeep.so": elf_file(soname="libdeep.so"),
}
NAMED = b"\0libplug.so.2\0"


def test_a_library_that_the_program_opens_by_name_comes_with_its_own():
    found = loading(imports=("dlopen",), held=NAMED, files=PLUGIN)
    opened = need("N071", found)
    assert paths(opened) == [f"{LIB}/libplug.so.2", f"{LIB}/libdeep.so"]
    assert opened is not None
    assert opened.evidence[0].where == '/app imports dlopen, holds "libplug.so.2"'
    assert paths(need("N070", found)) == [AMD64_LOADER, f"{LIB}/libc.so.6"]


@pytest.mark.parametrize(
    ("imports", "held"),
    [((), NAMED), (("dlopen",), b"xlibplug.so.2x"), (("dlopen",), b"\0libother.so\0")],
)
def test_no_name_or_no_dlopen_brings_nothing(imports: tuple[str, ...], held: bytes):
    found = loading(imports=imports, held=held, files=PLUGIN)
    assert paths(need("N071", found)) == []
    assert not found.closure.missing


def test_what_a_library_opens_is_told_and_taken_when_asked():
    opener = elf_file(soname="liba.so", imports={"dlopen": ""}, held=NAMED)
    files = PLUGIN | {f"{LIB}/liba.so": opener}
    found = loading(needed=("liba.so",), files=files)
    assert standing("N071", found) is Standing.OPTIONAL
    assert "libplug.so.2" in (need("N071", found) or found.needs[0]).note
    asked = loading(needed=("liba.so",), files=files, added=("N071",))
    assert f"{LIB}/libplug.so.2" in paths(need("N071", asked))


def test_threads_that_unwind_need_libgcc():
    files = {f"{LIB}/libgcc_s.so.1": elf_file(soname="libgcc_s.so.1")}
    found = loading(imports=("pthread_exit",), files=files)
    assert paths(need("N071", found)) == [f"{LIB}/libgcc_s.so.1"]
    assert paths(need("N071", loading(imports=("pthread_create",), files=files))) == []


def test_old_glibc_needs_its_name_service_modules():
    modules = {
        f"{LIB}/libnss_{n}.so.2": elf_file(soname=f"libnss_{n}.so.2") for n in ("files", "dns")
    }
    old = {f"{LIB}/libc.so.6": libc("GLIBC_2.2.5", "GLIBC_2.33"), **modules}
    found = loading(imports=("getaddrinfo",), files=old)
    assert paths(need("N072", found)) == list(modules)
    assert standing("N072", loading(imports=("getaddrinfo",))) is Standing.ASSUMED_NOT
    assert standing("N072", loading(files=old)) is Standing.ABSENT


def test_a_libc_that_asks_dns_first_needs_nsswitch():
    files = {f"{LIB}/libc.so.6": libc(held=b"\0dns [!UNAVAIL=return] files\0")}
    assert standing("N031", loading(imports=("getaddrinfo",), files=files)) is Standing.REQUIRED
    assert need("N031", loading(imports=("getaddrinfo",))) is None


GCONV = {
    f"{LIB}/gconv/gconv-modules": b"alias LATIN2// ISO-8859-2//\n"
    b"module ISO-8859-2// INTERNAL ISO8859-2 1\nmodule EUC-JP// INTERNAL EUC-JP 1\n",
    f"{LIB}/gconv/ISO8859-2.so": elf_file(),
    f"{LIB}/gconv/EUC-JP.so": elf_file(),
}


def test_converters_that_the_program_names():
    found = loading(imports=("iconv_open",), held=b"\0latin2\0utf-8\0", files=GCONV)
    assert paths(need("N073", found)) == [
        *(f"{LIB}/gconv/ISO8859-2.so", f"{LIB}/gconv/gconv-modules"),
    ]
    unnamed = loading(imports=("iconv_open",), files=GCONV)
    assert standing("N073", unnamed) is Standing.OPTIONAL
    assert standing("N073", loading(held=b"\0latin2\0", files=GCONV)) is Standing.ABSENT


def test_all_converters_when_asked():
    found = loading(imports=("iconv_open",), files=GCONV, added=("N073",))
    assert len(paths(need("N073", found))) == 3


CRYPTO = elf_file(soname="libcrypto.so.3", held=b'\0OPENSSLDIR: "/usr/lib/ssl"\0')
SSL = elf_file(
    ["libcrypto.so.3"], soname="libssl.so.3", imports={"X509_STORE_set_default_paths": ""}
)
TLS = {
    f"{LIB}/libcrypto.so.3": CRYPTO,
    f"{LIB}/libssl.so.3": SSL,
    "/usr/lib/ssl/openssl.cnf": b"[ssl]",
}


def test_a_tls_client_gets_roots_where_openssl_looks():
    symbols = ("SSL_CTX_set_default_verify_paths",)
    found = loading(needed=("libssl.so.3",), imports=symbols, files=TLS)
    assert standing("N010", found) is Standing.REQUIRED
    openssl = need("N075", found)
    assert openssl is not None
    assert [(w.kind, *w.names) for w in openssl.what] == [
        ("file", "/usr/lib/ssl/openssl.cnf"),
        ("link", "/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"),
    ]


def test_what_openssl_does_by_itself_asks_for_no_roots():
    found = loading(needed=("libssl.so.3",), files=TLS)
    assert standing("N010", found) is Standing.ASSUMED_NOT
    assert paths(need("N075", found)) == ["/usr/lib/ssl/openssl.cnf"]


def test_a_library_with_a_place_of_its_own_for_roots():
    curl = elf_file(soname="libcurl.so.4", held=b"\0/etc/ssl/certs/ca-certificates.crt\0")
    found = loading(needed=("libcurl.so.4",), files={f"{LIB}/libcurl.so.4": curl})
    assert standing("N010", found) is Standing.REQUIRED


@pytest.mark.parametrize(
    ("symbol", "code", "expected", "what"),
    [
        ("getpwnam", "N030", Standing.REQUIRED, (What("users"),)),
        ("tmpfile", "N050", Standing.REQUIRED, (What("tmp"),)),
        ("getservbyname", "N040", Standing.OPTIONAL, ()),
        ("system", "N060", Standing.OPTIONAL, ()),
        ("syslog", "N080", Standing.RUNTIME, ()),
        ("getaddrinfo", "N090", Standing.RUNTIME, ()),
        ("setlocale", "N074", Standing.OPTIONAL, ()),
    ],
)
def test_imported_names_are_evidence(
    symbol: str, code: str, expected: Standing, what: tuple[What, ...]
):
    assert standing(code, loading()) in (Standing.ABSENT, Standing.ASSUMED_NOT)
    found = need(code, loading(imports=(symbol,)))
    assert found is not None
    assert (found.standing, found.what) == (expected, what)
    assert found.evidence[0].where == f"/app imports {symbol}"


def test_what_libc_imports_itself_is_no_evidence():
    own = elf_file(soname="libc.so.6", defines=NEW, imports={"getpwnam": ""})
    assert standing("N030", loading(files={f"{LIB}/libc.so.6": own})) is Standing.ASSUMED_NOT


def test_a_proof_is_not_replaced_by_an_assumption():
    absent = Need("N030", "users", Standing.ABSENT, (), (), "not linked")
    guess = Need("N030", "users", Standing.ASSUMED_NOT, (), (), "nothing imports it")
    assumed = Need("N030", "users", Standing.ASSUMED_NOT, (), (), "no function names")
    wanted = Need("N030", "users", Standing.REQUIRED, (What("users"),))
    assert merged([absent], [guess]) == [absent]
    assert merged([assumed], [guess]) == [guess]
    assert merged([assumed], [wanted]) == [wanted]
    assert merged([wanted], [guess]) == [wanted]


def test_records_of_packages_need_their_distribution():
    plain = need("N079", loading())
    assert plain is not None
    assert {what.kind for what in plain.what} == {"licence"}
    files = {"/var/lib/dpkg/status": b"", "/etc/os-release": b"ID=debian\n"}
    assert paths(need("N079", loading(files=files)))[-1] == "/etc/os-release"
