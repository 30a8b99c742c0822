"""Names of symbols and the packages they are from."""

import pytest

from whit.binary.goinfo import GoInfo, Module
from whit.binary.packages import (
    C_CODE,
    GENERATED,
    UNKNOWN,
    Modules,
    package_of,
    package_of_file,
    packages_of,
)


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("net/http.(*Client).Do", "net/http"),
        ("main.main.func1", "main"),
        ("slices.SortFunc[go.shape.[]net/http.x,go.shape.int]", "slices"),
        ("github.com/a/b%2ev2.F", "github.com/a/b.v2"),
        ("go.opentelemetry.io/otel.Tracer", "go.opentelemetry.io/otel"),
        ("go.uber.org/zap.(*Logger).Info", "go.uber.org/zap"),
        ("type:.eq.net/http.Cookie", "net/http"),
        ("type:.eq.[2]net/http.Cookie", "net/http"),
        ("type:.hash.struct { a.b int }", GENERATED),
        ("go:itab.*os.File,io.Reader", "os"),
        ("go:buildid", GENERATED),
        ("go.(**mspan).runtime.base", GENERATED),
        ("_cgo_topofstack", C_CODE),
        ("memcpy", C_CODE),
    ],
)
def test_package_of_a_symbol(name: str, package: str):
    assert package_of(name) == package


def test_modules_by_build_info():
    go = GoInfo(
        "go1.26",
        "example.com/app/cmd/x",
        Module("example.com/app", ""),
        (Module("github.com/a/b", "v1"), Module("github.com/a/b/sub", "v1")),
    )
    modules = Modules(go)
    assert modules.of("main") == "example.com/app"
    assert modules.of("github.com/a/b/c") == "github.com/a/b"
    assert modules.of("github.com/a/b/sub/c") == "github.com/a/b/sub"
    assert modules.of("net/http") == "std"
    assert modules.of("vendor/golang.org/x/net/idna") == "std"
    assert modules.of(C_CODE) == C_CODE
    assert modules.of("") == UNKNOWN


def test_modules_without_build_info():
    modules = Modules(None)
    assert modules.of("github.com/a/b/c/d") == "github.com/a/b"
    assert modules.of("github.com/x/y/vendor/k8s.io/api/core/v1") == "k8s.io/api"


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("net/http/server.go", "net/http"),
        ("/usr/lib/go/src/net/http/server.go", "net/http"),
        ("/me/pkg/mod/github.com/!burnt!sushi/toml@v1.2.3/lex.go", "github.com/BurntSushi/toml"),
        ("example.com/app/cmd/x/main.go", "main"),
        ("/src/app/cmd/x/main.go", "main"),
        ("/nowhere/else.go", ""),
    ],
)
def test_package_of_a_source_file(path: str, package: str):
    known = dict.fromkeys(["net/http", "github.com/BurntSushi/toml"], 0)
    assert package_of_file(path, known, "example.com/app/cmd/x") == package


def test_packages_of_a_whole_table_are_those_of_its_names():
    names = [
        "net/http.(*Client).Do", "net/http.init", "net/http/httputil.Dump", "net/http.Get[a/b.T]",
        "net.Dial", "main.main", "main.main.func1", "type:.eq.net/http.Cookie", "go:buildid",
        "github.com/a/b%2ev2.F", "github.com/a/b%2ev2.G", "_cgo_init", "gopkg.in/x.F", "gopkg.F",
    ]  # fmt: skip
    assert packages_of(names) == [package_of(name) for name in names]
