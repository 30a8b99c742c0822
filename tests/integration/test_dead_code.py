"""Small programs whose answer is known in, what keeps their dead methods alive out."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from whit.binary.calls import open_code
from whit.binary.deadcode import blockers_in, find_dead_code
from whit.binary.facts import read_facts
from whit.build.deadcode import explain_dead_code
from whit.build.sizing import open_linked

pytestmark = pytest.mark.go

HELLO = 'import "fmt"\n\nfunc main() { fmt.Println("hello") }\n'
TEMPLATE = """import (
	"os"
	"text/template"
)

func main() { template.Must(template.New("x").Parse("{{.}}")).Execute(os.Stdout, 1) }
"""
CONSTANT = """import (
	"fmt"
	"reflect"
	"time"
)

func main() { fmt.Println(reflect.ValueOf(time.Second).MethodByName("String").Call(nil)) }
"""
ANY_NAME = """import (
	"fmt"
	"os"
	"reflect"
	"time"
)

//go:noinline
func lookUp(name string) reflect.Value { return reflect.ValueOf(time.Second).MethodByName(name) }

func main() { fmt.Println(lookUp(os.Args[1]).Call(nil)) }
"""
OF_TYPE = """import (
	"fmt"
	"reflect"
	"time"
)

func main() {
	kind := reflect.TypeOf(time.Second)
	for number := 0; number < kind.NumMethod(); number++ {
		fmt.Println(kind.Method(number).Name)
	}
}
"""
PLUGIN = """import (
	"fmt"
	"plugin"
)

func main() { fmt.Println(plugin.Open("x.so")) }
"""
TWO = ANY_NAME.replace('\t"time"\n', '\t"text/template"\n\t"time"\n').replace(
    "func main() {", 'func main() {\n\ttemplate.New("x").Execute(os.Stdout, 1)\n\t'
)
PROGRAMS = {
    "hello": HELLO,
    "template": TEMPLATE,
    "constant": CONSTANT,
    "anyname": ANY_NAME,
    "oftype": OF_TYPE,
    "plugin": PLUGIN,
    "two": TWO,
}
EVAL = "text/template.(*state).evalField"
BLOCKERS = {
    "hello": (),
    "constant": (),
    "template": (EVAL,),
    "anyname": ("main.lookUp",),
    "oftype": ("main.main",),
    "two": ("main.lookUp", EVAL),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, and of each the stripped program."""
    root = tmp_path_factory.mktemp("dead-code")
    (root / "go.mod").write_text("module example.com/app\n\ngo 1.22\n")
    for name, text in PROGRAMS.items():
        (root / name).mkdir()
        (root / name / "main.go").write_text(f"package main\n\n{text}")
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", "bin/", "./..."]
    subprocess.run(command, cwd=root, check=True, env=settings())
    return root


def settings(**more: str) -> dict[str, str]:
    return dict(os.environ) | {"CGO_ENABLED": "0", "GOFLAGS": ""} | more


@pytest.fixture(autouse=True)
def without_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGO_ENABLED", "0")


@pytest.mark.parametrize("name", BLOCKERS)
def test_a_stripped_program_says_what_keeps_its_methods(place: Path, name: str):
    facts = read_facts(memoryview((place / "bin" / name).read_bytes()))
    found = find_dead_code(facts)
    assert found.is_dropped is (BLOCKERS[name] == ())
    if BLOCKERS[name]:
        blockers = blockers_in(facts, open_code(facts.elf.data, facts), ways=True)
        assert {one.function for one in blockers} == set(BLOCKERS[name])
        assert all(one.way[0] == "main.main" for one in blockers)
        assert {one.function for one in found.blockers} <= set(BLOCKERS[name])


@pytest.mark.parametrize("name", BLOCKERS)
def test_the_objects_say_it_exactly_and_a_second_link_measures_it(place: Path, name: str):
    found = explain_dead_code(*open_linked(f"./{name}", str(place)))
    assert found.source == "objects"
    assert tuple(one.function for one in found.blockers) == BLOCKERS[name]
    assert found.is_dropped is (not BLOCKERS[name])
    if not BLOCKERS[name]:
        assert found.measured is None
        return
    assert found.measured is not None
    assert found.measured.before == (place / "bin" / name).stat().st_size
    assert found.measured.saved > 0.1 * found.measured.before
    module = {EVAL: "std"}
    for one in found.blockers:
        assert one.module == module.get(one.function, "example.com/app")
        assert one.way[0] == "main.main"
        assert one.way[-1] == one.function


def test_what_is_measured_is_what_an_overlay_of_the_source_saves(place: Path):
    """The call itself replaced by one with a constant name: the same program but for that."""
    goroot = subprocess.run(
        ["go", "env", "GOROOT"], check=True, capture_output=True, text=True
    ).stdout.strip()
    source = Path(goroot, "src/text/template/exec.go")
    text = source.read_text()
    assert text.count(".MethodByName(fieldName)") == 1
    (place / "exec.go").write_text(text.replace("MethodByName(fieldName)", 'MethodByName("x")'))
    overlay = place / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(source): str(place / "exec.go")}}))
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-overlay", str(overlay)]
    subprocess.run(
        [*command, "-o", "overlaid", "./template"], cwd=place, check=True, env=settings()
    )
    found = explain_dead_code(*open_linked("./template", str(place)))
    assert found.measured is not None
    after = (place / "overlaid").stat().st_size
    assert abs(found.measured.after - after) <= 0.002 * after


@pytest.mark.gcc
def test_a_program_that_loads_plugins_keeps_all(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CGO_ENABLED", "1")
    found = explain_dead_code(*open_linked("./plugin", str(place)))
    assert found.is_dropped is False
    assert found.blockers[0].function == "plugin.Open"
    assert found.measured is None
    facts, _ = open_linked("./plugin", str(place))
    assert [one.function for one in find_dead_code(facts).blockers] == ["plugin.Open"]


def test_without_c_no_plugin_is_loaded(place: Path):
    assert explain_dead_code(*open_linked("./plugin", str(place))).is_dropped


@pytest.mark.parametrize("name", ["hello", "template"])
def test_what_is_reached_is_what_the_linker_says(place: Path, name: str):
    """-dumpdep names every symbol that the linker keeps. Symbols of one content are one, and may
    be told by another of their names.
    """
    _, linked = open_linked(f"./{name}", str(place))
    assert linked is not None
    command = ["go", "build", "-trimpath", "-ldflags=-dumpdep", "-o", "dumped", f"./{name}"]
    told = subprocess.run(
        command, cwd=place, check=True, env=settings(), capture_output=True, text=True
    ).stderr
    kept = {line.partition(" -> ")[2].partition(" <")[0] for line in told.splitlines()}
    graph, reached = linked.graph, linked.reached.reached
    ours = {graph.name(n) for n in range(len(graph)) if reached[n] and graph.is_text[n]}
    all_functions = {graph.name(n) for n in range(len(graph)) if graph.is_text[n]}
    theirs = kept & all_functions
    assert len(theirs) > 1000
    assert len(ours ^ theirs) < 0.002 * len(theirs), sorted(ours ^ theirs)[:20]
