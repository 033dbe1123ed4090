"""A service of the user's own: scraped, traced, logged, on its dashboard, covered by the alerts."""

from urllib.parse import urlsplit

import httpx

from observability.exits import UsageError
from observability.proof.verify import hops, shapes, traffic
from observability.proof.verify.files import Rule
from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, eventually
from observability.proof.verify.panels import check_board
from observability.proof.verify.quiet import OPTIONAL
from observability.proof.verify.selectors import expected
from observability.query import Target
from observability.stack.config import load_config

CHECK = "service"
DASHBOARD = "service-detail"
#: Two scrapes: of a counter's increase the first is not seen.
_SCRAPED_TWICE = 15.0


async def check(live: Live, name: str, url: str | None) -> list[Finding]:
    """Findings of the service `name`, which listens at `url`.

    Args:
        live: the running stack.
        name: as it is called in belfry.toml and in the service itself.
        url: by default the one in belfry.toml.

    Raises:
        UsageError: there is neither a url nor an entry in belfry.toml.
    """
    address = url or _configured(live, name)
    exposed = await _exposed(name, address)
    if not exposed.ok:
        return [exposed]
    await traffic.knock(address)
    scraped = await _scraped(live, name, address)
    if not scraped.ok:
        return [exposed, scraped]
    await _moved(live, name, address)
    return [
        exposed,
        scraped,
        *await hops.check_service(live, name),
        *await shapes.check_service(live, name),
        *await _dashboard(live, name),
        *await _alerts(live, name),
    ]


def _configured(live: Live, name: str) -> str:
    targets = load_config(live.settings.config).targets
    if name not in targets:
        raise UsageError(
            f"no [targets.{name}] in {live.settings.config.name}: add it, or give --url"
        )
    return targets[name].url


async def _exposed(name: str, url: str) -> Finding:
    """The service answers on /metrics and says that it is the one."""
    subject = f"{url}/metrics"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as http:
            page = (await http.get("/metrics")).raise_for_status().text
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        detail = f"no metrics: {error or type(error).__name__}: does it run, with instrument(app)?"
        return Finding(CHECK, subject, False, detail)
    identity = next((line for line in page.splitlines() if line.startswith("target_info{")), "")
    if not identity:
        return Finding(CHECK, subject, False, "has no target_info: call instrument(app) in it")
    if f'service_name="{name}"' not in identity:
        detail = f"is another service: {identity}: give instrument(app, service_name={name!r})"
        return Finding(CHECK, subject, False, detail)
    return Finding(CHECK, subject, True, f"says that it is {name}")


async def _scraped(live: Live, name: str, url: str) -> Finding:
    """Prometheus has it as a target that is up."""
    subject = f"scraped: {name}"

    async def up() -> Target | None:
        for target in await live.prometheus.targets():
            if target.labels.get("service_name") == name and target.health == "up":
                return target
        return None

    target = await eventually(up, _SCRAPED_TWICE)
    if target is None:
        config = live.settings.config.name
        detail = f'no target that is up: put [targets.{name}] with url = "{url}" into {config}'
        return Finding(CHECK, subject, False, detail)
    if urlsplit(target.url).port != urlsplit(url).port:
        return Finding(CHECK, subject, False, f"another address is scraped: {target.url}")
    return Finding(CHECK, subject, True, target.url)


async def _moved(live: Live, name: str, url: str) -> None:
    """Traffic until its rate is seen, so that no panel is empty for want of it."""
    query = (
        f'sum(rate(http_server_request_duration_seconds_count{{service_name="{name}"}}[1m])) > 0'
    )

    async def seen() -> bool:
        await traffic.knock(url)
        return bool(await live.prometheus.instant(query))

    await eventually(seen, _SCRAPED_TWICE)


async def _dashboard(live: Live, name: str) -> list[Finding]:
    """The service dashboard, with this service chosen."""
    boards = {board.uid: (file, board) for file, board in live.files.boards().items()}
    if DASHBOARD not in boards:
        return [Finding(CHECK, f"dashboard {DASHBOARD}", False, "is not there")]
    file, board = boards[DASHBOARD]
    return await check_board(live, f"dashboards/{file}", board, {"service": [name]})


async def _alerts(live: Live, name: str) -> list[Finding]:
    """Alerts on any service watch series that this one has."""
    rules = [rule for rule in live.files.alert_rules() if _generic(rule)]
    return [await _covered(live, rule, name) for rule in rules]


def _generic(rule: Rule) -> bool:
    """Whether an alert is on whichever service has the series: it opens its dashboard."""
    return rule.alerting and f"/d/{DASHBOARD}?" in rule.annotations.get("dashboard_url", "")


async def _covered(live: Live, rule: Rule, name: str) -> Finding:
    """Whether the service has any of the series that an alert is made of in the end."""
    recorded: dict[str, list[Rule]] = {}
    for one in live.files.alert_rules():
        if not one.alerting:
            recorded.setdefault(one.name, []).append(one)
    metrics = sorted(_measured(rule, recorded))
    subject = f"alert {rule.name} covers {name}"
    for metric in metrics:
        if await live.prometheus.instant(f'{metric}{{service_name="{name}"}}'):
            return Finding(CHECK, subject, True, f"watches its {metric}", (rule.place,))
    reasons = {
        why for metric in metrics for start, why in OPTIONAL.items() if metric.startswith(start)
    }
    if reasons:
        return Finding(CHECK, subject, True, f"does not apply: {', '.join(reasons)}", (rule.place,))
    return Finding(CHECK, subject, False, f"it has no {' nor '.join(metrics)}", (rule.place,))


def _measured(rule: Rule, recorded: dict[str, list[Rule]]) -> set[str]:
    """Metrics that a rule is made of, through all that is recorded."""
    found: set[str] = set()
    names, seen = set(expected(rule.expr).matched), set()
    while names:
        name = names.pop()
        seen.add(name)
        if name in recorded:
            for one in recorded[name]:
                names |= expected(one.expr).matched.keys() - seen
        else:
            found.add(name)
    return found
