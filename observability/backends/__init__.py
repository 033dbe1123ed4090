"""The servers that keep and show telemetry: one folder each, all there is to know about it.

A folder holds the server's configuration file, used unchanged natively and in containers; its
pinned build (`build/go.mod`, `build/go.sum`); and its descriptor, `BACKEND`.
"""

from typing import Final

from observability.backends.alertmanager import BACKEND as ALERTMANAGER
from observability.backends.collector import BACKEND as COLLECTOR
from observability.backends.grafana import BACKEND as GRAFANA
from observability.backends.jaeger import BACKEND as JAEGER
from observability.backends.loki import BACKEND as LOKI
from observability.backends.model import Backend, Layout, Site
from observability.backends.prometheus import BACKEND as PROMETHEUS
from observability.backends.versions import Pinned, versions

__all__ = ["BACKENDS", "DEFAULT_PORTS", "Backend", "Layout", "Pinned", "Site", "versions"]

#: By name, in the order in which to build them: the Collector first, as services send to it and it
#: keeps what the others are not there yet to take.
BACKENDS: Final[dict[str, Backend]] = {
    backend.name: backend
    for backend in (COLLECTOR, ALERTMANAGER, PROMETHEUS, JAEGER, LOKI, GRAFANA)
}

#: Every port of every server on a machine of one's own, by port name.
DEFAULT_PORTS: Final[dict[str, int]] = {
    name: port for backend in BACKENDS.values() for name, port in backend.ports.items()
}
