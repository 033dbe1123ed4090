"""Refuses early what would fail later and less clearly: at the first use, with a traceback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from services.kit.discovery import resolver_for
from services.kit.queue.opening import refuse_other
from services.kit.registry.by_url import address_of
from services.kit.settings import SERVICES, SettingsError, ShopSettings, variable_of
from services.kit.urls import names_a_host

DATABASES = ("sqlite+aiosqlite://", "postgresql+asyncpg://")
CACHES = ("redis://", "rediss://", "unix://")


def check(settings: ShopSettings) -> None:
    """Look through all settings that a service may come to use.

    Raises:
        SettingsError: one cannot be used; the text names the variable and shows no secret.
    """
    with _naming(settings, "data_dir"):
        _check_folder(settings)
    with _naming(settings, "database_url"):
        _check_database(settings)
    with _naming(settings, "queue_url"):
        refuse_other(settings.queue)
    with _naming(settings, "redis_url"):
        _check_redis(settings.redis)
    with _naming(settings, "registry_url"):
        if settings.registry:
            address_of(settings.registry)
    with _naming(settings, "advertise_url"):
        _check_advertised(settings)
    for service in SERVICES if settings.registry is None else ():
        with _naming(settings, f"{service}_url"):
            resolver_for(settings.url_of(service))


@contextmanager
def _naming(settings: ShopSettings, field: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, SettingsError) as error:
        raise SettingsError(f"{variable_of(type(settings), field)}: {error}") from error


def _check_folder(settings: ShopSettings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot create {settings.data_dir}: {error.strerror}") from error
    if not os.access(settings.data_dir, os.W_OK):
        raise ValueError(f"{settings.data_dir} is not writable")


def _check_database(settings: ShopSettings) -> None:
    if not settings.database.startswith(DATABASES):
        raise ValueError(f"must start with {' or '.join(DATABASES)}")
    if settings.database_url is None:
        return
    from sqlalchemy import make_url  # noqa: PLC0415 - only some services have use for it
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        make_url(settings.database)
    except (ArgumentError, ValueError):
        raise ValueError("not a URL that SQLAlchemy understands") from None


def _check_redis(url: str | None) -> None:
    if url is None:
        return
    if not url.startswith(CACHES):
        raise ValueError(f"must start with {', '.join(CACHES[:-1])} or {CACHES[-1]}")
    if not url.startswith("unix:") and not names_a_host(url):
        raise ValueError("must be of the form redis://HOST:PORT/NUMBER")


def _check_advertised(settings: ShopSettings) -> None:
    url = settings.advertise_url
    if url is None and settings.registry:
        raise ValueError("with a registry, say where others reach this process")
    if url is not None and not (url.startswith("http://") and names_a_host(url)):
        raise ValueError("must be of the form http://HOST:PORT")
