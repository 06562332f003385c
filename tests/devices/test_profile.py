"""A device profile says every number's source, and a wrong file is answered with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.canonical import digest
from harness.cost_model.profile import KERNEL_CLASSES
from harness.devices.profile import (
    DeviceProfile,
    ProfileError,
    parse_profile,
    read_profile,
)

TEXT = """
name = "board"
model = "A board"
kind = "cuda"
recognised_by = ["*Board 1*", "other board"]

[memory]
total_bytes = 1_000
system_bytes = 300
reserved_bytes = 200

[compute]
fp32_flops = 236e9
bandwidth_bytes_s = 25_600_000_000
launch_s = 30e-6

[sources]
compute.fp32_flops = "data sheet"
compute.bandwidth_bytes_s = "data sheet"
compute.launch_s = "assumed"
memory.total_bytes = "data sheet"
memory.system_bytes = "measured"
memory.reserved_bytes = "measured"
"""

BARE = TEXT[: TEXT.index("recognised_by")]

COST = """
[cost]
launches = "serial"
python_kernel_s = 1e-5
engine_kernel_s = 8e-6
parallel_speedup = 1.8
provenance = "a calibration"

[cost.error]
cases = 12
mean_percent = 9.5
low = 0.8
high = 1.2
""" + "".join(
    f"[cost.rates.{kind}]\nlaunch_s = 2e-6\nflops_s = 1e9\nbytes_s = 5e9\n"
    for kind in KERNEL_CLASSES
)
CALIBRATED = BARE + COST


def refused(text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "board.toml")
    return str(caught.value)


def test_limit_is_what_system_and_reserve_leave() -> None:
    """The memory limit is total less system less reserved bytes."""
    profile = parse_profile(TEXT, "board.toml")
    assert profile.memory_limit_bytes == 500
    assert profile.sources["memory.total_bytes"] == "data sheet"


def test_profile_without_memory_has_no_limit() -> None:
    """A device whose memory is not modelled has the limit None, not 0."""
    assert parse_profile(BARE, "board.toml").memory_limit_bytes is None


def test_rates_are_optional_and_read_in_their_units() -> None:
    """Rates may be whole numbers or not, float16 may be left out, and so may the whole table."""
    compute = parse_profile(TEXT, "board.toml").compute
    assert compute is not None
    assert (compute.fp32_flops, compute.bandwidth_bytes_s) == (236e9, 25.6e9)
    assert (compute.fp16_flops, compute.launch_s) == (None, 30e-6)
    assert parse_profile(BARE, "board.toml").compute is None


def test_only_a_limit_or_a_rate_can_be_emulated() -> None:
    """A profile without numbers stands for nothing but the machine itself."""
    assert parse_profile(TEXT, "board.toml").can_be_emulated
    assert not parse_profile(BARE, "board.toml").can_be_emulated


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], False),
        (["Some Board 1B"], True),
        (["a processor", "some board 1"], True),
        (["Other Board"], True),
        (["other board 2"], False),
        (["Board"], False),
    ],
)
def test_machine_is_recognised_by_its_names(names: list[str], expected: bool) -> None:
    """One of the machine's names must fit one pattern as a whole; capitals do not matter."""
    assert parse_profile(TEXT, "board.toml").recognises(names) is expected


def test_a_star_alone_is_every_machine_and_nothing_is_none() -> None:
    """`*` takes a machine without any name too; without patterns no machine is taken."""
    every = parse_profile(BARE + 'recognised_by = ["*"]', "board.toml")
    assert every.recognises([])
    assert every.recognises(["x"])
    assert not parse_profile(BARE, "board.toml").recognises(["board"])


def test_profile_survives_json() -> None:
    """A profile read back from the JSON of a trial is the same profile."""
    profile = parse_profile(TEXT, "board.toml")
    assert DeviceProfile.model_validate_json(profile.model_dump_json()) == profile
    assert DeviceProfile.model_validate(profile.model_dump()) == profile


def test_digest_depends_on_numbers_alone() -> None:
    """Another number is another device; another source, or another name for it, is not."""
    profile = parse_profile(TEXT, "board.toml")
    reworded = parse_profile(TEXT.replace("data sheet", "the data sheet"), "board.toml")
    renamed = parse_profile(TEXT.replace("other board", "board 2"), "board.toml")
    assert profile.digest() == reworded.digest() == renamed.digest()
    for old, new in [("300", "301"), ("236e9", "237e9")]:
        other = parse_profile(TEXT.replace(old, new), "board.toml")
        assert other.digest() != profile.digest()


def test_cost_model_is_optional_and_has_a_provenance_for_all_its_numbers() -> None:
    """A calibrated profile needs no sources, can be emulated, and survives JSON."""
    profile = parse_profile(CALIBRATED, "board.toml")
    assert profile.cost is not None
    assert profile.cost.rates["depthwise"].launch_s == 2e-6
    assert profile.can_be_emulated
    assert DeviceProfile.model_validate_json(profile.model_dump_json()) == profile
    assert parse_profile(BARE, "board.toml").cost is None


def test_watts_are_no_part_of_the_digest() -> None:
    """What a device draws changes no trial's result: a profile with watts is what it always was."""
    profile = parse_profile(TEXT, "board.toml")
    assert profile.compute is not None
    powered = profile.model_copy(
        update={"compute": profile.compute.model_copy(update={"busy_w": 9.0})}
    )
    of_numbers = profile.model_dump(
        exclude={"sources": True, "recognised_by": True, "cost": True, "compute": {"busy_w"}}
    )
    assert powered.digest() == profile.digest() == digest(of_numbers)


def test_digest_depends_on_the_cost_model_but_not_on_its_provenance() -> None:
    """Other rates predict other times; a profile without a cost model is what it always was."""
    profile = parse_profile(CALIBRATED, "board.toml")
    reworded = parse_profile(CALIBRATED.replace("a calibration", "another"), "board.toml")
    faster = parse_profile(CALIBRATED.replace("1e9", "2e9", 1), "board.toml")
    bare = parse_profile(BARE, "board.toml")
    assert profile.digest() == reworded.digest()
    assert len({profile.digest(), faster.digest(), bare.digest()}) == 3
    before_there_were_any = bare.model_dump(exclude={"sources", "recognised_by", "cost"})
    assert bare.digest() == digest(before_there_were_any)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"serial"', '"fast"', "'cost.launches' is 'fast'; it must be one of overlapped, serial"),
        ("engine_kernel_s = 8e-6", "", "'cost.engine_kernel_s' is missing; it must be a number >="),
        ("= 8e-6", "= 8", "'cost.engine_kernel_s' is 8; it must be a number >= 0 and <= 0.1"),
        ("= 1.8", "= 0", "'cost.parallel_speedup' is 0; it must be a number >= 0.1 and <= 1000"),
        ("= 12", "= 1", "'cost.error.cases' is 1; it must be an integer >= 2"),
        ("= 2e-6", "= nan", "'cost.rates.dense.launch_s' is nan: input should be a finite number"),
        ("= 1e9", "= 0", "'cost.rates.dense.flops_s' is 0; it must be a number > 0 and <="),
        ("= 5e9", "= '5'", "'cost.rates.dense.bytes_s' is '5'; it must be a number > 0 and <="),
        ("bytes_s = 5e9", "", "'cost.rates.dense.bytes_s' is missing; it must be a number > 0"),
        ("flops_s", "flop_s", "did you mean 'cost.rates.dense.flops_s'?"),
        ("rates.dense", "rates.sparse", "'cost.rates': unknown class of kernels 'sparse'; "),
        ("[cost.rates.dense]", "[cost.rate]", "did you mean 'cost.rates'?"),
        ('"a calibration"', "''", "'cost.provenance' is '': string should have at least"),
    ],
)
def test_wrong_key_of_a_cost_model_is_named(old: str, new: str, words: str) -> None:
    """As in the rest of a profile: the file, the key, and what it takes."""
    message = refused(CALIBRATED.replace(old, new, 1))
    assert message.startswith("device profile board.toml: ")
    assert words in message
    assert "\n" not in message
    assert len(message) < 500


def test_missing_class_of_kernels_is_named() -> None:
    """A cost model has rates for every class, or it could not predict."""
    last = CALIBRATED.index(f"[cost.rates.{KERNEL_CLASSES[-1]}]")
    assert "must have a table for optimizer" in refused(CALIBRATED[:last])


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
        ("[sources]", '[sources]\npeak = "x"', "has 'peak', which this profile has no number for"),
        ("[compute]", "[speed]", "unknown key 'speed'"),
        ("launch_s = 30e-6", "", "'compute.launch_s' is missing; it must be a number > 0 and <="),
        ("fp32_flops", "fp23_flops", "did you mean 'compute.fp32_flops'?"),
        ("236e9", "236", "'compute.fp32_flops' is 236; it must be a number >= 1000000.0 and <="),
        ("236e9", "inf", "'compute.fp32_flops' is inf: input should be a finite number"),
        ("236e9", "nan", "'compute.fp32_flops' is nan: input should be a finite number"),
        ("236e9", "'fast'", "'compute.fp32_flops' is 'fast'; it must be a number >= 1000000.0"),
        ("236e9", "236e9\nfp16_flops = 0", "'compute.fp16_flops' is 0; it must be a number >="),
        ("25_600_000_000", "25.6", "'compute.bandwidth_bytes_s' is 25.6; it must be a number >="),
        ("30e-6", "0", "'compute.launch_s' is 0; it must be a number > 0 and <= 0.1"),
        ("30e-6", "30", "'compute.launch_s' is 30; it must be a number > 0 and <= 0.1"),
        ('compute.launch_s = "assumed"', "", "must say where 'compute.launch_s' comes from"),
        ('"data sheet"', '""', "'sources.compute.fp32_flops' is '': string should have at least"),
        ('["*Board 1*", "other board"]', '"x"', "'recognised_by' is 'x'; it must be a list"),
        ('"other board"', "3", "'recognised_by.1' is 3; it must be text"),
        ('"other board"', '""', "'recognised_by.1' is '': string should have at least 1 character"),
    ],
)
def test_wrong_key_is_named_with_what_it_takes(old: str, new: str, words: str) -> None:
    """A wrong or missing key is answered with the file, the key and what is allowed."""
    message = refused(TEXT.replace(old, new, 1))
    assert message.startswith("device profile board.toml: ")
    assert words in message
    assert "\n" not in message


def test_broken_toml_is_answered_with_its_line() -> None:
    """A syntax error names the file and the line."""
    message = refused("name = 'x'\nmodel\n")
    assert message.startswith("device profile board.toml: it is not valid TOML: ")
    assert "line 2" in message


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder or an undecodable file is one sentence; a good one is read."""
    path = tmp_path / "board.toml"
    with pytest.raises(ProfileError, match=r"board.toml: it cannot be read: No such file"):
        read_profile(path)
    with pytest.raises(ProfileError, match=r"it cannot be read: Is a directory"):
        read_profile(tmp_path)
    path.write_bytes(b"\xe9\xff")
    with pytest.raises(ProfileError, match=r"board.toml: it is not in UTF-8"):
        read_profile(path)
    path.write_text(TEXT)
    assert read_profile(path).name == "board"


def test_profile_of_the_documentation_can_be_used() -> None:
    """The board that the page on boards describes is one."""
    page = Path(__file__).parents[2].joinpath("docs", "own-board.md").read_text(encoding="utf-8")
    (text,) = [each for each in page.split("```") if each.startswith('toml\nname = "my-board"')]
    profile = parse_profile(text.removeprefix("toml\n"), "own-board.md")
    assert profile.recognises(["Some My Board"])
