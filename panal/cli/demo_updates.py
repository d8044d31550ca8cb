"""What `panal demo` has of firmware updates: a newer version, ready to be rolled out to its boards of lights."""

import io
from pathlib import Path
from typing import Any

from .flash import KEYS, update_keys
from .updates import make_key

OPERATOR = "operador@panal.example"
MODEL = "lights-4"
KEY = "demo-key.pem"
NOTES = "Demostración: la misma versión con otro número. / The same firmware with another number."


def prepare(kept: dict[str, Any], folder: Path) -> bool:
    """Make the operator's person, key and release, once, and give every board the key. Whether `kept` changed."""
    is_new = "firmware" not in kept
    if is_new:
        _make_operator(kept["password"])
        kept["firmware"] = _release_newer(_key(folder / KEY))
    for board in kept["boards"]:
        flash = folder / "virtual" / board["device_id"]
        flash.mkdir(parents=True, exist_ok=True)
        (flash / KEYS).write_text(update_keys(), encoding="ascii")
    return is_new


def _key(path: Path) -> Any:
    """The key that this demo's boards trust. It lies beside the database, as no real one may."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from panal.cells.accounts.actor import system
    from panal.cells.updates import actions

    if not path.exists():
        public = make_key(path, "")
        actions.add_key(name="Demo", pem=public.read_text(encoding="ascii"), actor=system("panal demo"))
    return load_pem_private_key(path.read_bytes(), None)


def _make_operator(password: str) -> None:
    from panal.cells.accounts import actions as accounts
    from panal.cells.accounts.actor import system

    accounts.create_user(email=OPERATOR, password=password, staff_role="admin", actor=system("panal demo"))


def _release_newer(key: Any) -> str:
    """The version of the release, which is out then."""
    from panal import SECURITY_VERSION, __version__
    from panal.cells.accounts.actor import system
    from panal.cells.devices.catalog import MODELS, cells_of_others
    from panal.cells.updates import actions, releases

    model, actor = MODELS[MODEL], system("panal demo")
    major, minor = __version__.split(".")[:2]
    version = f"{major}.{int(minor) + 1}.0"
    others = cells_of_others(model)
    content = releases.build(
        MODEL, version, SECURITY_VERSION, key, board=model.board, pins=model.pins, foreign_cells=others
    )
    release = actions.add_release(file=io.BytesIO(content), notes=NOTES, actor=actor)
    actions.publish_release(release=release, actor=actor)
    return version
