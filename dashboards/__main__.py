"""`python -m dashboards [--check]`: write the dashboards as JSON, or compare them."""

import sys
from pathlib import Path

from dashboards.catalogue import DASHBOARDS
from observability.generated import Generated

FOLDER = Path(__file__).parent


def texts() -> dict[Path, str]:
    """Every dashboard's file, with its whole text."""
    return {FOLDER / f"{board.uid}.json": board.text() for board in DASHBOARDS}


FILES = Generated("python -m dashboards", texts, lambda: FOLDER.glob("*.json"))

if __name__ == "__main__":
    sys.exit(FILES.main(sys.argv[1:]))
