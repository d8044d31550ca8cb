"""Everything that is kept of a wearer, as one JSON document that is read while it is written."""

import json
from collections.abc import Iterator
from typing import Any

from .models import Event, Wearer


def json_of(wearer: Wearer) -> Iterator[str]:
    yield '{"wearer": ' + _text(_person(wearer)) + ',\n"events": ['
    events = Event.objects.filter(wearer=wearer).select_related("samples", "judgement").prefetch_related("reviews")
    for place, event in enumerate(events.order_by("received_at", "id").iterator(chunk_size=100)):
        yield (",\n" if place else "\n") + _text(_event(event))
    yield "\n]}\n"


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    """Instants as ISO 8601; ids as they are read."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _person(wearer: Wearer) -> dict[str, Any]:
    return {
        "name": wearer.name,
        "birth_year": wearer.birth_year,
        "position": wearer.position,
        "emergency": wearer.emergency,
        "notes": wearer.notes,
        "keeps_motion": wearer.keeps_motion,
        "caregivers": [str(person) for person in wearer.caregivers.all()],
        "created_at": wearer.created_at,
        "devices": [
            {"device": w.device_id, "from": w.from_at, "until": w.until_at, "given_by": w.given_by}
            for w in wearer.wearings.all()
        ],
        "faults": [{"kind": f.kind, "from": f.began_at, "until": f.ended_at} for f in wearer.faults.all()],
    }


def _event(event: Event) -> dict[str, Any]:
    samples, judgement = getattr(event, "samples", None), getattr(event, "judgement", None)
    return {
        "id": event.pk,
        "kind": event.kind,
        "device": event.device_id,
        "occurred_at": event.occurred_at,
        "is_estimated": event.is_estimated,
        "received_at": event.received_at,
        "data": event.data,
        "is_cancelled": event.is_cancelled,
        "state": event.state,
        "verdict": event.verdict,
        "history": [
            {"at": r.at, "action": r.action, "state": r.state, "by": r.by, "comment": r.comment}
            for r in event.reviews.all()
        ],
        "p_fall": judgement.p_fall if judgement else None,
        "model_version": judgement.model_version if judgement else None,
        "samples_g": samples.points if samples else None,
    }
