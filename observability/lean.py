"""Packages that others would load just because they are installed, at megabytes a process."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Within, importing these packages fails as if they were not installed.

    For the import of a package that makes do without them. What has been imported before stays,
    and so do they for whoever imports them later.
    """
    before = {name: sys.modules[name] for name in packages if name in sys.modules}
    sys.modules.update(dict.fromkeys(packages))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in packages:
            del sys.modules[name]
        sys.modules.update(before)
