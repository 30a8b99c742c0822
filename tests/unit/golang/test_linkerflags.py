import pytest

from whit.errors.golang import BadLinkerFlags
from whit.golang.linkerflags import asks_for, filler, linker_flags, quote_field, split_fields
from whit.model.program import Strip

FILL = filler({"Version": "v1.2.0", "Branch": "it's main"}, {"TITLE": "My App"}, "no git")


@pytest.mark.parametrize(
    ("strip", "expected"), [(Strip.ALL, "-s -w"), (Strip.DWARF, "-w"), (Strip.NONE, "")]
)
def test_strip_decides_the_first_flags(strip: Strip, expected: str):
    assert linker_flags(strip, (), FILL) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-X main.v={{.Version}}", "-s -w -X main.v=v1.2.0"),
        ("-X main.v={{ .Version }}", "-s -w -X main.v=v1.2.0"),
        ("-X main.t={{.Env.TITLE}}", "-s -w -X 'main.t=My App'"),
        ("-X 'main.t=a  b'", "-s -w -X 'main.t=a  b'"),
        ('-X "main.t=it\'s"', '-s -w -X "main.t=it\'s"'),
        ("-X main.b={{.Branch}}", '-s -w -X "main.b=it\'s main"'),
        ("-X main.e=", "-s -w -X main.e="),
    ],
)
def test_values_stay_one_field(text: str, expected: str):
    assert linker_flags(Strip.ALL, (text,), FILL) == expected


@pytest.mark.parametrize(
    "text",
    ["{{.Versoin}}", "{{Version}}", "{{.Env.}}", "{{.Env.A-B}}", "{{.Version", "{{}}",
     "{{.Commit}}", "{{.Env.ABSENT}}", "-X 'main.a=b", '"'],
)  # fmt: skip
def test_what_cannot_be_filled_is_refused(text: str):
    with pytest.raises(BadLinkerFlags):
        linker_flags(Strip.NONE, (text,), FILL)


def test_both_quotes_in_one_value_are_refused():
    with pytest.raises(BadLinkerFlags):
        quote_field("a'b\"c d")


def test_asked_placeholders_are_named():
    flags = ("-X a={{.Version}} -X b={{.Env.USER}}", "-X c={{ .Date }}")
    assert asks_for(flags) == {"Version", "Env.USER", "Date"}


@pytest.mark.parametrize("fields", [["a"], ["a b", "c"], ["", "x"], ["it's", 'say "x"'], ["\t"]])
def test_quoting_is_undone_by_splitting(fields: list[str]):
    assert split_fields(" ".join(map(quote_field, fields))) == fields
