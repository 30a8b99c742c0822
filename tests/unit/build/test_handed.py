import os
from pathlib import Path

from whit.build.handed import file_variables, unreadable
from whit.model.contract import LABEL, Contract, Variable, encode
from whit.oci.documents import Config, RootFs, RunDocument


def config(**run: object) -> Config:
    document = RunDocument(**run)  # type: ignore[arg-type]
    return Config("amd64", "linux", RootFs("layers", ()), config=document)


def test_a_mounted_file_that_the_user_may_not_read_is_told(tmp_path: Path):
    (tmp_path / "open").write_text("x")
    (tmp_path / "shut").write_text("x")
    (tmp_path / "shut").chmod(0o600)
    env = {"A_FILE": "/s/open", "B_FILE": "/s/shut", "C_FILE": "/s/none", "D_FILE": "/else",
           "E": "/s/shut", "F_FILE": "/s/../shut"}  # fmt: skip
    mounts = [(str(tmp_path), "/s")]
    wrong = unreadable(config(user="4711:4711"), env, mounts, "")
    assert [one.split(":")[0] for one in wrong] == ["B_FILE", "C_FILE"]
    assert "cannot be read by the image's user, 4711" in wrong[0]
    assert unreadable(config(user="4711"), env, mounts, "0") == ()
    owner = f"{os.getuid()}:{os.getgid()}"
    assert len(unreadable(config(user="4711"), env, mounts, owner)) <= 2


def test_a_secret_with_a_variables_name_sets_where_it_is():
    label = encode(Contract(env=(Variable("KEY"), Variable("KEY_FILE"))))
    entry = ("/.whit/entry", "-f", "DB_PASSWORD", "-e", "--", "/app")
    one = config(entrypoint=entry, labels={LABEL: label})
    names = ("db-password", "KEY", "other")
    assert file_variables(one, {}, names) == {
        "DB_PASSWORD_FILE": "/run/secrets/db-password", "KEY_FILE": "/run/secrets/KEY",
    }  # fmt: skip
    assert file_variables(one, {"DB_PASSWORD": "x", "KEY_FILE": "/k"}, names) == {}
    assert file_variables(config(labels={LABEL: "garbage"}), {}, names) == {}
