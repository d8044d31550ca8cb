"""`/metrics` for Prometheus and `/api/health`: plain counters, read when somebody asks, so counting costs nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import panal
from panal.protocol import instants

from .limits import is_near

if TYPE_CHECKING:
    from .gateway import Gateway


class Metrics(Collector):
    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._process = psutil.Process()

    async def endpoint(self, request: Request) -> Response:
        """`GET /metrics`, for local networks only: it says how many devices there are."""
        address = request.client.host if request.client else ""
        if not is_near(address, ",".join(request.headers.getlist("x-forwarded-for"))):
            return Response("metrics are for local addresses only\n", status_code=403, media_type="text/plain")
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield from self._gauges()
        for service in self._gateway.services:
            yield from service.metrics()

    def _counters(self) -> Iterator[Metric]:
        g = self._gateway
        yield _labelled("panal_http", "Device requests answered", ("path", "status"), g.http_counts)
        yield _labelled("panal_mqtt", "Device messages taken or not, by topic", ("leaf", "outcome"), g.mqtt_counts)
        shed = dict(zip((("urgent",), ("bulk",)), g.ledger.shed, strict=True))
        yield _labelled("panal_ledger_shed", "Messages refused because their lane was full", ("lane",), shed)
        yield _counter("panal_ledger_groups", "Groups committed", g.ledger_groups)
        yield _counter("panal_ledger_messages", "Messages in them", g.ledger_messages)
        yield _counter("panal_ledger_seconds", "Seconds spent committing", g.ledger_seconds)
        yield _counter("panal_ledger_failed_groups", "Groups that could not be stored", g.ledger.failed_groups)
        yield _counter("panal_ledger_lost", "Messages nobody waited for that were not stored", g.ledger.lost)
        yield _counter("panal_bus_dropped", "Messages that could not be sent", g.outbox.dropped)
        yield _counter("panal_broker_restarts", "Times the broker was started again", g.broker_restarts)
        if g.callout:
            decided = {("allowed",): g.callout.allowed, ("refused",): g.callout.refused}
            yield _labelled("panal_mqtt_connections", "Connections decided", ("outcome",), decided)

    def _gauges(self) -> Iterator[Metric]:
        g = self._gateway
        waiting = GaugeMetricFamily("panal_ledger_waiting", "Messages that wait to be stored", labels=["lane"])
        for lane, depth in zip(("urgent", "bulk"), g.ledger.depth(), strict=True):
            waiting.add_metric([lane], depth)
        yield waiting
        yield GaugeMetricFamily("panal_mqtt_connected", "Devices connected by MQTT", value=len(g.presences.sessions))
        yield GaugeMetricFamily("panal_live_pages", "Open live pages", value=len(g.live))
        yield GaugeMetricFamily("panal_broker_up", "Whether the broker answers", value=g.broker_up)
        yield GaugeMetricFamily("panal_identities", "Identities kept in memory", value=len(g.identities))
        yield GaugeMetricFamily("panal_memory_bytes", "Resident memory", value=self._process.memory_info().rss)


def _labelled(name: str, help_text: str, labels: tuple[str, ...], counts: Any) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, value in sorted(counts.items(), key=str):
        family.add_metric([str(part) for part in key], value)
    return family


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_text, value=value)


class Health:
    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._started_ms = gateway.now_ms()

    async def endpoint(self, request: Request) -> Response:
        """`GET /api/health`: 200 when everything works, else 503 and which part does not."""
        parts = await self._gateway.health()
        ok = all(parts.values())
        now_ms = self._gateway.now_ms()
        document = {
            "ok": ok,
            **parts,
            "status": "healthy" if ok else "unhealthy",
            "uptime": (now_ms - self._started_ms) // 1000,
            "timestamp": instants.text(now_ms),
            "version": panal.__version__,
        }
        return JSONResponse(document, status_code=200 if ok else 503, headers={"Cache-Control": "no-store"})
