import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.errors.sandbox import UnknownUser
from whit.sandbox.accounts import account_of
from whit.sandbox.spec import Account

PASSWD = b"root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/none\nbad:x:no:1::/:/\nshort:x:1\n"
GROUP = b"root:x:0:\nextra:x:70:web,other\nmore:x:60:web\nbad:x:x:web\n"


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("", Account(0, 0, (), "/root")),
        ("web", Account(33, 34, (60, 70), "/srv")),
        ("33", Account(33, 34, (60, 70), "/srv")),
        ("web:extra", Account(33, 70, (), "/srv")),
        ("web:1234", Account(33, 1234, (), "/srv")),
        ("65532", Account(65532, 0)),
        ("65532:65532", Account(65532, 65532)),
        ("4294967294", Account(4294967294, 0)),
    ],
)
def test_known(user: str, account: Account) -> None:
    assert account_of(user, PASSWD, GROUP) == account


@pytest.mark.parametrize(
    "user", ["nobody", "web:nogroup", "bad", "short", "-1", "4294967295", "1:²", "１"]
)
def test_unknown(user: str) -> None:
    with pytest.raises(UnknownUser):
        account_of(user, PASSWD, GROUP)


@given(st.text(), st.binary(), st.binary())
def test_any_bytes_give_an_account_or_an_error_of_ours(
    user: str, passwd: bytes, group: bytes
) -> None:
    try:
        account = account_of(user, passwd, group)
    except UnknownUser:
        return
    assert 0 <= account.uid < 2**32 - 1
