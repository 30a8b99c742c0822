import pickle

import msgspec
import pytest

from whit.model.secret import Secret, Secrets

VALUE = b"tb8-kNq2+vX/0e1"


def test_a_secret_shows_its_name_only():
    secrets = Secrets([Secret("token", VALUE)])
    for text in (repr(secrets), str(secrets), f"{secrets!s}", repr(secrets.get("token"))):
        assert "token" in text
        assert VALUE.decode() not in text


def test_a_secret_is_not_written_down():
    with pytest.raises(TypeError):
        pickle.dumps(Secret("token", VALUE))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("token", VALUE))
    with pytest.raises(TypeError):
        msgspec.json.encode({"all": Secrets([Secret("token", VALUE)])})


def test_the_last_of_a_name_counts():
    joined = Secrets([Secret("a", b"1"), Secret("b", b"2")]).joined(Secrets([Secret("a", b"3")]))
    assert joined.names == ("a", "b")
    assert [secret.reveal() for secret in joined] == [b"3", b"2"]
    assert joined.get("c") is None
