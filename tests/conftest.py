"""What all tests share: the closing lines that say what a run could not cover."""

import pytest

from tests.support.required import not_covered


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every real server that was missing, so that nobody takes the run for a whole one."""
    if not_covered:
        terminalreporter.section("NOT COVERED in this run", red=True)
        for reason in not_covered.values():
            terminalreporter.line(reason)
