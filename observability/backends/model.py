"""What the stack knows of a server: its command, its environment, its files, when it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from observability.backends.versions import Pinned, versions
from observability.settings import DEFAULT_PORTS, HOST

_PACKAGE = Path(__file__).parent
#: One folder a profile: links to its rules, and how long data stays.
PROFILES = _PACKAGE / "profiles"


@dataclass(frozen=True, slots=True)
class Site:
    """Where servers run: their folders and addresses."""

    state: Path
    """The stack's state folder; a server's data is `data/<name>` in it."""
    ports: Mapping[str, int]
    """Every port of every server, by port name (`collector_health`); see `DEFAULT_PORTS`."""
    host: str = HOST
    """Address that servers listen on and are found at."""
    inbox_url: str = "http://127.0.0.1:8080/api/inbox/alertmanager"
    """Where Alertmanager delivers notifications."""
    profile: Path = PROFILES / "demo"
    """Folder of the rules, and of how long data stays."""
    namespace: str = "default"
    """Of services that do not say which group they belong to."""
    environment: str = "local"
    """Of services that do not say where they run."""
    dashboards: Path = _PACKAGE.parents[1] / "dashboards"
    """Dashboards' JSON, for Grafana."""

    @property
    def rules(self) -> Path:
        """Prometheus' rule files."""
        return self.profile / "rules"

    @property
    def log_rules(self) -> Path:
        """Loki's rule files; there need not be any."""
        return self.profile / "log_rules"

    def retention(self, name: str) -> dict[str, str]:
        """How long a server keeps what it gets, as variables; none where flags say it."""
        file = self.profile / f"{name}.env"
        return variables_of(file) if file.exists() else {}

    def data(self, name: str) -> Path:
        """Folder of what a server keeps."""
        return self.state / "data" / name

    def config(self, name: str) -> Path:
        """Folder that a server reads its configuration from."""
        return self.state / "config" / name

    def port(self, name: str) -> int:
        """Port by its name.

        Raises:
            KeyError: no server has a port of that name.
        """
        return self.ports[name]

    def address(self, name: str) -> str:
        """`host:port` of a port's name."""
        return f"{self.host}:{self.port(name)}"

    def url(self, name: str) -> str:
        """Base URL of a port's name, without a slash at its end."""
        return f"http://{self.address(name)}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies in a server's configuration folder before it starts, by relative path."""

    links: Mapping[str, Path] = field(default_factory=dict)
    """Links to the project's own files: the server reads these, unchanged."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Small files made for this machine, such as an address."""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backend:
    """One server. Everything that depends on where it runs is a function of a `Site`."""

    name: str
    title: str
    ports: Mapping[str, int]
    """Every port that it listens on: name to default. Its own name is its main one."""
    ready: tuple[str, str]
    """Port name and path that answer 200 once it can do its work."""
    metrics: tuple[str, str]
    """Port name and path that Prometheus scrapes."""
    arguments: Callable[[Site], list[str]]
    variables: Callable[[Site], dict[str, str]] = lambda _: {}
    layout: Callable[[Site], Layout] = lambda _: Layout()
    needs: tuple[str, ...] = ()
    """Servers that it sends to. It starts without them and catches up."""
    secrets: tuple[str, ...] = ()
    """Files below `secrets/` of the state folder that must be there before it starts."""
    memory_mib: int = 128
    """Where Go's collector begins to work harder; not a limit."""
    stop_seconds: float = 10.0
    """Patience between SIGTERM and SIGKILL."""

    @property
    def pinned(self) -> Pinned:
        """Its row in the version table."""
        return versions()[self.name]

    @property
    def version(self) -> str:
        """The version that is built, and that compose runs."""
        return self.pinned.version

    @property
    def binaries(self) -> tuple[str, ...]:
        """Names of its executables in the cache; the first is the server."""
        return self.pinned.binaries

    @property
    def folder(self) -> Path:
        """Its folder of the project: configuration and pinned build."""
        return _PACKAGE / self.name

    def command(self, binary: Path, site: Site) -> list[str]:
        """Command line that runs it, to be started in `working_directory(site)`."""
        return [str(binary), *self.arguments(site)]

    def environment(self, site: Site) -> dict[str, str]:
        """Variables to add to what every process gets."""
        return {
            "GOMEMLIMIT": f"{self.memory_mib}MiB",
            "GOGC": "50",
            # it must not trace itself to whoever listens on 4317
            "OTEL_TRACES_SAMPLER": "always_off",
            **self.variables(site),
        }

    def working_directory(self, site: Site) -> Path:
        """Where it runs: its configuration folder, so that relative paths in it hold."""
        return site.config(self.name)

    def ready_url(self, site: Site) -> str:
        """URL that answers 200 once it can do its work."""
        port, path = self.ready
        return site.url(port) + path

    def prepare(self, site: Site) -> None:
        """Make its folders, links and files; may be repeated, and while it runs.

        Raises:
            OSError: the state folder cannot be written to.
        """
        config = site.config(self.name)
        config.mkdir(parents=True, exist_ok=True)
        site.data(self.name).mkdir(parents=True, exist_ok=True)
        layout = self.layout(site)
        for folder in layout.folders:
            (config / folder).mkdir(parents=True, exist_ok=True)
        for name, target in layout.links.items():
            _link(config / name, target)
        for name, text in layout.files.items():
            _write(config / name, text)


def default_ports(*names: str) -> dict[str, int]:
    """Ports by their names, as the settings have them before any offset."""
    return {name: DEFAULT_PORTS[name] for name in names}


def variables_of(file: Path) -> dict[str, str]:
    """What a file of `NAME=value` lines says: read here natively, by compose as an `env_file`."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
