"""What a command says when it cannot do what it was asked: one sentence, and what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from panal.protocol.errors import PanalError


def refuse(sentence: str, code: int = 1) -> NoReturn:
    typer.echo(f"panal: {sentence}", err=True)
    raise typer.Exit(code)


@contextmanager
def refusals() -> Iterator[None]:
    """What actions refuse inside the block ends the command with their sentence."""
    try:
        yield
    except PanalError as error:
        refuse(f"{error.message}.")


def account_named(name: str) -> Any:
    """The account with this name, or with this number as "#7"."""
    from panal.cells.accounts.models import Account

    by_number = name.startswith("#") and name[1:].isdigit()
    found = list(Account.objects.filter(**({"id": int(name[1:])} if by_number else {"name": name})))
    if len(found) > 1:
        numbers = ", ".join(f"'#{account.pk}'" for account in found)
        refuse(f"{len(found)} accounts are called {name}. Say which by its number: --account {numbers}.")
    if not found:
        refuse(f"No account is called {name}. Make it with its owner: panal user create EMAIL --account '{name}'.")
    return found[0]
