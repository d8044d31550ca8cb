"""A secret that is shown once: on the page after the form that made it, so that reloading makes no second one.

Until it is read it is in the person's session, sealed, as sessions are in the database.
"""

from base64 import b64decode, b64encode

from django.http import HttpRequest

from . import vault


def keep(request: HttpRequest, name: str, secret: str) -> None:
    request.session[_key(name)] = b64encode(vault.seal(secret, _context(request, name))).decode()


def take(request: HttpRequest, name: str) -> str:
    """The secret, for the only time; "" where there is none, or none that this server's key opens."""
    sealed = request.session.pop(_key(name), "")
    try:
        return vault.unseal(b64decode(sealed), _context(request, name)) if sealed else ""
    except vault.VaultError:
        return ""


def _key(name: str) -> str:
    return f"once:{name}"


def _context(request: HttpRequest, name: str) -> str:
    return f"once:{request.user.pk}:{name}"
