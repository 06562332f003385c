"""The kernel's own evidence that memory ran out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.devices.readings.linux import OomKills

Plant = Callable[[Mapping[str, str]], Path]

VMSTAT = "proc/vmstat"
OURS = "sys/fs/cgroup/user.slice/run.scope/memory.events"
CONTAINERS = "sys/fs/cgroup/memory.events"
VERSION_1 = "sys/fs/cgroup/memory/docker/1f/memory.oom_control"


def account(path: str, kills: int) -> dict[str, str]:
    """The files of a kernel that has killed so often."""
    if path == VMSTAT:
        return {path: f"nr_free_pages 91\noom_kill {kills}\nballoon_inflate 0\n"}
    if path == VERSION_1:
        membership = "4:cpu,memory:/docker/1f\n0::/\n"
        return {
            "proc/self/cgroup": membership,
            path: f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n",
        }
    membership = "0::/user.slice/run.scope\n"
    return {"proc/self/cgroup": membership, path: f"oom 9\noom_kill {kills}\noom_group_kill 0\n"}


@pytest.mark.parametrize("path", [VMSTAT, OURS, CONTAINERS, VERSION_1])
def test_a_kill_is_seen_in_each_account(path: str, plant: Plant) -> None:
    """Of the machine, of our group, of a container's, and of the first kind of groups."""
    kills = OomKills(plant(account(path, 3)))
    assert kills.any_since() is False
    plant(account(path, 4))
    assert kills.any_since() is True


def test_a_kernel_that_does_not_count_is_not_asked(plant: Plant) -> None:
    """Linux 4.9, which the Nano has, counts no kills: nothing is known, not nothing killed."""
    files = {VMSTAT: "nr_free_pages 91\npgmajfault 7\n", "proc/self/cgroup": "nonsense\n"}
    assert OomKills(plant(files)).any_since() is None
    assert OomKills(plant({}) / "elsewhere").any_since() is None
