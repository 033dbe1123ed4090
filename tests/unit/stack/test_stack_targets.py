"""Files of targets: what Prometheus is told to scrape."""

import json
from pathlib import Path

from observability.stack import targets
from observability.stack.config import Config


def test_a_file_of_targets_is_prometheus_file_sd(tmp_path: Path) -> None:
    """A list of objects with addresses and labels; not rewritten when it says the same."""
    path = tmp_path / "services.json"
    target = targets.Target("127.0.0.1:8000", {"service_name": "gateway"})

    targets.write(path, [target])
    before = path.stat().st_ino
    targets.write(path, [target])

    assert json.loads(path.read_text()) == [
        {"targets": ["127.0.0.1:8000"], "labels": {"service_name": "gateway"}}
    ]
    assert path.stat().st_ino == before
    targets.write(path, [])
    assert json.loads(path.read_text()) == []


def test_a_service_elsewhere_has_the_same_labels_as_one_s_own() -> None:
    """Name, namespace, environment, instance; scheme, port and path where they are not usual."""
    config = Config.model_validate(
        {
            "root": Path("/"),
            "stack": {"namespace": "shop"},
            "targets": {
                "hello": {"url": "http://127.0.0.1:9999"},
                "far": {
                    "url": "https://far.example",
                    "namespace": "other",
                    "instance": "far-7",
                    "metrics_path": "/m",
                },
            },
        }
    )

    hello, far = targets.external(config, "local")

    assert hello.address == "127.0.0.1:9999"
    assert hello.labels == {
        "service_name": "hello",
        "service_namespace": "shop",
        "deployment_environment_name": "local",
        "instance": "hello-1",
    }
    assert far.address == "far.example:443"
    assert far.labels["service_namespace"] == "other"
    assert far.labels["instance"] == "far-7"
    assert far.labels["__scheme__"] == "https"
    assert far.labels["__metrics_path__"] == "/m"
