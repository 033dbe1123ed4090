"""Alertmanager: groups, inhibits, silences and delivers alerts."""

from pathlib import Path

from observability.backends.model import Backend, Layout, Site, default_ports

CONFIG = Path(__file__).parent / "alertmanager.yml"
INBOX_TOKEN = "inbox_token"  # noqa: S105 - the name of its file
"""What Alertmanager shows to the inbox, so that nobody else's notifications are taken."""


def _arguments(site: Site) -> list[str]:
    return [
        f"--config.file={site.config('alertmanager') / CONFIG.name}",
        f"--storage.path={site.data('alertmanager')}",
        f"--web.listen-address={site.address('alertmanager')}",
        f"--web.external-url={site.url('alertmanager')}",
        # one instance: no cluster to gossip with, or to wait for
        "--cluster.listen-address=",
        "--data.retention=120h",
        "--log.level=warn",
    ]


def _layout(site: Site) -> Layout:
    secret = f"secrets/{INBOX_TOKEN}"
    return Layout(
        links={CONFIG.name: CONFIG, secret: site.state / secret},
        files={"receivers/inbox_url": site.inbox_url + "\n"},
    )


BACKEND = Backend(
    name="alertmanager",
    title="Alertmanager",
    ports=default_ports("alertmanager"),
    ready=("alertmanager", "/-/ready"),
    metrics=("alertmanager", "/metrics"),
    arguments=_arguments,
    layout=_layout,
    secrets=(INBOX_TOKEN,),
    memory_mib=48,
)
