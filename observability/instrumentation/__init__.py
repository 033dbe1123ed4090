"""What runs inside an instrumented service: metrics, traces and logs, joined.

The public names are re-exported by :mod:`observability`.
"""

from observability.instrumentation import environment
from observability.lean import absent

# structlog would load a library that draws on terminals, httpx the one of its command line: 5 MB
# in each service, that writes JSON and has no terminal
with absent("rich", "pygments"):
    import httpx as httpx
    import structlog as structlog

# Before any module here imports OpenTelemetry's.
environment.mend()
