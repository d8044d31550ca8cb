"""`panal device …`: making devices at the factory."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from .flash import flash
from .refusals import account_named, new_private_file, refusals, refuse
from .start import Data, django_with

MOST_SHOWN = 500

app = typer.Typer(no_args_is_help=True, help="Devices and their secrets.")


@app.callback()
def subject() -> None:
    """Devices and their secrets."""


app.command()(flash)


@app.command()
def mint(
    model: Annotated[str, typer.Option(help="wearable-1, camera-1, camera-2, door-1, lights-4.")],
    id: Annotated[str, typer.Option("--id", help="Its id; without one it is drawn.")] = "",
    count: Annotated[int, typer.Option(help="How many.")] = 1,
    account: Annotated[str, typer.Option(help="Name of the account they belong to.")] = "",
    note: Annotated[str, typer.Option(help="What the batch is for, as the factory reads it.")] = "",
    labels: Annotated[Path | None, typer.Option(help="Write the label sheet here, as PDF.")] = None,
    size: Annotated[str, typer.Option(help="Of one label in mm: 63x38, 99x57, 105x74.")] = "63x38",
    language: Annotated[str, typer.Option(help="Of the labels: es, en; else PANAL_LANGUAGE.")] = "",
    url: Annotated[str, typer.Option(help="Where people reach this server; else PANAL_PUBLIC_URL.")] = "",
    secrets: Annotated[Path | None, typer.Option(help="Write the secrets here, as JSON, for you alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list on stdout.")] = False,
    data: Data = None,
) -> None:
    """Make a batch of devices. Their token, access point password and claim code are given now and never again.

    What goes to a file (--labels, --secrets) is not printed, except with --json.
    """
    if count > MOST_SHOWN and not (as_json or secrets):
        # what a screen loses, or Ctrl-C cuts off, is lost: by then the devices are there
        refuse(f"More than {MOST_SHOWN} devices go to a file: --secrets FILE, or --json > FILE.", 2)
    django_with(data=data)
    from django.db import transaction

    with refusals(), ExitStack() as files:
        write_labels = _label_writer(files, labels, model, size, language, url) if labels else None
        secrets_file = files.enter_context(new_private_file(secrets)) if secrets else None
        with transaction.atomic():  # where a file cannot be written there is no device whose secrets nobody has
            minted = _minted(model, id, count, account, note, quiet=as_json)
            if secrets_file:
                secrets_file.write(_json(minted).encode() + b"\n")
                secrets_file.flush()
            if write_labels:
                write_labels(minted)
            said = _said(minted, secrets, as_json)  # so that nothing stands between the devices and their secrets
    typer.echo(said)


def _label_writer(
    files: ExitStack, path: Path, model: str, size: str, language: str, url: str
) -> Callable[[list[Any]], None]:
    """Everything that can be refused is refused before a device is made."""
    from django.conf import settings

    from panal.cells.devices import labels
    from panal.cells.devices.catalog import model_of

    base, language = url or settings.PANAL.public_url, language or settings.LANGUAGE_CODE
    if not base.startswith(("https://", "http://")):
        refuse("Labels carry this server's address: give --url https://… or set PANAL_PUBLIC_URL.")
    if size not in labels.SHEETS:
        refuse(f"{size} is not one of {', '.join(labels.SHEETS)}.")
    if language not in ("es", "en"):
        refuse(f"{language} is not one of es, en.")
    file = files.enter_context(new_private_file(path))
    return lambda minted: _write(file, labels.label_sheet(minted, model_of(model), base, language, size))


def _json(minted: list[Any]) -> str:
    return json.dumps([secret._asdict() for secret in minted], indent=1)


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.flush()


def _minted(model: str, id: str, count: int, account: str, note: str, quiet: bool) -> list[Any]:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    from panal.cells.accounts.actor import system
    from panal.cells.devices.actions import mint_devices

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet or count < 200, transient=True) as bar:
        task = bar.add_task("Minting", total=count)
        return mint_devices(
            model=model,
            device_id=id,
            count=count,
            account_id=account_named(account).pk if account else None,
            note=note,
            actor=system("panal device mint"),
            progress=lambda made: bar.advance(task, made),
        )


def _said(minted: list[Any], secrets: Path | None, as_json: bool) -> str:
    if as_json:
        return _json(minted)
    if secrets:
        return f"{len(minted)} devices; their secrets are in {secrets}."
    return "Shown once: keep them safe.\n\n" + _table(minted)


def _table(minted: list[Any]) -> str:
    """Plain lines: whole tokens however narrow the screen is, and all of them written at once."""
    rows = [("Device", "Token", "Access point password", "Claim code"), *minted]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
