"""What a command says when it cannot do what it was asked: one sentence, and what to do next."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

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


@contextmanager
def new_private_file(path: Path) -> Iterator[IO[bytes]]:
    """A file for secrets: for this user only, never over another, and gone again if what should fill it fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        refuse(f"{path} exists already: it may hold the only copy of secrets. Name another file.")
    except OSError as error:
        refuse(f"{path} cannot be written: {error.strerror}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def account_named(name: str) -> Any:
    """The account with this name, or with this number as "#7"."""
    from panal.cells.accounts.models import Account

    by_number = name.startswith("#") and name[1:].isascii() and name[1:].isdecimal()
    found = list(Account.objects.filter(**({"id": int(name[1:])} if by_number else {"name": name})))
    if len(found) > 1:
        numbers = ", ".join(f"'#{account.pk}'" for account in found)
        refuse(f"{len(found)} accounts are called {name}. Say which by its number: --account {numbers}.")
    if not found and name.startswith("#"):
        refuse(f"No account has the number {name[1:]}.")
    if not found:
        refuse(f"No account is called {name}. Make it with its owner: panal user create EMAIL --account '{name}'.")
    return found[0]
