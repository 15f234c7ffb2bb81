"""What a controller tells of itself, under controller-runtime's names."""

from __future__ import annotations

import logging
import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kubeinformer import Controller, Request, TerminalError, requeue_after
from kubeinformer.controller.requests import Result
from kubeinformer.prometheus import PrometheusMetrics
from kubeinformer.testing.waiting import eventually


def test_prometheus_shows_what_became_of_runs(caplog: pytest.LogCaptureFixture) -> None:
    """Results, errors, panics, time-outs, workers; and they are gone when the controller is."""
    caplog.set_level(logging.CRITICAL, "kubeinformer.controller")
    registry = CollectorRegistry()
    may_end = threading.Event()

    def reconcile(request: Request) -> Result:
        match request.key:
            case "again":
                return requeue_after(3600)
            case "terminal":
                raise TerminalError("never")
            case "failing" if request.attempt == 1:
                raise ValueError("once")
            case "panic" if request.attempt == 1:
                raise SystemExit
            case "slow":
                may_end.wait(30)
        return None

    controller = Controller(
        "metered", reconcile, workers=2, reconcile_timeout=0.02, metrics=PrometheusMetrics(registry)
    )

    def value(line: str) -> float:
        text = generate_latest(registry).decode()
        return float(next(found for found in text.splitlines() if found.startswith(line)).rpartition(" ")[2])

    label = '{controller="metered"'
    with controller:
        for key in ("again", "terminal", "failing", "panic", "fine", "slow"):
            controller.enqueue(key)
        eventually(lambda: value(f"controller_runtime_reconcile_timeouts_total{label}") == 1)
        assert value(f"controller_runtime_active_workers{label}") == 1
        may_end.set()
        eventually(lambda: value(f'controller_runtime_reconcile_total{label},result="success"') == 4)
        assert value(f'controller_runtime_reconcile_total{label},result="error"') == 3
        assert value(f'controller_runtime_reconcile_total{label},result="requeue_after"') == 1
        assert value(f"controller_runtime_reconcile_errors_total{label}") == 3
        assert value(f"controller_runtime_terminal_reconcile_errors_total{label}") == 1
        assert value(f"controller_runtime_reconcile_panics_total{label}") == 1
        assert value(f"controller_runtime_max_concurrent_reconciles{label}") == 2
        assert value(f"controller_runtime_reconcile_time_seconds_count{label}") == 8
        assert value('workqueue_adds_total{name="metered"') == 8
        assert value('workqueue_retries_total{name="metered"') == 3
    assert "metered" not in generate_latest(registry).decode()


def test_a_controller_that_ends_with_a_backlog_takes_its_metrics_along() -> None:
    """Keys that nobody takes any more are no depth of a queue."""
    registry = CollectorRegistry()

    def reconcile(_: Request) -> None:
        eventually(lambda: controller._reconciling.queue.is_shut_down)

    controller = Controller("busy", reconcile, metrics=PrometheusMetrics(registry))
    with controller:
        for number in range(10):
            controller.enqueue(f"key-{number}")
        eventually(lambda: 'workqueue_depth{name="busy"} 9.0' in generate_latest(registry).decode())
    assert "busy" not in generate_latest(registry).decode()
