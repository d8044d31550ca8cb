"""How every command begins: options become settings, then Django is ready."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from panal.settings import Settings, SettingsError, load

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of everything the server keeps.", envvar="PANAL_DATA", show_default="data"),
]


@contextmanager
def reading() -> Iterator[None]:
    """The garbage collector rests while modules are read and leaves them alone from then on: none of it is garbage, and
    to look through all of it again and again, the last time at the end, took a third of a short command's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settings_with(**options: object) -> Settings:
    """The settings, where options given on the command line (not None) win over the environment."""
    for name, value in options.items():
        if value is not None:
            os.environ["PANAL_" + name.upper()] = str(value)
    try:
        return load()
    except SettingsError as error:
        typer.echo(f"panal: {error}", err=True)
        raise typer.Exit(2) from None


def django_with(**options: object) -> Settings:
    """Settings, and Django set up on a migrated database."""
    settings = settings_with(**options)
    os.umask(0o077)  # the database, its log and every key are for this user only
    Path(settings.data).mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panal.control.settings")
    with reading():
        import django

        django.setup()
        _migrate()
    return settings


def _migrate() -> None:
    """Asks first: Django's command rebuilds every model's past even where there is nothing to do."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)
