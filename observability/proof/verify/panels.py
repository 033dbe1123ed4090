"""Every panel's queries, variables filled as Grafana fills them, answer with data."""

import math

from observability.boards import Answer, Board, Panel, Span, Values, ask, fill, resolve
from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, for_each
from observability.query import BackendError

CHECK = "panel"


async def check(live: Live, given: dict[str, list[str]] | None = None) -> list[Finding]:
    """One finding for each panel that asks something, and for each annotation.

    Args:
        live: the running stack.
        given: values of variables by name, where a dashboard has them.
    """
    findings: list[Finding] = []
    for name, board in live.files.boards().items():
        findings += await check_board(live, f"dashboards/{name}", board, given or {})
    return findings


async def check_board(
    live: Live, place: str, board: Board, given: dict[str, list[str]]
) -> list[Finding]:
    """The findings of one dashboard."""
    try:
        values = await resolve(board, given, live.prometheus)
    except BackendError as error:
        return [Finding(CHECK, board.title, False, f"variables: {error}", (place,))]
    span = live.span()

    async def look(panel: Panel) -> Finding:
        subject = f"{board.title}: {panel.title}"
        where = (f"{place}: panel “{panel.title}”",)
        try:
            answers = await ask(panel, values, span, live.backends)
        except BackendError as error:
            return Finding(CHECK, subject, False, str(error), where)
        ok, detail = _judged(panel, answers)
        return Finding(CHECK, subject, ok, detail, where)

    panels = await for_each([panel for panel in board.panels if panel.targets], look)
    return [*panels, *await _marks(live, board, values, span, place)]


def _judged(panel: Panel, answers: list[Answer]) -> tuple[bool, str]:
    """Whether a panel shows what it should, and what it shows."""
    empty = [answer for answer in answers if _shows_nothing(answer)]
    if not empty:
        return True, _amount(answers)
    if panel.quiet:
        return True, f"empty: {panel.quiet}"
    asked = "; ".join(answer.query for answer in empty)
    return False, f"no data, and does not say why: {asked}"


async def _marks(
    live: Live, board: Board, values: dict[str, Values], span: Span, place: str
) -> list[Finding]:
    """Annotations: mostly there are none to draw, but each query must be accepted."""
    findings = []
    for mark in board.annotations:
        if not mark.get("expr"):
            continue
        kind = mark["datasource"]["type"]
        query = fill(mark["expr"], values, kind, span.builtin())
        subject = f"{board.title}: annotation {mark['name']}"
        where = (f"{place}: annotation “{mark['name']}”",)
        try:
            if kind == "loki":
                found = len(await live.loki.lines(query, span.start, span.end))
            else:
                found = len(await live.prometheus.range(query, span.start, span.end, span.step))
        except BackendError as error:
            findings.append(Finding(CHECK, subject, False, str(error), where))
        else:
            findings.append(Finding(CHECK, subject, True, f"{found} marks", where))
    return findings


def _shows_nothing(answer: Answer) -> bool:
    """Whether there is nothing to draw; a figure that is no number is not drawn."""
    numbers = (value for series in answer.series for _, value in series.points)
    drawn = any(math.isfinite(value) for value in numbers)
    return not (drawn or answer.lines or answer.traces)


def _amount(answers: list[Answer]) -> str:
    parts = {
        "series": sum(len(answer.series) for answer in answers),
        "lines": sum(len(answer.lines) for answer in answers),
        "traces": sum(len(answer.traces) for answer in answers),
        "exemplars": sum(len(answer.exemplars) for answer in answers),
    }
    return ", ".join(f"{number} {name}" for name, number in parts.items() if number)
