from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine.identity.key import Identity
from engine.registry.account import Account, User
from engine.registry.errors import BadAnswerError, RegistryError, UnauthorizedError
from tests.engine.registry.conftest import IMPATIENT
from tests.engine.registry.fake_account import FakeAccount, fake_account


@pytest.fixture
def remote() -> Iterator[FakeAccount]:
    with fake_account() as running:
        yield running


@pytest.fixture
def account(remote: FakeAccount, identity: Identity) -> Account:
    return Account(identity, "laptop", replace(IMPATIENT, account_url=remote.url))


def test_the_user_who_is_signed_in(remote: FakeAccount, account: Account) -> None:
    remote.user = {"id": "7", "name": "ada", "email": "a@b", "plan": "", "bio": None, "new": 1}
    assert account.fetch_user() == User("ada", "7", "a@b", "", "", "", "", "free")


def test_nobody_is_signed_in(account: Account) -> None:
    with pytest.raises(UnauthorizedError):
        account.fetch_user()
    with pytest.raises(UnauthorizedError):
        account.sign_out()


def test_an_answer_without_a_name_is_nobody(remote: FakeAccount, account: Account) -> None:
    remote.user = {"id": "7"}
    with pytest.raises(UnauthorizedError):
        account.fetch_user()


def test_signing_out(remote: FakeAccount, account: Account) -> None:
    remote.user = {"name": "ada"}
    account.sign_out()
    with pytest.raises(UnauthorizedError):
        account.fetch_user()


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"name":7}', b" " * 100_000])
def test_nonsense_is_an_error(remote: FakeAccount, account: Account, raw: bytes) -> None:
    remote.raw = raw
    with pytest.raises(BadAnswerError):
        account.fetch_user()


def test_an_unwell_server_is_an_error(remote: FakeAccount, account: Account) -> None:
    remote.status = 503
    with pytest.raises(RegistryError, match="503: out of order"):
        account.fetch_user()


def test_the_place_to_sign_in_names_machine_and_key(account: Account) -> None:
    assert account.signin_url().startswith("https://ollama.com/connect?name=laptop&key=")
