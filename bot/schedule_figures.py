"""What Prometheus may ask about jobs: runs, failures, how long they take, how late they begin."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_LONG = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
_LATE = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class JobFigures:
    """In the server's registry. Seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "qianshao_job_runs_total",
            "Runs of jobs that ended here, by outcome (done, failed)",
            ["job", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "qianshao_job_seconds", "How long a run took", ["job"], buckets=_LONG, registry=registry
        )
        self.late = Histogram(
            "qianshao_job_late_seconds",
            "From a slot of the clock to the beginning of its run, jitter included",
            ["job"],
            buckets=_LATE,
            registry=registry,
        )
        self.left_out = Counter(
            "qianshao_job_slots_left_out_total",
            "Times at which late slots were passed over by a job's rule",
            ["job"],
            registry=registry,
        )
