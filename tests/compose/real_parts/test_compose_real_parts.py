"""The shop in containers on RabbitMQ, PostgreSQL and Redis: deploy/compose/real-parts.yml."""

import pytest

from tests.compose.conftest import Containers
from tests.e2e.test_e2e_purchase import (
    purchase,
    test_an_order_is_one_trace_across_services_and_the_queue,
    test_every_process_is_a_scrape_target_that_is_up,
    test_the_consumer_is_linked_to_the_message_it_processes,
)
from tests.support.shopper import Purchase
from tests.support.waiting import eventually

__all__ = [
    "purchase",
    "test_an_order_is_one_trace_across_services_and_the_queue",
    "test_every_process_is_a_scrape_target_that_is_up",
    "test_the_consumer_is_linked_to_the_message_it_processes",
]


def _psql(stack: Containers, database: str, query: str) -> str:
    return stack.compose(
        *("exec", "-T", "postgres", "psql", "-U", "postgres", "-At", "-d", database, "-c", query)
    ).strip()


def test_the_order_is_in_checkout_s_own_database(stack: Containers, purchase: Purchase) -> None:
    """And in no other: each service has a database and a role of its own."""
    order = purchase.order["id"]
    query = f"SELECT status FROM orders WHERE id = '{order}'"  # noqa: S608 - the shop made the id

    assert _psql(stack, "checkout", query) == "shipped"
    owners = dict(
        line.split("|")
        for line in _psql(
            stack,
            "postgres",
            "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE NOT datistemplate",
        ).splitlines()
    )
    names = ("account", "catalog", "cart", "checkout", "shipping", "worker")
    assert owners == {"postgres": "postgres"} | {name: name for name in names}


def test_a_service_cannot_read_another_s_database(stack: Containers) -> None:
    """Its credentials open its own door only, and it is given no others."""
    listed = stack.compose("exec", "-T", "cart", "ls", "/run/parts").split()
    assert listed == ["database_url"]
    connect = (
        "import asyncio, asyncpg, pathlib\n"
        "url = pathlib.Path('/run/parts/database_url').read_text()\n"
        "url = url.replace('+asyncpg', '').replace(':5432/cart', ':5432/{0}')\n"
        "print(asyncio.run(asyncpg.connect(url)).is_closed())\n"
    )
    run = ("exec", "-T", "cart", "/opt/belfry/bin/python", "-c")
    assert stack.compose(*run, connect.format("cart")).strip() == "False"
    with pytest.raises(AssertionError, match="permission denied for database"):
        stack.compose(*run, connect.format("checkout"))


def test_messages_went_through_the_broker(stack: Containers, purchase: Purchase) -> None:
    """RabbitMQ is a target of Prometheus, and counts what the shop published and took."""

    def counted() -> bool:
        samples = stack.samples("rabbitmq_global_messages_acknowledged_total")
        return sum(float(one["value"][1]) for one in samples) > 0

    assert purchase.order["id"]
    eventually(counted, within=40, what="messages acknowledged, by RabbitMQ's own metrics")


def test_the_shared_cache_is_used(stack: Containers, purchase: Purchase) -> None:
    """Catalogue answers lie in Redis."""
    assert purchase.order["id"]
    ask = "REDISCLI_AUTH=$(cat /run/parts/password) redis-cli --scan"
    keys = stack.compose("exec", "-T", "redis", "sh", "-c", ask).split()
    assert any(":entry:" in key for key in keys), keys


def test_no_password_shows_in_a_container_s_settings(stack: Containers) -> None:
    """Whoever may list containers learns where credentials are, not what they are."""
    files = stack.compose("exec", "-T", "postgres", "sh", "-c", "cat /run/parts/*")
    passwords = [files[i : i + 64] for i in range(0, len(files), 64)]
    assert len(passwords) == 7
    for container in stack.containers():
        described = str(stack.inspect(container["ID"]))
        assert not any(password in described for password in passwords), container["Service"]


def test_the_data_outlives_its_servers(stack: Containers, purchase: Purchase) -> None:
    """Both servers made anew find what they had, under the same credentials."""
    stack.compose(
        *("up", "--detach", "--no-deps", "--no-build", "--force-recreate", "--wait"),
        *("postgres", "rabbitmq"),
        timeout=180,
    )
    order = purchase.order["id"]
    query = f"SELECT status FROM orders WHERE id = '{order}'"  # noqa: S608 - the shop made the id
    assert _psql(stack, "checkout", query) == "shipped"
    queues = ("exec", "-T", "rabbitmq", "sh", "-c", "ls /var/lib/rabbitmq/mnesia")
    assert stack.compose(*queues).strip()
