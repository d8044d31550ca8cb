"""One page: whether it is on, what to enter at Home Assistant, the password once, and whether doors may be opened."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import person
from panal.control import page
from panal.protocol.errors import NotFound

from . import actions, queries
from .models import Bridge


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int:
    account = page.account_of(request)
    if account is None:
        raise NotFound("not_found")
    return int(account.pk)


def _bridge(request: HttpRequest) -> Bridge:
    found = queries.bridge_for(request.user, _account_id(request))
    if found is None:
        raise NotFound("not_found")
    return found


@login_required
@never_cache
def homeassistant(request: HttpRequest) -> HttpResponse:
    return _shown(request, "")


def _shown(request: HttpRequest, password: str) -> HttpResponse:
    account = page.account_of(request)
    bridge = queries.bridge_for(request.user, account.pk) if account else None
    context = {
        "account": account,
        "bridge": bridge if bridge and bridge.is_on else None,
        "password": password,
        "host": request.get_host().rpartition(":")[0] or request.get_host(),
        "port": settings.PANAL.mqtt_port,
        "has_tls": settings.PANAL.tls,
        "usual_prefix": actions.PREFIX,
    }
    return render(request, "homeassistant/homeassistant.html", context)


@login_required
@require_POST
@never_cache
def turn_on(request: HttpRequest) -> HttpResponse:
    """On, or a new password: the only answer that shows it."""
    account_id = _account_id(request)
    queries.bridge_for(request.user, account_id)
    return _shown(request, actions.turn_on(account_id=account_id, actor=_actor(request)).password)


@login_required
@require_POST
def turn_off(request: HttpRequest) -> HttpResponse:
    actions.turn_off(bridge=_bridge(request), actor=_actor(request))
    return page.done(request, _("Home Assistant is turned off."), "homeassistant")


@login_required
@require_POST
def allow_unlock(request: HttpRequest) -> HttpResponse:
    actions.allow_unlock(
        bridge=_bridge(request), may_unlock=bool(request.POST.get("may_unlock")), actor=_actor(request)
    )
    return redirect("homeassistant")
