"""Who calls the data plane: the person behind a session's cookie or a machine token."""

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from panal.cells.accounts import api as accounts
from panal.cells.accounts.api import Actor

BEARER = "bearer "


def person_of(cookie: str) -> Any:
    """Who is signed in with this cookie header, by the same checks as django.contrib.auth.get_user; None: nobody."""
    session_key = _session_key(cookie)
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key) if session_key else {}
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = get_user_model().objects.filter(pk=session[SESSION_KEY], is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    return user


def _session_key(cookie: str) -> str:
    try:
        morsel = SimpleCookie(cookie).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def caller_of(cookie: str, authorization: str, address: str = "") -> Actor | None:
    """Who calls with these headers, a machine token before a session; `Actor.user` has the token's scopes."""
    if authorization[: len(BEARER)].lower() == BEARER:
        found = accounts.live_token(authorization[len(BEARER) :].strip(), timezone.now())
        return accounts.program(found.user, found.prefix, address) if found is not None else None
    user = person_of(cookie) if cookie else None
    return accounts.person(user, address) if user is not None else None
