"""How every command begins: options become settings, then Django is ready."""

import atexit
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from panal.settings import Settings, SettingsError, load

from .refusals import refuse

if TYPE_CHECKING:  # Django is read when a command runs
    from django.db.migrations.loader import MigrationLoader

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
        refuse(str(error), 2)


def django_with(**options: object) -> Settings:
    """Settings, and Django set up on a migrated database."""
    settings = settings_with(**options)
    make_folder(settings)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panal.control.settings")
    with reading():
        import django
        from django.db import Error, connections

        try:
            django.setup()
            atexit.register(connections.close_all)  # SQLite then puts its log into its file
            _migrate()
        except SettingsError as error:
            refuse(str(error))
        except Error as error:
            why = str(error).partition("\n")[0].rstrip(".")
            refuse(f"The database {_database(settings)} cannot be used ({why}). `panal doctor` says more.")
    return settings


def make_folder(settings: Settings) -> None:
    os.umask(0o077)  # the database, its log and every key are for this user only
    try:
        Path(settings.data).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"{settings.data} cannot be the data folder ({error.strerror}). Give --data another one.")


def _database(settings: Settings) -> str:
    """Its name for people, without the password."""
    if not settings.database_url:
        return str(settings.sqlite_path)
    url = urlsplit(settings.database_url)
    return f"{url.path[1:]} at {url.netloc.rpartition('@')[2]}"


def _migrate() -> None:
    """Asks first: Django's command rebuilds every model's past even where there is nothing to do."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if _newer(executor.loader):
        refuse("This database was made by a newer Panal: update Panal, or restore a backup.")
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def _newer(loader: "MigrationLoader") -> bool:
    """Whether a migration of ours was applied that this Panal does not know."""
    from django.apps import apps

    ours = {app.label for app in apps.get_app_configs() if app.name.startswith("panal.")}
    return any(app in ours for app, _ in loader.applied_migrations.keys() - loader.disk_migrations.keys())
