import pytest

from panal.control import vault


def test_it_opens_what_it_sealed():
    assert vault.unseal(vault.seal("abc", "token:D1"), "token:D1") == "abc"


def test_a_value_copied_to_another_row_does_not_open():
    with pytest.raises(vault.VaultError, match="token:D2"):
        vault.unseal(vault.seal("abc", "token:D1"), "token:D2")


def test_it_never_seals_the_same_way_twice():
    assert vault.seal("abc", "x") != vault.seal("abc", "x")
