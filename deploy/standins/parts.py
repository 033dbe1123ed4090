"""What the official images of RabbitMQ, PostgreSQL and Redis look like from outside.

Their stand-ins are one Debian with all three, which differ in what they start.
"""

from dataclasses import dataclass, field

PACKAGES = ("postgresql", "rabbitmq-server", "redis-server")
USER = "999:999"
"""All three official images have this user for their server, each by another name."""
OWNED = ("/var/lib/postgresql/data", "/var/lib/rabbitmq", "/data")
FILES = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nserver:x:999:999::/var/lib/rabbitmq:/bin/sh\n",
    "/etc/rabbitmq/enabled_plugins": "[rabbitmq_prometheus].\n",
}


@dataclass(frozen=True)
class Part:
    """One image."""

    entrypoint: str
    """File name in `entrypoints/`."""
    command: str
    volume: str
    environment: dict[str, str] = field(default_factory=dict)


PARTS = {
    "postgres": Part(
        "postgres",
        "postgres",
        "/var/lib/postgresql/data",
        {
            # of the version that Debian has
            "PATH": "/usr/lib/postgresql/15/bin:/usr/bin:/bin",
            "PGDATA": "/var/lib/postgresql/data",
            "LANG": "C.UTF-8",
        },
    ),
    "rabbitmq": Part(
        "plain",
        "rabbitmq-server",
        "/var/lib/rabbitmq",
        {
            # Debian's commands insist on the user rabbitmq; these behind them run as anyone.
            "PATH": "/usr/lib/rabbitmq/bin:/usr/bin:/bin",
            "HOME": "/var/lib/rabbitmq",
            "LANG": "C.UTF-8",
        },
    ),
    "redis": Part("plain", "redis-server", "/data"),
}
