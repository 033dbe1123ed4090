"""Short ways to write the PromQL that comes back on every dashboard."""

ENVIRONMENT = 'deployment_environment_name=~"$environment"'
SERVICE = 'service_name=~"$service"'
INSTANCE = 'instance=~"$instance"'


def series(metric: str, *matchers: str) -> str:
    """`metric{matchers}`."""
    return f"{metric}{{{','.join(matchers)}}}" if matchers else metric


def rate(metric: str, *matchers: str) -> str:
    """Per-second rate over the interval that the reader chose."""
    return f"rate({series(metric, *matchers)}[$interval])"


def increase(metric: str, *matchers: str) -> str:
    """How much a counter rose over the whole time shown."""
    return f"increase({series(metric, *matchers)}[$__range])"


def total(expr: str, *by: str, using: str = "sum") -> str:
    """`expr` aggregated, by the labels given."""
    return f"{using} by ({', '.join(by)}) ({expr})" if by else f"{using}({expr})"


def quantile(q: float, histogram: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Quantile `q` (0 to 1) of a classic histogram, by the labels given."""
    buckets = total(rate(f"{histogram}_bucket", *matchers), "le", *by)
    return f"histogram_quantile({q:g}, {buckets})"


def mean(histogram: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Mean of a histogram, by the labels given."""
    time = total(rate(f"{histogram}_sum", *matchers), *by)
    return f"{time} / {total(rate(f'{histogram}_count', *matchers), *by)}"


def or_zero(expr: str) -> str:
    """`expr`, or 0 where it has no series: a count of things that have not happened yet."""
    return f"({expr}) or vector(0)"


def share(part: str, whole: str) -> str:
    """`part` of `whole` by the same labels, 0 where a line of `whole` has no part."""
    return f"({part} / {whole}) or 0 * {whole}"


def with_version(replicas: str) -> str:
    """A figure of each replica, with the version that runs there as a label."""
    replica = "deployment_environment_name, service_namespace, service_name, instance"
    info = 'target_info{job="services"}'
    return f"{replicas} * on ({replica}) group_left (service_version) {info}"
