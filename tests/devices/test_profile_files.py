"""A TOML file alone makes a device: one that `HARNESS_DEVICES` names, or one of a plugin."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contracts import Device
from harness.errors import PluginError, UnknownNameError
from harness.plugins.description import describe, entry_rows, plugin_rows
from harness.plugins.loading import STRICT_VARIABLE, Plugins, load_plugins
from harness.plugins.profile_files import DEVICES_VARIABLE
from harness.plugins.selection import recreate, select

Install = Callable[[str, str], Path]
Name = Callable[..., Plugins]

BOARD = """
name = "NAME"
model = "A board"
kind = "cuda"

[memory]
total_bytes = 1_000
system_bytes = 300
reserved_bytes = 200

[sources]
memory.total_bytes = "data sheet"
memory.system_bytes = "measured"
memory.reserved_bytes = "measured"
"""

WRONG = BOARD.replace("= 300", "= -1")
WRONG_WORDS = "'memory.system_bytes' is -1; it must be an integer >= 0"

PLUGIN = """
from harness import hookimpl

@hookimpl
def harness_register_devices(register):
    register("NAME", "shop_boards:board.toml", summary="mine")
"""


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Name:
    """Return `name(*paths)`, which sets HARNESS_DEVICES to them and loads the plugins."""

    def name(*paths: Path) -> Plugins:
        monkeypatch.setenv(DEVICES_VARIABLE, os.pathsep.join(map(str, paths)))
        return load_plugins()

    return name


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def board(path: Path, name: str = "") -> Path:
    return written(path, BOARD.replace("NAME", name or path.stem))


def created(plugins: Plugins, name: str) -> Device:
    device: Device = select(plugins, "device", name)[0].create()
    return device


def test_file_is_a_device_under_the_name_of_its_profile(tmp_path: Path, name: Name) -> None:
    """A file needs no plugin; what it is called does not matter."""
    path = board(tmp_path / "x.toml", "my-board")
    plugins = name(path)
    device = created(plugins, "my-board")
    assert device.profile.memory_limit_bytes == 500
    assert device.mode() == "emulated"
    assert recreate(plugins, "device", "my-board", {}).create().profile == device.profile
    (row,) = [row for row in entry_rows(plugins, "device") if row["name"] == "my-board"]
    assert (row["summary"], row["distribution"]) == ("A board", str(path))


def test_folder_gives_all_its_profiles(tmp_path: Path, name: Name) -> None:
    """Folders and files are named side by side; what is no profile or named twice is no matter."""
    folder, alone = tmp_path / "boards", board(tmp_path / "c.toml")
    folder.mkdir()
    for each in ("a", "b"):
        board(folder / f"{each}.toml")
    written(folder / "README.md", "boards")
    written(folder / ".hidden.toml", "half-written by an editor")
    plugins = name(folder, alone, folder / "a.toml")
    assert {"a", "b", "c"} <= set(plugins.registry.names("device"))
    assert not plugins.complaints


def test_relative_path_and_empty_variable_are_fine(
    tmp_path: Path, name: Name, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path counts from the working folder; an empty variable names nothing."""
    board(tmp_path / "a.toml")
    monkeypatch.chdir(tmp_path)
    assert created(name(Path("a.toml")), "a").profile.name == "a"
    monkeypatch.setenv(DEVICES_VARIABLE, os.pathsep)
    assert not load_plugins().complaints


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WRONG.replace("NAME", "bad"), WRONG_WORDS),
        (BOARD.replace("NAME", "bad").replace("kind", "kin"), "did you mean 'kind'?"),
        ('name = "bad', "it is not valid TOML: "),
        ("\0", "it is not valid TOML: "),
        (BOARD.replace("NAME", "Bad Board"), "it registers a device as 'Bad Board'; a name is"),
        (BOARD.replace("NAME", "all"), "it registers a device as 'all'; a name is"),
        (BOARD.replace('"NAME"', "3"), "'name' is 3; it must be text"),
    ],
)
def test_wrong_profile_is_named_and_stops_nothing_else(
    tmp_path: Path, name: Name, text: str, words: str
) -> None:
    """A wrong file is one line with its name, its path and what is wrong; others are used."""
    path = written(tmp_path / "bad.toml", text)
    plugins = name(path, board(tmp_path / "good.toml"))
    (problem,) = plugins.problems
    assert str(problem).startswith(f"profile 'bad' ({path}) is not used: ")
    assert words in str(problem)
    assert "\n" not in str(problem)
    names = plugins.registry.names("device")
    assert ("good" in names, "bad" in names) == (True, False)
    (row,) = [row for row in plugin_rows(plugins) if row["plugin"] == "bad"]
    assert (row["distribution"], row["problem"]) == (str(path), problem.reason)


def test_wrong_profile_says_so_to_whoever_asks_for_it(tmp_path: Path, name: Name) -> None:
    """Asking for the device gives file, key and range, not that there is no such device."""
    path = written(tmp_path / "x.toml", WRONG.replace("NAME", "my-board"))
    plugins = name(path)
    sentence = f"profile 'my-board' ({path}) is not used: {WRONG_WORDS}"
    for ask in (
        lambda: select(plugins, "device", "my-board"),
        lambda: describe(plugins, "my-board"),
    ):
        with pytest.raises(PluginError) as caught:
            ask()
        assert str(caught.value) == sentence
    with pytest.raises(UnknownNameError):
        select(plugins, "device", "my-bord")


@pytest.mark.parametrize(
    ("file_name", "words"),
    [("gone.toml", "it cannot be read: No such file"), ("gone", "it cannot be read: No such file")],
)
def test_file_that_is_not_there_is_named(
    tmp_path: Path, name: Name, file_name: str, words: str
) -> None:
    """A path that leads nowhere is a line, as a wrong profile is."""
    (problem,) = name(tmp_path / file_name).problems
    assert str(problem).startswith(f"profile 'gone' ({tmp_path / file_name}) is not used: {words}")


def test_file_of_another_kind_is_refused(tmp_path: Path, name: Name) -> None:
    """Only a name in .toml is taken for a profile."""
    (problem,) = name(board(tmp_path / "board.txt")).problems
    assert problem.reason == "the name of the file must end in .toml"


def test_name_that_is_taken_names_both_claimants(tmp_path: Path, name: Name) -> None:
    """A file does not take the place of a plugin's device, nor of another file's, in silence."""
    one, other = board(tmp_path / "one.toml", "jetson"), board(tmp_path / "two.toml", "jetson")
    plugins = name(one, other)
    with pytest.raises(PluginError) as caught:
        select(plugins, "device", "jetson")
    assert "claimed by plugin 'devices' (onnas-harness" in str(caught.value)
    assert f"and by profile 'jetson' ({one}) and by profile 'jetson' ({other})" in str(caught.value)
    assert [conflict.name for conflict in plugins.registry.conflicts()] == ["jetson"]
    assert created(plugins, "cpu").profile.name == "cpu"


def test_wrong_profile_leaves_the_name_to_the_plugin(tmp_path: Path, name: Name) -> None:
    """A file that cannot be used claims nothing."""
    plugins = name(written(tmp_path / "jetson.toml", WRONG.replace("NAME", "jetson")))
    assert len(plugins.problems) == 1
    assert created(plugins, "jetson").profile.model == "NVIDIA Jetson Nano 2 GB"


def test_strict_mode_makes_a_wrong_profile_an_error(
    tmp_path: Path, name: Name, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HARNESS_STRICT_PLUGINS=1 a wrong file ends loading, as a broken plugin does."""
    monkeypatch.setenv(STRICT_VARIABLE, "1")
    with pytest.raises(PluginError, match=r"profile 'bad' .* is not used"):
        name(written(tmp_path / "bad.toml", WRONG.replace("NAME", "bad")))


def shop(install: Install, text: str) -> Plugins:
    """Install a plugin that registers the device `shop-board` by a TOML file."""
    folder = install("shop", PLUGIN.replace("NAME", "shop-board"))
    (folder / "shop_boards").mkdir()
    written(folder / "shop_boards" / "__init__.py", "")
    written(folder / "shop_boards" / "board.toml", text)
    return load_plugins()


def test_plugin_registers_a_device_by_a_file_alone(plugin_factory: Install) -> None:
    """A device's target may be a TOML file of the package, as a suite's is."""
    plugins = shop(plugin_factory, BOARD.replace("NAME", "shop-board"))
    assert created(plugins, "shop-board").profile.memory_limit_bytes == 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WRONG.replace("NAME", "shop-board"), WRONG_WORDS),
        (BOARD.replace("NAME", "other"), "has the name 'other'; both must be the same"),
    ],
)
def test_wrong_profile_of_a_plugin_names_the_plugin(
    plugin_factory: Install, text: str, words: str
) -> None:
    """A plugin's file is read when its device is asked for, as all its targets are."""
    plugins = shop(plugin_factory, text)
    assert "shop-board" in plugins.registry.names("device")
    with pytest.raises(PluginError, match=r"^plugin 'shop' \(shop 1.0\): ") as caught:
        created(plugins, "shop-board")
    assert "board.toml" in str(caught.value)
    assert words in str(caught.value)


def test_file_of_a_plugin_that_is_not_there_names_the_plugin(plugin_factory: Install) -> None:
    """A target that leads to no file is the plugin's fault."""
    plugin_factory("shop", PLUGIN.replace("NAME", "shop-board"))
    with pytest.raises(PluginError, match=r"^plugin 'shop' .*'shop_boards:board.toml' of device"):
        created(load_plugins(), "shop-board")
