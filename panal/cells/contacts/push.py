"""Web push (RFC 8030, 8291, 8292): a message to a browser that a person has allowed to, through its maker's service."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from py_vapid import Vapid
from pywebpush import WebPushException, webpush

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (FIPS 186-5)."""
TTL_S = 4 * 3600
TIMEOUT_S = 8
GONE = (404, 410)
"""The person took the permission back, or the browser is no more."""


@lru_cache(maxsize=2)
def _key(vault_key: str) -> Vapid:
    """One key for all replicas and for ever: it is made of the vault's key, which they share and which is backed up."""
    digest = hashlib.sha512(b"panal/vapid/1/" + vault_key.encode()).digest()
    return Vapid(ec.derive_private_key(int.from_bytes(digest, "big") % (ORDER - 1) + 1, ec.SECP256R1()))


def public_key() -> str:
    """What the browser is given to subscribe with: the uncompressed point, base64url."""
    point = _key(settings.VAULT_KEY).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def send(subscription: Mapping[str, Any], document: Mapping[str, Any], *, urgent: bool) -> tuple[bool, str, bool]:
    """Whether it was taken, what the service said, and whether the subscription is no more."""
    try:
        answer = webpush(
            dict(subscription),
            json.dumps(document),
            vapid_private_key=_key(settings.VAULT_KEY),
            vapid_claims={"sub": f"mailto:{settings.DEFAULT_FROM_EMAIL}"},
            ttl=TTL_S,
            timeout=TIMEOUT_S,
            headers={"Urgency": "high" if urgent else "normal"},
        )
    except WebPushException as error:
        status = getattr(error.response, "status_code", None)
        return False, f"HTTP {status}" if status else "the subscription cannot be used", status in GONE
    except (requests.RequestException, OSError) as error:
        return False, type(error).__name__, False
    return True, f"HTTP {answer.status_code}", False
