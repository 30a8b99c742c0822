"""Flags over environment over file over defaults; unknown keys are refused with a suggestion."""

from pathlib import Path

import pytest

from whit.build.settings import Settings, parse_assignments, read_settings, setting_keys
from whit.errors.request import BadSetting, BadSettingsFile, UnknownSetting
from whit.model.image import Effort, Format
from whit.model.program import Strip


def write(directory: Path, text: str) -> Path:
    (directory / ".git").mkdir(exist_ok=True)
    (directory / "whit.toml").write_text(text)
    return directory


def test_defaults_stand_when_nothing_is_said(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    settings, home = read_settings({}, {}, tmp_path)
    assert settings.go.strip is Strip.ALL
    assert settings.image.user == "65532:65532"
    assert (settings.output.compression, settings.output.effort) == (Format.GZIP, Effort.FAST)
    assert home == tmp_path


def test_flags_go_over_the_environment_and_that_over_the_file(tmp_path: Path):
    write(tmp_path, '[go]\nversion = "1.21.13"\nstrip = "dwarf"\ntags = ["a"]\n')
    settings, _ = read_settings(
        {"go.version": "1.27.3"},
        {"WHIT_GO_VERSION": "1.22.10", "WHIT_GO_STRIP": "none"},
        tmp_path,
    )
    assert settings.go.version == "1.27.3"
    assert settings.go.strip is Strip.NONE
    assert settings.go.tags == ("a",)


def test_a_list_in_the_environment_stands_between_commas(tmp_path: Path):
    settings, _ = read_settings({}, {"WHIT_NEEDS_ZONES": "Europe/Rome, UTC"}, tmp_path)
    assert settings.needs.zones == ("Europe/Rome", "UTC")


def test_tables_are_merged_key_by_key(tmp_path: Path):
    write(tmp_path, '[image.env]\nA = "1"\nB = "2"\n')
    flags = parse_assignments(["image.env.B=3", "image.env.C=4", "image.labels.a.b/c=x"])
    settings, _ = read_settings(flags, {}, tmp_path)
    assert settings.image.env == {"A": "1", "B": "3", "C": "4"}
    assert settings.image.labels == {"a.b/c": "x"}


def test_the_file_is_found_above_but_not_beyond_the_repository(tmp_path: Path):
    write(tmp_path, 'platform = "linux/arm64"\n')
    below = tmp_path / "cmd" / "app"
    below.mkdir(parents=True)
    settings, home = read_settings({}, {}, below)
    assert (settings.platform, home) == ("linux/arm64", tmp_path)
    (below / ".git").mkdir()
    assert read_settings({}, {}, below)[0].platform == ""


@pytest.mark.parametrize(
    ("text", "hint", "line"),
    [
        ('[go]\nstriip = "all"\n', "'strip'", 2),
        ('\nplatfrom = "linux/amd64"\n', "'platform'", 2),
        ("[imagee]\nuser = 1\n", "'image'", 1),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(
    tmp_path: Path, text: str, hint: str, line: int
):
    write(tmp_path, text)
    with pytest.raises(UnknownSetting) as caught:
        read_settings({}, {}, tmp_path)
    assert hint in (caught.value.hint or "")
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_a_value_of_the_wrong_kind_names_its_key(tmp_path: Path):
    write(tmp_path, '[go]\ntags = "netgo"\n')
    with pytest.raises(BadSetting, match=r"go\.tags"):
        read_settings({}, {}, tmp_path)
    write(tmp_path, "")
    with pytest.raises(BadSetting, match=r"output\.compression"):
        read_settings({"output.compression": "lzma"}, {}, tmp_path)


@pytest.mark.parametrize("text", ["[go\n", "\x00", "a = 1\na = 2\n"])
def test_what_is_no_toml_is_said(tmp_path: Path, text: str):
    write(tmp_path, text)
    with pytest.raises(BadSettingsFile, match="not valid TOML"):
        read_settings({}, {}, tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path):
    write(tmp_path, "#" * (2 << 20))
    with pytest.raises(BadSettingsFile, match="larger than 1 MiB"):
        read_settings({}, {}, tmp_path)


@pytest.mark.parametrize("text", ["go.version", "=x"])
def test_an_assignment_without_key_or_value_is_refused(text: str):
    with pytest.raises((BadSetting, UnknownSetting)):
        parse_assignments([text])


def test_an_unknown_assignment_is_refused_with_a_suggestion():
    with pytest.raises(UnknownSetting) as caught:
        parse_assignments(["go.versoin=1"])
    assert "go.version" in (caught.value.hint or "")


def test_a_choice_that_does_not_exist_is_told_the_others(tmp_path: Path):
    with pytest.raises(BadSetting, match=r"setting go.strip is 'foo'") as caught:
        read_settings({"go.strip": "foo"}, {}, tmp_path)
    assert caught.value.hint == "it is one of all, dwarf, none"


def test_the_example_names_every_setting_and_is_valid(tmp_path: Path):
    from whit.cli.init import EXAMPLE

    for key in setting_keys():
        assert key.rpartition(".")[2] in EXAMPLE, key
    write(tmp_path, EXAMPLE)
    assert read_settings({}, {}, tmp_path)[0] == Settings()
    live = "\n".join(
        line[2:]
        if line.startswith("# [") or (line.startswith("# ") and "=" in line.split("#")[1])
        else line
        for line in EXAMPLE.splitlines()
    )
    write(tmp_path, live)
    settings, _ = read_settings({}, {}, tmp_path)
    assert settings.output.smoke == "--version"
    assert settings.files == {"/etc/app/config.yaml": "deploy/config.yaml"}
