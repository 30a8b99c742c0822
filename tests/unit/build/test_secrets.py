import os
from pathlib import Path

import pytest

from whit.build.secrets import MAX_SECRET_BYTES, read_secrets
from whit.errors.secrets import BadSecret


def value(text: str, directory: Path, env: dict[str, str] | None = None) -> bytes:
    (secret,) = read_secrets([text], env or {}, str(directory))
    return secret.reveal()


def test_every_way_to_give_a_secret(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"from a file\n")
    env = {"VAR": "from a variable"}
    assert value("id=a,src=file", tmp_path) == b"from a file\n"
    assert value("id=a,type=file,source=file", tmp_path) == b"from a file\n"
    assert value("id=a,env=VAR", tmp_path, env) == b"from a variable"
    assert value("id=a,type=env,src=VAR", tmp_path, env) == b"from a variable"
    assert value("id=VAR", tmp_path, env) == b"from a variable"
    assert value("id=file", tmp_path, env) == b"from a file\n"
    assert value('id=a,"cmd=echo one, two"', tmp_path, {"PATH": os.defpath}) == b"one, two"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id=a,src=missing", "No such file"),
        ("id=a,src=empty", "is empty"),
        ("id=a,src=fifo", "no regular file"),
        ("id=a,src=.", "no regular file"),
        ("id=a,src=large", "larger than 1 MiB"),
        ("id=a,env=NOT_THERE", "NOT_THERE is not set"),
        ("id=a,cmd=false", "ended with 1"),
        ("id=a,cmd=/no/such/command", "there is no program /no/such/command"),
        ("id=a,cmd=/etc", "did not run"),
        ("id=a,cmd='", "No closing quotation"),
        ("id=a,sops=empty", "there is no program sops"),
        ("id=a,age=empty", "no identity to decrypt it with"),
        ("id=a,age=empty,identity=x", "there is no program age"),
        ("id=a,age=empty,sops=empty", "two sources"),
        ("id=a,src=empty,env=HOME", "two sources"),
        ("src=empty", "no usable id"),
        ("id=../x,src=empty", "no usable id"),
        ("id=a,srk=empty", "none of id, src"),
        ("hunter2hunter2", "none of id, src"),
        ("id=a,src=\0", "it is no path"),
    ],
)
def test_what_cannot_be_had_is_an_error(tmp_path: Path, text: str, said: str):
    (tmp_path / "empty").write_bytes(b" \n")
    (tmp_path / "large").write_bytes(bytes(MAX_SECRET_BYTES + 1))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadSecret) as caught:
        value(text, tmp_path, {"PATH": "/no/such:/bin" if "age" not in text else "/no/such"})
    assert said in caught.value.message
    assert "hunter2" not in caught.value.message
