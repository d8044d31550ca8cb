"""A signed-in person's language and time zone, where they have chosen one."""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

Respond = Callable[[HttpRequest], HttpResponseBase]

ZONES = frozenset(zoneinfo.available_timezones())
"""Read once: asking the system for them walks its whole folder of zones."""


def preferences(get_response: Respond) -> Respond:
    def respond(request: HttpRequest) -> HttpResponseBase:
        # Reading the user costs two queries: not for a static file or a program without a cookie.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _activate(request)
        try:
            return get_response(request)
        finally:
            timezone.deactivate()

    return respond


def _activate(request: HttpRequest) -> None:
    user = request.user
    if user.language:  # type: ignore[union-attr]
        translation.activate(user.language)  # type: ignore[union-attr]
        request.LANGUAGE_CODE = user.language  # type: ignore[union-attr]
    if user.time_zone in ZONES:  # type: ignore[union-attr]
        timezone.activate(zoneinfo.ZoneInfo(user.time_zone))  # type: ignore[union-attr]
