"""Targets of belfry.toml that run elsewhere: followed while the stack runs, without a restart."""

from observability.exits import UsageError
from observability.settings import Settings
from observability.stack import targets
from observability.stack.config import load_config
from observability.stack.journal import Journal

FILE = "services-external.json"


class ExternalTargets:
    """Writes `[targets.NAME]` for Prometheus whenever belfry.toml has changed.

    What is wrong in the file is noted in the supervisor's log, and the targets stay as they were.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._seen: float | None = None

    def follow(self) -> None:
        """Look whether the file has changed, and write its targets if so."""
        try:
            changed = self._settings.config.stat().st_mtime
        except OSError:
            return  # an editor may be about to replace it
        if changed == self._seen:
            return
        self._seen = changed
        try:
            config = load_config(self._settings.config)
        except UsageError as error:
            self._journal.write(f"targets stay as they were: {error}")
            return
        found = targets.external(config, self._settings.environment)
        targets.write(self._settings.targets_dir / FILE, found)
        names = ", ".join(sorted(config.targets)) or "none"
        self._journal.write(f"services that run elsewhere: {names}")
