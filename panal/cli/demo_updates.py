"""What `panal demo` has of firmware updates: a newer version, ready to be rolled out to its wearables."""

import io
from pathlib import Path
from typing import Any

from .flash import KEYS, update_keys

OPERATOR = "operador@panal.example"
MODEL = "wearable-1"
NOTES = "Demostración: la misma versión con otro número. / The same firmware with another number."


def prepare(kept: dict[str, Any], folder: Path) -> bool:
    """Make somebody who may roll it out and the release, once, and give every board the key. Whether `kept` changed."""
    is_new = "firmware" not in kept
    if is_new:
        _make_operator(kept["password"])
        kept["firmware"] = _release_newer()
    keys = update_keys()
    for board in kept["boards"]:
        flash = folder / "virtual" / board["device_id"]
        flash.mkdir(parents=True, exist_ok=True)
        (flash / KEYS).write_text(keys, encoding="ascii")
    return is_new


def _make_operator(password: str) -> None:
    from panal.cells.accounts import actions as accounts
    from panal.cells.accounts.actor import system

    accounts.create_user(email=OPERATOR, password=password, staff_role="admin", actor=system("panal demo"))


def _release_newer() -> str:
    """The version of the release. Its key is forgotten at once: whoever wants to sign another one makes a key."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from panal import SECURITY_VERSION, __version__
    from panal.cells.accounts.actor import system
    from panal.cells.devices.catalog import MODELS, cells_of_others
    from panal.cells.updates import actions, messages, releases

    key, model, actor = rsa.generate_private_key(messages.EXPONENT, 3072), MODELS[MODEL], system("panal demo")
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    actions.add_key(name="Demo", pem=pem, actor=actor)
    major, minor = __version__.split(".")[:2]
    version = f"{major}.{int(minor) + 1}.0"
    others = cells_of_others(model)
    content = releases.build(
        MODEL, version, SECURITY_VERSION, key, board=model.board, pins=model.pins, foreign_cells=others
    )
    release = actions.add_release(file=io.BytesIO(content), notes=NOTES, actor=actor)
    actions.publish_release(release=release, actor=actor)
    return version
