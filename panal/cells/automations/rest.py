"""REST of automations: what they are, what they did, a dry run."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import EDIT, OPERATE, account_for
from panal.control.rest import Id, Input, Instant, Page, Paging, actor_of, answers, page_of

from . import actions, parts, queries, runs
from .models import Automation, Run

router = Router(tags=["automations"])

Name = Annotated[str, Field(min_length=1, max_length=actions.MOST_NAME)]
Part = dict[str, Any]
"""One trigger, condition or action, as docs/automations.md has them."""


class AutomationOut(Schema):
    id: int
    account: int
    name: str
    is_on: bool
    when: Part
    conditions: list[Part]
    actions: list[Part]
    """Without the address of a webhook, of which only the host is shown."""
    next_at: Instant | None
    ran_at: Instant | None
    stopped_at: Instant | None
    """It ran too often and was turned off."""


def _automation(found: Automation) -> dict[str, Any]:
    times = {name: getattr(found, name) for name in ("next_at", "ran_at", "stopped_at")}
    return {**actions.said_of(found), **times, "id": found.pk, "account": found.account_id, "is_on": found.is_on}


class AutomationIn(Input):
    name: Name
    when: Part
    conditions: Annotated[list[Part], Field(max_length=parts.MOST_CONDITIONS)] = []
    actions: Annotated[list[Part], Field(min_length=1, max_length=parts.MOST_ACTIONS)]


class NewAutomationIn(AutomationIn):
    account: Id


class TurnIn(Input):
    is_on: bool


class AutomationStepOut(Schema):
    kind: str = ""
    is_done: bool = False
    code: str = ""
    condition: int | None = None
    """The place of the condition that did not hold."""


class AutomationRunOut(Schema):
    id: int
    automation: int
    at: Instant
    ran_at: Instant
    cause: str
    device: str
    by: str
    outcome: str
    steps: list[AutomationStepOut]


def _ran(run: Run) -> dict[str, Any]:
    names = ("at", "ran_at", "cause", "by", "outcome", "steps")
    found = {name: getattr(run, name) for name in names}
    return {**found, "id": run.pk, "automation": run.automation_id, "device": run.device_id}


class DryOut(Schema):
    unmet: int | None
    """The place of the first condition that does not hold now; null: all hold."""
    steps: list[Part]
    """Each action, and in "is_there" whether what it is about still exists."""


@router.get("/automations", response=answers(Page[AutomationOut]))
def automations(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    """By name."""
    found = page_of(queries.automations_for(request.user, account), paging)
    return {**found, "items": [_automation(one) for one in found["items"]]}


@router.post("/automations", response=answers(AutomationOut, 201))
def create(request: HttpRequest, payload: NewAutomationIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)
    made = actions.save_automation(
        account_id=account.pk, actor=actor_of(request), **payload.model_dump(exclude={"account"})
    )
    return Status(201, _automation(made))


@router.get("/automations/{automation_id}", response=answers(AutomationOut))
def automation(request: HttpRequest, automation_id: Id) -> Any:
    return _automation(queries.automation_for(request.user, automation_id))


@router.put("/automations/{automation_id}", response=answers(AutomationOut))
def change(request: HttpRequest, automation_id: Id, payload: AutomationIn) -> Any:
    found = queries.automation_for(request.user, automation_id, EDIT)
    return _automation(
        actions.save_automation(
            account_id=found.account_id, automation=found, actor=actor_of(request), **payload.model_dump()
        )
    )


@router.post("/automations/{automation_id}/turn", response=answers(AutomationOut))
def turn(request: HttpRequest, automation_id: Id, payload: TurnIn) -> Any:
    found = queries.automation_for(request.user, automation_id, EDIT)
    return _automation(actions.turn(automation=found, is_on=payload.is_on, actor=actor_of(request)))


@router.post("/automations/{automation_id}/run", response=answers(AutomationOut, 202))
def run(request: HttpRequest, automation_id: Id) -> Any:
    found = queries.automation_for(request.user, automation_id, OPERATE)
    actions.run_now(automation=found, actor=actor_of(request))
    return Status(202, _automation(found))


@router.get("/automations/{automation_id}/dry-run", response=answers(DryOut))
def dry_run(request: HttpRequest, automation_id: Id) -> Any:
    found = queries.automation_for(request.user, automation_id)
    unmet, steps = runs.would(found, timezone.now())
    return {"unmet": unmet, "steps": [{**actions.shown(one), "is_there": is_there} for one, is_there in steps]}


@router.get("/automations/{automation_id}/runs", response=answers(Page[AutomationRunOut]))
def ran(
    request: HttpRequest,
    automation_id: Id,
    paging: Query[Paging],
    outcome: Literal["done", "failed", "skipped", "late", "stopped"] | None = None,
) -> Any:
    """Newest first."""
    automation = queries.automation_for(request.user, automation_id)
    found = page_of(queries.runs_for(request.user, automation, outcome or ""), paging)
    return {**found, "items": [_ran(one) for one in found["items"]]}


@router.delete("/automations/{automation_id}", response=answers(None, 204))
def delete(request: HttpRequest, automation_id: Id) -> Any:
    found = queries.automation_for(request.user, automation_id, EDIT)
    actions.delete_automation(automation=found, actor=actor_of(request))
    return Status(204, None)
