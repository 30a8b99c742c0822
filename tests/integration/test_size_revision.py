"""Source in a git repository in, what grew since an earlier commit out."""

import subprocess
from pathlib import Path

import pytest

from whit.build.revisions import weigh_revision
from whit.build.sizing import weigh
from whit.errors import UsageError

SMALL = "package main\n\nfunc main() { println(1) }\n"
LARGE = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println(1) }\n'


@pytest.mark.go
def test_an_earlier_revision_is_compiled_beside_the_work_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(("git", *name, *arguments), cwd=tmp_path, check=True)

    app = tmp_path / "cmd/app"
    app.mkdir(parents=True)
    (tmp_path / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    (app / "main.go").write_text(SMALL)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "small")
    (app / "main.go").write_text(LARGE)
    monkeypatch.chdir(app)
    before = weigh_revision(".", "HEAD", str(app))
    after = weigh(".", str(app))
    assert (before.name, after.name) == ("app at HEAD", "app")
    assert after.disk > before.disk + 100_000
    assert (app / "main.go").read_text() == LARGE
    with pytest.raises(UsageError, match="no such revision"):
        weigh_revision(".", "--nonsense", str(app))
