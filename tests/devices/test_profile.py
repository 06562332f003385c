"""A device profile says every number's source, and a wrong file is answered with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.devices.profile import DeviceProfile, parse_profile, read_profile
from harness.errors import UsageError

TEXT = """
name = "board"
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


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_profile(text, "board.toml")
    return str(caught.value)


def test_limit_is_what_system_and_reserve_leave() -> None:
    """The memory limit is total less system less reserved bytes."""
    profile = parse_profile(TEXT, "board.toml")
    assert profile.memory_limit_bytes == 500
    assert profile.sources["memory.total_bytes"] == "data sheet"


def test_profile_without_memory_has_no_limit() -> None:
    """A device whose memory is not modelled has the limit None, not 0."""
    profile = parse_profile(TEXT[: TEXT.index("[memory]")], "board.toml")
    assert profile.memory_limit_bytes is None


def test_profile_survives_json() -> None:
    """A profile read back from the JSON of a trial is the same profile."""
    profile = parse_profile(TEXT, "board.toml")
    assert DeviceProfile.model_validate_json(profile.model_dump_json()) == profile
    assert DeviceProfile.model_validate(profile.model_dump()) == profile


def test_digest_depends_on_numbers_alone() -> None:
    """Another number is another device; another wording of its source is not."""
    profile = parse_profile(TEXT, "board.toml")
    reworded = parse_profile(TEXT.replace("data sheet", "the data sheet"), "board.toml")
    other = parse_profile(TEXT.replace("300", "301"), "board.toml")
    assert profile.digest() == reworded.digest() != other.digest()


def test_profile_cannot_be_changed() -> None:
    """A profile is frozen: what a trial was planned with is what it runs with."""
    profile = parse_profile(TEXT, "board.toml")
    with pytest.raises(ValidationError, match="frozen"):
        profile.name = "other"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("= 300", "= -1", "'memory.system_bytes' is -1; it must be an integer >= 0"),
        ("= 300", "= 1.5", "'memory.system_bytes' is 1.5; it must be an integer >= 0"),
        ("= 300", "= '1'", "'memory.system_bytes' is '1'; it must be an integer >= 0"),
        ('"cuda"', '"tpu"', "'kind' is 'tpu'; it must be one of cpu, cuda"),
        ('name = "board"', "", "'name' is missing; it must be text"),
        ("system_bytes = 300", "sytem_bytes = 1", "did you mean 'memory.system_bytes'?"),
        ("= 300", "= 800", "system_bytes and reserved_bytes together must be less than"),
        ('memory.total_bytes = "data sheet"', "", "must say where 'memory.total_bytes' comes from"),
        ("[sources]", '[sources]\npeak = "x"', "has 'peak', which is no number of this profile"),
    ],
)
def test_wrong_key_is_named_with_what_it_takes(old: str, new: str, words: str) -> None:
    """A wrong or missing key is answered with the file, the key and what is allowed."""
    message = refused(TEXT.replace(old, new, 1))
    assert message.startswith("device profile board.toml: ")
    assert words in message


def test_broken_toml_is_answered_with_its_line() -> None:
    """A syntax error names the file and the line."""
    message = refused("name = 'x'\nmodel\n")
    assert "device profile board.toml is not valid TOML" in message
    assert "line 2" in message


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing or undecodable file is one sentence; a good one is read."""
    path = tmp_path / "board.toml"
    with pytest.raises(UsageError, match=r"board.toml cannot be read"):
        read_profile(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"board.toml cannot be read"):
        read_profile(path)
    path.write_text(TEXT)
    assert read_profile(path).name == "board"
