"""A gauge whose values are exported once."""

import threading
from collections.abc import Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from shared.telemetry.names import Metric


class Gauge:
    """Exports each value that is set, or the last one of an export interval, once.

    The SDK's own gauge exports its last value at each interval, as Azure Monitor's exporter asks
    for cumulative values of it. A value would then outlive what sets it: a process in which
    reconcile runs no more would go on to say that it does.
    """

    def __init__(self, meter: Meter, metric: Metric) -> None:
        self._lock = threading.Lock()
        self._values: dict[frozenset[tuple[str, str]], float] = {}
        meter.create_observable_gauge(metric.name, [self._take], metric.unit, metric.meaning)

    def set(self, value: float, attributes: Mapping[str, str]) -> None:
        with self._lock:
            self._values[frozenset(attributes.items())] = value

    def _take(self, options: CallbackOptions) -> Iterable[Observation]:
        """The values since the last export; called in the exporter's thread."""
        with self._lock:
            values, self._values = self._values, {}
        return [Observation(value, dict(attributes)) for attributes, value in values.items()]
