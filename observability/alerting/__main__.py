"""`python -m observability.alerting [--check]`: write the rule files, or compare them."""

from __future__ import annotations

import sys

from observability.alerting.generate import outdated, write


def main(arguments: list[str]) -> int:
    """Write the rule files; with `--check`, only report what is out of date (exit code 1)."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m observability.alerting [--check]\n")
        return 2
    if not arguments:
        write()
        return 0
    differences = outdated()
    sys.stdout.write("".join(f"{line}\n" for line in differences))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
