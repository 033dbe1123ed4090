"""Exit codes of every `belfry` command, and the error that ends one with a single line."""

HOLDS = 0
DOES_NOT_HOLD = 1
WRONG_USE = 2


class UsageError(Exception):
    """Wrong use or configuration: shown as one line that names what to change; exit code 2."""

    def __init__(self, message: str) -> None:
        """Keep `message` as a single line, whatever it was made from."""
        super().__init__(" ".join(message.split()))
