"""Secrets nobody has to think of: generated at the first start, readable by their owner only."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def generate(folder: Path, names: Iterable[str]) -> None:
    """Make each secret that is not there yet: 64 hexadecimal digits in a file of its own.

    Args:
        folder: made with mode 0700 if missing.
        names: one file each.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        path = folder / name
        if path.exists() and path.stat().st_size:
            continue
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
