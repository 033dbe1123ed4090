"""Looking at URLs without showing the passwords in them."""

from urllib.parse import urlsplit


def names_a_host(url: str) -> bool:
    """Whether the URL names a host, and its port, if there is one, is a number that can be one."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
