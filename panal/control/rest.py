"""What the REST of every cell shares: who is calling, how often, paging, and one form of error.

A program sends `Authorization: Bearer pnl_…`; a page of ours uses its session, with the CSRF token in X-CSRFToken.
Errors are `{"ok": false, "error": {"code", "message", "field", "allowed"}}`, as on the device paths.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.parser import Parser
from ninja.security import APIKeyCookie, HttpBearer
from ninja.throttling import BaseThrottle
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints

from panal.cells.accounts import api as accounts
from panal.cells.accounts.api import Actor
from panal.protocol import codec, errors

logger = logging.getLogger(__name__)

PER_MINUTE = 600
"""Requests a minute of one person or program."""
INT_MAX = 2**63 - 1

STATUS = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Unavailable: 503,
}


# shapes


def _storable(at: datetime) -> datetime:
    """Instants that every database and every time zone can hold."""
    at = at.astimezone(UTC) if 2 < at.year < 9998 else at
    if not 1970 <= at.year <= 9000:
        raise ValueError("an instant between 1970 and 9000")
    return at


Id = Annotated[int, Field(ge=1, le=INT_MAX)]
DeviceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Instant = Annotated[AwareDatetime, AfterValidator(_storable)]


class Input(Schema):
    """From ourselves and from programs: a field we do not know is a mistake and is refused."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Schema):
    code: str
    message: str
    field: str | None = None
    allowed: list[str] | None = None


class Refusal(Schema):
    ok: bool = False
    error: ErrorDetail


class Paging(Schema):
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


Item = TypeVar("Item")


class Page(Schema, Generic[Item]):
    items: list[Item]
    count: int
    """How many there are in all."""


def page_of(found: QuerySet[Any], paging: Paging) -> dict[str, Any]:
    return {"items": list(found[paging.offset : paging.offset + paging.limit]), "count": found.count()}


def answers(shape: Any, status: int = 200) -> dict[int, Any]:
    """The answers an operation may give, for the OpenAPI document."""
    return {status: shape} | dict.fromkeys((400, 401, 403, 404, 409, 413, 429, 503), Refusal)


# who is calling


def actor_of(request: HttpRequest) -> Actor:
    found: Actor = request.auth  # type: ignore[attr-defined]
    return found


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


class Program(HttpBearer):
    """A machine token: what its person may do, within its scopes."""

    openapi_description = "A machine token of Panal: pnl_…"

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        now = timezone.now()
        found = accounts.live_token(token, now)
        if found is None:
            return None
        with suppress(OperationalError):  # who only reads does not need a database that takes something in
            accounts.note_token_use(token=found, now=now)
        request.user = found.user
        return accounts.program(found.user, found.prefix, _address(request))


class Browser(APIKeyCookie):
    """A person's session. Requests that change something carry the CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    def _get_key(self, request: HttpRequest) -> str | None:
        # without a cookie nobody can be tricked: 401 says it better than 403
        return super()._get_key(request) if self.param_name in request.COOKIES else None  # type: ignore[no-any-return]

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        if key is None or not request.user.is_authenticated:
            return None
        return accounts.person(request.user, _address(request))  # type: ignore[arg-type]


class Often(BaseThrottle):
    """At most `per_minute` requests in each minute of each person and program, counted in this process."""

    def __init__(self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.clock = clock
        self._lock = threading.Lock()
        self._minute = -1
        self._counts: dict[str, int] = {}

    def allow_request(self, request: HttpRequest) -> bool:
        caller = actor_of(request).text
        minute = int(self.clock() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            self._counts[caller] = self._counts.get(caller, 0) + 1
            return self._counts[caller] <= self.per_minute

    def wait(self) -> float:
        return 60.0 - self.clock() % 60


OFTEN = Often()


# in and out


class Bounded(Parser):  # type: ignore[misc]
    """Nothing unbounded and nothing that PostgreSQL cannot store reaches a handler."""

    def parse_body(self, request: HttpRequest) -> Any:
        return codec.decode(request.body)

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        for name in data:
            codec.check([name, *(value for value in data.getlist(name) if isinstance(value, str))])
        found: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        return found


def new_api() -> NinjaAPI:
    """An API without operations: the cells add theirs."""
    api = NinjaAPI(
        title="Panal",
        version="1",
        description=__doc__,
        auth=[Program(), Browser()],
        throttle=[OFTEN],
        parser=Bounded(),
        docs_url="/docs",
        openapi_url="/openapi.json",
        urls_namespace="api",
    )
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)
    return api


def refusal(status: int, code: str, message: str, **more: Any) -> HttpResponse:
    error = {"code": code, "message": message} | {name: value for name, value in more.items() if value is not None}
    response = HttpResponse(codec.encode({"ok": False, "error": error}), "application/json", status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _panal_error(request: HttpRequest, error: errors.PanalError) -> HttpResponse:
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
    allowed = list(error.allowed) if error.allowed is not None else None
    response = refusal(status, error.code, error.message, field=error.field, allowed=allowed)
    if error.retry_after_s:
        response["Retry-After"] = str(error.retry_after_s)
    return response


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """The first mistake, at its field."""
    first = error.errors[0]
    field = ".".join(str(part) for part in first["loc"][1:] if part not in ("payload", "filters", "paging"))
    code = "missing_field" if first["type"] == "missing" else "bad_field"
    return refusal(400, code, str(first["msg"])[:200], field=field or None)


def _throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    return refusal(429, "too_often", f"at most {OFTEN.per_minute} requests a minute")


def _unknown_caller(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return refusal(401, "who_are_you", "send a machine token as Authorization: Bearer pnl_…, or sign in")


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, errors.PanalError):  # what the parser refused
        return _panal_error(request, error.__cause__)
    code = {400: "bad_request", 403: "bad_csrf"}.get(error.status_code, "refused")
    return refusal(error.status_code, code, str(error))


def _not_found(request: HttpRequest, error: Exception) -> HttpResponse:
    return refusal(404, "not_found", "there is nothing here that you may see")


def _too_big(request: HttpRequest, error: Exception) -> HttpResponse:
    return refusal(413, "too_large", "the body is too large")


def _database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """Busy, full or away: nothing was written, and the same request may go again."""
    logger.warning("%s %s: %s", request.method, request.path, error)
    return _panal_error(request, errors.Unavailable("database", "the database is busy or away", retry_after_s=5))


def _our_mistake(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.exception("%s %s failed", request.method, request.path)
    return refusal(500, "internal", "our own mistake; it is in the server's log")


HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    errors.PanalError: _panal_error,
    ValidationError: _invalid,
    Throttled: _throttled,
    AuthenticationError: _unknown_caller,
    HttpError: _http_error,
    Http404: _not_found,
    RequestDataTooBig: _too_big,
    OperationalError: _database_away,
    InterfaceError: _database_away,
    Exception: _our_mistake,
}


@csrf_exempt  # nothing can be forged here, and a board would be told of a form
def nothing_here(request: HttpRequest) -> HttpResponse:
    """The answer below /api/ where there is nothing: programs read JSON."""
    return _not_found(request, Http404())
