"""`panal updates …`: the operator's key, firmware as a signed release, and handing it to the server."""

import getpass
import hashlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .board import buildable
from .refusals import new_private_file, refusals, refuse
from .start import Data, django_with

app = typer.Typer(no_args_is_help=True, help="Firmware updates.")

KEY = Path("update-key.pem")
PASSWORD = "PANAL_UPDATE_KEY_PASSWORD"  # noqa: S105  the name of a variable
KEY_BITS = 3072
Key = Annotated[Path, typer.Option(help="The private key (PEM). It stays with you: never on the server.")]


@app.command()
def key(
    out: Annotated[Path, typer.Option(help="The private key, a new file; beside it `.pub` is made.")] = KEY,
    encrypt: Annotated[bool, typer.Option(help=f"Ask for a password, or take ${PASSWORD}.")] = True,
) -> None:
    """Make the key that signs releases: RSA-3072. Who has it decides what every board runs."""
    public = make_key(out, _new_password() if encrypt else "")
    typer.echo(f"{out}: the private key. Keep it off the server, and a copy in a safe place: nobody can make it again.")
    typer.echo(f"{public}: the public key. Give it to the server: panal updates trust {public}")


def make_key(path: Path, password: str) -> Path:
    """A new private key in a new file that only its owner may read; where its public half lies."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(65537, KEY_BITS)
    how: Any = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password.encode())
    with new_private_file(path) as file:
        file.write(made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    public = path.with_suffix(".pub")
    public.write_bytes(
        made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return public


def _new_password() -> str:
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        refuse(f"Nobody is here to type a password: set {PASSWORD}, or say --no-encrypt.")
    first = getpass.getpass("Password of the new key: ")
    if first != getpass.getpass("Again: "):
        refuse("These are two different passwords.")
    return first


@app.command()
def trust(
    public: Annotated[Path, typer.Argument(help="The public key (PEM).", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="What it is called in lists.")] = "",
    data: Data = None,
) -> None:
    """Tell the server which key signs releases; boards that are flashed from now on know it too."""
    django_with(data=data)
    from panal.cells.accounts.actor import system
    from panal.cells.updates import actions

    with refusals():
        added = actions.add_key(
            name=name or public.stem, pem=public.read_text(encoding="ascii"), actor=system("panal updates trust")
        )
    typer.echo(f"{added.name} is trusted: {added.fingerprint[:16]}")


@app.command()
def build(
    board: Annotated[str, typer.Option(help="For which model: lights-4, door-1, wearable-1, camera-1, camera-2.")],
    version: Annotated[str, typer.Option(help="1 to 32 letters, digits and .+-_")],
    key: Key = KEY,
    security_version: Annotated[
        int | None, typer.Option(min=0, help="Boards that ran this one take no lower one any more.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="A whole MicroPython image in place of our files.", exists=True, dir_okay=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The release file; else MODEL-VERSION.panal.")] = None,
) -> None:
    """Compile the firmware of a model, and sign it: one file, ready to be released."""
    from panal import SECURITY_VERSION
    from panal.cells.devices.catalog import cells_of_others
    from panal.cells.updates import releases

    made = buildable(board)
    signer = _load(key)
    about = (board, version, SECURITY_VERSION if security_version is None else security_version, signer)
    with refusals():
        if image is not None:
            content = releases.of_image(image.read_bytes(), *about)
        else:
            others = cells_of_others(made)
            content = releases.build(*about, board=made.board, pins=made.pins, foreign_cells=others)
    path = out or Path(f"{board}-{version}.panal")
    path.write_bytes(content)
    typer.echo(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def _load(path: Path) -> Any:
    """The private key in the file; asks for its password where it has one."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        pem = path.read_bytes()
    except OSError:
        refuse(f"There is no key at {path}. Make one with panal updates key, or name yours with --key.")
    is_locked = b"ENCRYPTED" in pem
    password = None
    if is_locked:
        password = os.environ.get(PASSWORD) or getpass.getpass(f"Password of {path}: ")
    try:
        found: Any = load_pem_private_key(pem, password.encode() if password else None)
    except (ValueError, TypeError):
        refuse(f"{path} is no private key, or its password is another one.")
    if getattr(found, "key_size", 0) != KEY_BITS or not hasattr(found.public_key().public_numbers(), "n"):
        refuse(f"{path} is no RSA key of {KEY_BITS} bits.")
    return found


@app.command()
def release(
    file: Annotated[Path, typer.Argument(help="What panal updates build made.", exists=True, dir_okay=False)],
    notes: Annotated[str, typer.Option(help="What is new, for people.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Do not publish it yet.")] = False,
    to: Annotated[str, typer.Option(help="Give it to this one device at once. Rollouts are made at the pages.")] = "",
    data: Data = None,
) -> None:
    """Hand a release to the server of this data folder."""
    if draft and to:
        refuse("A draft is given to nobody: leave out --draft or --to.")
    django_with(data=data)
    from panal.cells.accounts.actor import system
    from panal.cells.updates import actions

    actor = system("panal updates release")
    with refusals(), file.open("rb") as content:
        added = actions.add_release(file=content, actor=actor, notes=notes)
        if not draft:
            actions.publish_release(release=added, actor=actor)
        if to:
            actions.update_now(release=added, device=_device(to), actor=actor)
    typer.echo(f"{added} is {'a draft' if draft else 'out'}.")


def _device(id: str) -> Any:
    from panal.cells.devices.models import Device

    device = Device.objects.filter(pk=id).first()
    if device is None:
        refuse(f"There is no device {id}.")
    return device
