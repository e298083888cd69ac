"""What Prometheus may ask: acknowledge time, duplicates, refusals, depth, handlers, sends (issue 2, Server)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.5, 1.0, 1.5, 5.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Every figure of one server, in a registry of its own so that tests do not share them. Seconds."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.acknowledge = Histogram(
            "qianshao_acknowledge_seconds",
            "From the arrival of a callback or frame to its acknowledgement, the commit included",
            ["platform"],
            buckets=_FAST,
            registry=registry,
        )
        self.duplicates = Counter(
            "qianshao_duplicates_total", "Repeated deliveries stopped", ["platform"], registry=registry
        )
        self.refused = Counter(
            "qianshao_refused_callbacks_total",
            "Callbacks refused, by reason",
            ["platform", "reason"],
            registry=registry,
        )
        self.unstored = Counter(
            "qianshao_unstored_callbacks_total",
            "Callbacks not acknowledged because storage failed",
            ["platform"],
            registry=registry,
        )
        self.handled = Histogram(
            "qianshao_handler_seconds",
            "One run of a handler with its commit",
            ["kind", "outcome"],
            buckets=_SLOW,
            registry=registry,
        )
        self.unhandled = Counter(
            "qianshao_unhandled_total",
            "Verified events that nothing acts on",
            ["platform", "kind"],
            registry=registry,
        )
        self.delivered = Histogram(
            "qianshao_send_seconds",
            "One attempt to deliver an outbox row",
            ["target", "kind", "outcome"],
            buckets=_SLOW,
            registry=registry,
        )
        self.depth = Gauge(
            "qianshao_queue_depth", "Rows waiting in inbox or outbox", ["queue"], registry=registry
        )
        self.processes = Gauge(
            "qianshao_processes",
            "Processes of the fleet that are alive, by role",
            ["role"],
            registry=registry,
        )
        self.courier = Gauge(
            "qianshao_courier_up",
            "1 while the queue engine carries hints between processes; without it work starts up to a second later",
            ["engine"],
            registry=registry,
        )
        self.oldest = Gauge(
            "qianshao_queue_oldest_seconds",
            "For how long the longest-waiting due row of inbox or outbox has waited",
            ["queue"],
            registry=registry,
        )
        self.breaker = Gauge(
            "qianshao_breaker_open", "1 while a far system is given a rest", ["target"], registry=registry
        )
        self.commons = Gauge(
            "qianshao_commons_up",
            "1 while tokens, limits and rests are shared through Redis; 0 while this process goes by its share",
            registry=registry,
        )
        self.budget = Gauge(
            "qianshao_budget_left",
            "Share of a platform's monthly budget that is left, 0 to 1",
            ["platform", "kind"],
            registry=registry,
        )
        self.tasks = Gauge("qianshao_tasks", "asyncio tasks of this process", registry=registry)
        self.stream = Gauge(
            "qianshao_stream",
            "DingTalk Stream: figures of the connection",
            ["app", "figure"],
            registry=registry,
        )

    def page(self) -> bytes:
        """The text Prometheus scrapes."""
        return generate_latest(self.registry)
