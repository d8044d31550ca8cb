"""Whatever a program sends to the REST: the answer is one that the OpenAPI document promises, and never a 500."""

import ninja
import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from panal.cells.access.tests.conftest import alarm, door, door_things, holder, schedule  # noqa: F401  fixtures
from panal.cells.accounts.actions import create_token
from panal.cells.care.tests.conftest import carmen, worn  # noqa: F401  fixtures
from panal.control import rest
from panal.control.wsgi import application

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 4 if connection.vendor == "postgresql" else 10


SCHEMA = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@pytest.fixture
def things(door_things, carmen, worn):  # noqa: F811  they are the fixtures
    of_care = {"wearer": carmen.pk, "wearing": worn.pk}
    return {**door_things, **of_care, "person": door_things["holder"], "credential": door_things["card"]}


@pytest.fixture
def headers(ada, things, actor, monkeypatch):
    """An administrator's program: for them everything is allowed, so everything is reached."""
    monkeypatch.setattr(rest.OFTEN, "per_minute", 10**9)
    # the test's transaction must outlive each request
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    made = create_token(user=ada, name="schemathesis", scopes=["read", "operate", "configure"], actor=actor)
    yield {"Authorization": f"Bearer {made.text}"}
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


def _schemas(base=ninja.Schema):
    for schema in base.__subclasses__():
        yield schema
        yield from _schemas(schema)


def test_each_schema_of_ours_has_a_name_of_its_own():
    """Two of one name would be one in the document: the second's, for both."""
    modules = {}
    for schema in _schemas():
        if schema.__module__.startswith("panal."):
            modules.setdefault(schema.__name__, set()).add(schema.__module__)
    assert [name for name, where in modules.items() if len(where) > 1] == []
    assert modules


# schemathesis closes no answer, which for one that is a file says so here
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_documented(label, headers, things):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[label].as_strategy())
    def ask(case):
        _aim(case, things)
        with transaction.atomic():
            case.validate_response(case.call(headers=headers), checks=CHECKS)
            transaction.set_rollback(True)

    ask()


def _aim(case, things):
    """Every other request is about something that exists: a random id never hits."""
    of_door = {**things, "device": things["door"]} if "/doors/" in case.operation.path else things
    if "/light-schedules/" in case.operation.path:
        of_door = {**things, "schedule": things["light_schedule"]}
    for name in case.path_parameters or {}:
        thing = of_door.get(name.removesuffix("_id"))
        if thing is not None and len(repr(case.body) + repr(case.query)) % 2:
            case.path_parameters[name] = thing
