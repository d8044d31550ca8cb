"""Pages of the factory: batches, how far their devices are, and making new ones."""

import base64
import json
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache

from panal.cells.accounts.api import is_account, may_mint
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest

from . import actions, labels, queries
from .catalog import MODELS, model_of
from .forms import STAGE_CHOICES, BatchFilterForm, MintForm
from .views import actor_of


@login_required
def batches(request: HttpRequest) -> HttpResponse:
    filters = BatchFilterForm(request.GET).chosen()
    found = queries.batches_for(
        request.user, model=filters["model"], stage=filters["stage"], search=filters["q"].strip()
    )
    context = {"filters": filters, "is_filtered": any(filters.values()), "models": MODELS.values()}
    context |= {"stages": STAGE_CHOICES, "may_mint": may_mint(request.user)}  # type: ignore[arg-type]
    return page.answer(
        request, "devices/batches.html", {"list": lambda: {"batches": page.paginated(request, found)}}, context
    )


@login_required
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    shown = queries.batch_for(request.user, batch_id)
    filters = BatchFilterForm(request.GET).chosen()
    made = queries.made_in(request.user, shown, stage=filters["stage"], search=filters["q"].strip())
    context = {"batch": shown, "filters": filters, "is_filtered": any(filters.values()), "stages": STAGE_CHOICES}
    parts = {"counts": dict, "list": lambda: {"devices": page.paginated(request, made)}}
    return page.answer(request, "devices/batch.html", parts, context)


@login_required
@never_cache
def mint(request: HttpRequest) -> HttpResponse:
    """Answers the page itself, not a redirect: the secrets are shown here and kept nowhere."""
    queries.require_mint(request.user)
    form = MintForm(request.POST or None, initial={"language": get_language()})
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            return render(request, "devices/minted.html", _minted(request, form.cleaned_data))
    return render(request, "devices/mint.html", {"form": form, "most": MintForm.MOST})


def _minted(request: HttpRequest, said: dict[str, Any]) -> dict[str, Any]:
    """A batch, and the two files of it. Where a file cannot be made there is no device whose secrets nobody has."""
    if said["account"] and not is_account(said["account"]):
        raise BadRequest("unknown_account", "no such account", "account")
    base = settings.PANAL.public_url or request.build_absolute_uri("/")
    with transaction.atomic():
        minted = actions.mint_devices(
            model=said["model"], count=said["count"], account_id=said["account"], note=said["note"],
            actor=actor_of(request),
        )  # fmt: skip
        sheet = labels.label_sheet(minted, model_of(said["model"]), base, said["language"], said["size"])
    secrets = json.dumps([secret._asdict() for secret in minted], indent=1).encode()
    return {
        "batch": queries.batch_of(minted[0].device_id),
        "minted": minted,
        "labels": _data_uri("application/pdf", sheet),
        "secrets": _data_uri("application/json", secrets),
    }


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
