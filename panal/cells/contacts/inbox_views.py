"""The public form, and the inbox of the operator's people."""

import time
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import person
from panal.control import page
from panal.control.refusals import sentence
from panal.protocol.errors import Unavailable

from . import inquiries, queries
from .forms import InquiryForm
from .models import InquiryState

SALT = "contacts.form"


@never_cache
def public_form(request: HttpRequest) -> HttpResponse:
    form = InquiryForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            inquiries.receive_inquiry(
                fields=form.values(),
                address=request.META.get("REMOTE_ADDR", ""),
                language=get_language() or "",
                trap=request.POST.get("website", ""),
                seconds=_seconds(request.POST.get("opened", "")),
            )
        except Unavailable as error:
            form.add_error(None, sentence(error))
            status = 429
        else:
            return redirect("contact_thanks")
    opened = request.POST.get("opened") or signing.dumps(time.time(), salt=SALT)
    return render(request, "contacts/form.html", {"form": form, "opened": opened}, status=status)


def _seconds(opened: str) -> float | None:
    """How long ago the form was opened; None: it was not ours, or it lay open for days."""
    try:
        return time.time() - float(signing.loads(opened, salt=SALT, max_age=3 * 86400))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def thanks(request: HttpRequest) -> HttpResponse:
    return render(request, "contacts/thanks.html")


def may_open_inbox(request: HttpRequest) -> bool:
    return queries.may_read_inquiries(request.user)


@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    state = request.GET.get("state", InquiryState.NEW)
    state = state if state in InquiryState.values else ""
    search = request.GET.get("q", "").strip()[:80]
    context = {"state": state, "states": InquiryState.choices, "q": search}
    return page.answer(request, "contacts/inbox.html", {"list": partial(_inbox, request, state, search)}, context)


def _inbox(request: HttpRequest, state: str, search: str) -> dict[str, Any]:
    shown = page.paginated(request, queries.inquiries_for(request.user, state, search))
    return {"page": shown, "inquiries": list(shown), "is_filtered": bool(search)}


@login_required
@never_cache
def inquiry(request: HttpRequest, inquiry_id: int) -> HttpResponse:
    """Form fields: text, and note where it is one for colleagues."""
    found = queries.inquiry_for(request.user, inquiry_id)
    if request.method == "POST":
        act = inquiries.add_note if "note" in request.POST else inquiries.answer_inquiry
        act(inquiry=found, text=request.POST.get("text", ""), actor=_actor(request))
        text = _("Written down.") if "note" in request.POST else _("Answered by e-mail.")
        return page.done(request, text, reverse("inquiry", args=[found.pk]))
    return render(
        request,
        "contacts/inquiry.html",
        {"inquiry": found, "replies": list(found.replies.all()), "states": InquiryState.choices},
    )


@login_required
@require_POST
def sort(request: HttpRequest, inquiry_id: int) -> HttpResponse:
    """Form field: state."""
    found = queries.inquiry_for(request.user, inquiry_id)
    inquiries.sort_inquiry(inquiry=found, state=request.POST.get("state", ""), actor=_actor(request))
    return page.done(request, _("Saved."), reverse("inbox"))


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]
