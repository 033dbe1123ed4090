"""What containers add: replicas that Prometheus finds by name, limits that hold at run time."""

from collections.abc import Iterator

import pytest

from tests.compose.conftest import Containers
from tests.support.shopper import Shopper
from tests.support.waiting import eventually


@pytest.fixture
def four_workers(stack: Containers) -> Iterator[None]:
    """Four replicas of the worker, one again afterwards."""
    scaled = ("up", "--detach", "--no-deps", "--no-recreate", "--no-build", "--wait")
    stack.compose(*scaled, "--scale", "worker=4", "worker")
    yield
    stack.compose(*scaled, "--scale", "worker=1", "worker")


def test_each_replica_is_a_target_of_its_own(stack: Containers, four_workers: None) -> None:
    """Four workers are four targets that are up, named as they name themselves."""

    def targets() -> set[str] | None:
        samples = stack.samples('up{service_name="worker"} == 1')
        found = {sample["metric"]["instance"] for sample in samples}
        return found if len(found) == 4 else None

    found = eventually(targets, within=30, what="four worker targets")
    own = stack.samples('target_info{service_name="worker"}')
    assert {one["metric"]["service_instance_id"] for one in own} >= found


def test_a_replica_that_leaves_is_no_target_any_more(stack: Containers, four_workers: None) -> None:
    """A stopped replica is forgotten, not reported as down for ever."""
    stack.compose("up", "-d", "--no-deps", "--no-recreate", "--scale", "worker=2", "worker")

    def two() -> bool:
        targets = stack.get("prometheus", "/api/v1/targets", state="active")["data"][
            "activeTargets"
        ]
        workers = [one for one in targets if one["labels"]["service_name"] == "worker"]
        return len(workers) == 2

    eventually(two, within=45, what="two worker targets")


def test_every_container_is_running_and_none_was_restarted(
    stack: Containers, shopper: Shopper
) -> None:
    """All are up and healthy where they can say so; only `init` has ended, and well."""
    shopper.wait_until(shopper.buy().order["id"], "shipped")
    for container in stack.containers():
        if container["Service"] == "init":
            assert (container["State"], container["ExitCode"]) == ("exited", 0)
        else:
            assert container["State"] == "running", container
            assert container["Health"] in {"healthy", ""}, container


def test_no_process_runs_as_root_or_writes_to_its_image(stack: Containers) -> None:
    """As the engine has it, not as the file asks for it."""
    for container in stack.containers():
        inspect = stack.inspect(container["ID"])
        assert inspect["HostConfig"]["ReadonlyRootfs"], container["Service"]
        assert inspect["HostConfig"]["CapDrop"] == ["ALL"], container["Service"]
        assert inspect["Config"]["User"].split(":")[0] not in {"", "0", "root"}, container[
            "Service"
        ]
        assert inspect["HostConfig"]["Memory"] > 0, container["Service"]
