"""``/metrics`` for Prometheus: what requests came, how long they took, and what the engines do."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from prosa.serve.served import Models

GAUGES = {
    "waiting": "Completions in the queue.",
    "writing": "Completions in the batch.",
    "places": "Tokens that the cache holds.",
    "taken": "Of those, what the batch has.",
}
COUNTERS = {
    "read": "Tokens of prompts that were read.",
    "reused": "Tokens of prompts that were there already.",
    "written": "Tokens that were written.",
    "finished": "Completions that came to their end.",
    "cancelled": "Completions that were cancelled.",
    "failed": "Completions that failed.",
}
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """The figures of one server."""

    def __init__(self, models: Models) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Engines(models))
        self._requests = Counter(
            "prosa_requests", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "prosa_request_seconds", "Seconds to the last byte.", ("route",), buckets=SECONDS, registry=self._registry
        )

    def count(self, route: str, status: int, seconds: float) -> None:
        """A request has ended; ``status`` 499: its client was gone before an answer began."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self._registry)


class _Engines(Collector):
    """Asks the services when it is asked."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        services = {id(model.service): model for model in reversed(list(self._models))}  # a model's ways share one
        figures = {model.name: model.service.figures for model in reversed(services.values())}
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(f"prosa_engine_{name}", text, labels=["model"])
            for model, found in figures.items():
                gauge.add_metric([model], getattr(found, name))
            yield gauge
        for name, text in COUNTERS.items():
            counter = CounterMetricFamily(f"prosa_engine_{name}", text, labels=["model"])
            for model, found in figures.items():
                counter.add_metric([model], getattr(found, name))
            yield counter
