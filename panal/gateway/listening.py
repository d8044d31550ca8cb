"""What keeps the server from listening where its settings say."""

import ssl
from pathlib import Path

from panal.settings import Settings


class CannotListen(Exception):
    """A port that cannot be opened, or certificates that cannot be used; the text is for the operator."""


def taken(port: int, host: str, why: str, setting: str) -> CannotListen:
    return CannotListen(
        f"Port {port} on {host} cannot be opened ({why}). `panal doctor` says who has it; {setting} takes another."
    )


def check_tls(settings: Settings) -> None:
    """Raises CannotListen when the certificate and its key cannot be used: the broker would say it in its own words."""
    if not settings.tls:
        return
    try:
        for path in (settings.tls_cert, settings.tls_key):
            Path(path).read_bytes()
        # "": a key that is locked with a password is refused and not asked for, nobody sits before a service
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, "")
    except ssl.SSLError as error:
        why = error.reason or "no PEM, or locked with a password"
        raise CannotListen(
            f"{settings.tls_cert} and {settings.tls_key} cannot be used ({why}):"
            " give PANAL_TLS_CERT and PANAL_TLS_KEY a certificate and the key that belongs to it."
        ) from None
    except OSError as error:
        raise CannotListen(
            f"{error.filename} cannot be read ({error.strerror}): put PANAL_TLS_CERT and PANAL_TLS_KEY right."
        ) from None
