"""Pages that say whose a device is: adding one, letting it go, handing it over, moving it."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import MANAGE, is_account
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest

from . import claims, labels, queries
from .forms import ClaimForm, MoveForm
from .models import Device
from .views import actor_of


@login_required
@never_cache
def claim(request: HttpRequest) -> HttpResponse:
    return _claim_page(request, "")


@never_cache
def claim_scanned(request: HttpRequest, device_id: str) -> HttpResponse:
    """Where the QR code of a label leads. The code comes behind #, which no browser sends to a server."""
    if not request.user.is_authenticated:
        return render(request, "devices/claim_entrance.html", {"device_id": device_id[:32]})
    return _claim_page(request, device_id)


def _claim_page(request: HttpRequest, device_id: str) -> HttpResponse:
    accounts = queries.accounts_to_claim_for(request.user)
    here = page.account_of(request)
    first = {"device": device_id[:32], "account": here.pk if here else None}
    form = ClaimForm(request.POST or None, initial=first, accounts=accounts)
    if request.method == "POST" and accounts and form.is_valid():
        with refusals_on(form):
            claimed = _claimed(request, form)
            messages.success(request, _("It is yours now. Give it a name and a place."))
            return redirect(reverse("device", args=[claimed.pk]) + "#settings")
    return render(request, "devices/claim.html", {"form": form, "accounts": accounts, "device_id": device_id[:32]})


def _claimed(request: HttpRequest, form: ClaimForm) -> Device:
    said = form.cleaned_data
    return claims.claim_device(
        device_id=said["device"], code=said["code"], account_id=form.account_id(), actor=actor_of(request)
    )


@login_required
@require_POST
def release_device(request: HttpRequest, device_id: str) -> HttpResponse:
    claims.release_device(device=queries.device_for(request.user, device_id, MANAGE), actor=actor_of(request))
    messages.success(request, _("The device has left the account."))
    return redirect("devices")


@login_required
@require_POST
@never_cache
def hand_over_device(request: HttpRequest, device_id: str) -> HttpResponse:
    """Answers the page itself, not a redirect: the code is shown here and kept nowhere."""
    shown = queries.device_for(request.user, device_id, MANAGE)
    return _code_page(request, shown, claims.hand_over_device(device=shown, actor=actor_of(request)))


@login_required
@require_POST
@never_cache
def make_claim_code(request: HttpRequest, device_id: str) -> HttpResponse:
    """For staff, of a device that is nobody's."""
    shown = queries.device_for(request.user, device_id, MANAGE)
    return _code_page(request, shown, claims.make_claim_code(device=shown, actor=actor_of(request)))


def _code_page(request: HttpRequest, shown: Device, code: str) -> HttpResponse:
    link = labels.claim_url(settings.PANAL.public_url or request.build_absolute_uri("/"), shown.pk, code)
    context = {"device_id": shown.pk, "code": code, "link": link, "qr": labels.qr_data_uri(link)}
    return render(request, "devices/claim_code.html", context | {"days": claims.HANDED_OVER.days})


@login_required
@require_POST
def move_device(request: HttpRequest, device_id: str) -> HttpResponse:
    """For administrators of the operator."""
    shown = queries.device_for(request.user, device_id, MANAGE)
    queries.require_admin(request.user)
    form = MoveForm(request.POST)
    account_id = form.cleaned_data["account"] if form.is_valid() else -1
    if account_id is not None and not is_account(account_id):
        raise BadRequest("unknown_account", "no such account", "account")
    claims.move_device(device=shown, account_id=account_id, actor=actor_of(request))
    messages.success(request, _("The device has moved."))
    return redirect("device", device_id)
