"""The server's figures in Prometheus' formats. A thread of its own; it only reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from api.server.figures import Figures, Spread
from engine.scheduler.scheduler import RunnerReport


@dataclass(frozen=True)
class Snapshot(Collector):
    """All there is to tell at one moment."""

    figures: Figures
    version: str
    active_requests: int
    waiting: int
    """Requests in the scheduler's line."""
    runners: Sequence[RunnerReport]

    def collect(self) -> Iterator[Metric]:
        """Called by the library."""
        yield InfoMetricFamily("corral_build", "This server", {"version": self.version})
        yield from self._requests()
        yield from self._models()
        yield from self._runners()

    def _requests(self) -> Iterator[Metric]:
        figures = self.figures
        requests = CounterMetricFamily(
            "corral_requests", "Requests answered", labels=("method", "route", "status")
        )
        for (method, route, status), count in list(figures.requests.items()):
            requests.add_metric((method, route, str(status)), count)
        yield requests
        for name, text, value in (
            ("prompt_tokens", "Tokens of prompts, cached ones included", figures.prompt_tokens),
            ("cached_prompt_tokens", "Tokens of prompts found in a cache", figures.cached_tokens),
            ("generated_tokens", "Tokens generated", figures.generated_tokens),
        ):
            yield CounterMetricFamily(f"corral_{name}", text, value)
        yield _histogram("request_seconds", "Requests from arrival to end", figures.duration_s)
        yield _histogram("first_token_seconds", "Arrival to first text", figures.first_token_s)
        yield _histogram("inter_token_seconds", "Between pieces of text", figures.inter_token_s)
        yield _gauge("requests_in_flight", "Requests being answered", self.active_requests)
        yield _gauge("requests_waiting", "Requests waiting for their model", self.waiting)

    def _models(self) -> Iterator[Metric]:
        yield _gauge("loaded_models", "Models in memory or loading", len(self.runners))
        memory = _labelled("model_memory_bytes", "Memory that a model takes, by device", "device")
        context = _labelled("model_context_tokens", "Context of one sequence")
        busy = _labelled("model_requests", "Requests that use a model")
        for runner in self.runners:
            one, labels = runner.loaded, _labels(runner)
            memory.add_metric((*labels, "host"), one.size_bytes - one.size_gpu_bytes)
            memory.add_metric((*labels, "gpu"), one.size_gpu_bytes)
            context.add_metric(labels, one.num_ctx)
            busy.add_metric(labels, one.busy)
        yield from (memory, context, busy)

    def _runners(self) -> Iterator[Metric]:
        """What the runners say themselves; one that does not answer in time is left out."""
        slots = _labelled("runner_slots", "Sequences that can decode together")
        busy = _labelled("runner_busy_slots", "Sequences that decode now")
        queued = _labelled("runner_queued_requests", "Requests that wait for a slot")
        cells = _labelled("runner_kv_tokens", "Tokens held in the KV cache")
        steps = CounterMetricFamily(
            "corral_runner_steps", "Steps of the decoder", labels=("model", "pid")
        )
        for runner in self.runners:
            if (status := runner.status) is None:
                continue
            labels = _labels(runner)
            slots.add_metric(labels, status.slots_total)
            busy.add_metric(labels, status.slots_busy)
            queued.add_metric(labels, status.queued)
            cells.add_metric(labels, status.kv_tokens)
            steps.add_metric(labels, status.steps)
        yield from (slots, busy, queued, cells, steps)


def expose(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """The document and its media type, in the format that an Accept header asks for."""
    registry = CollectorRegistry()
    registry.register(snapshot)
    ProcessCollector(registry=registry)
    encoder, media_type = choose_encoder(accept)
    return encoder(registry), media_type


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"corral_{name}", text, value)


def _labelled(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"corral_{name}", text, labels=("model", "pid", *more))


def _labels(runner: RunnerReport) -> tuple[str, str]:
    """The process id too: a model may have a second runner for its vectors."""
    return runner.loaded.model.name.short, str(runner.loaded.pid)


def _histogram(name: str, text: str, spread: Spread) -> Metric:
    bounds = [*(str(float(bound)) for bound in spread.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(spread.counts), strict=True))
    return HistogramMetricFamily(f"corral_{name}", text, buckets, spread.total)
