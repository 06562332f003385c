"""From photos here to a model that a board has made, over a real ssh; and what strangers send."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import harness
from harness.cli.main import cli
from harness.cost_model.profile import KERNEL_CLASSES, CostProfile
from harness.devices.profile import DeviceProfile, profile_toml, read_profile
from harness.errors import UsageError
from tests.boards.conftest import Sshd

pytestmark = pytest.mark.timeout(200)

TINY = ("-m", "random", "--size", "8", "--channels", "2", "--epochs", "2")


def call(*arguments: object) -> Result:
    """Call the command line."""
    words = [str(each) for each in arguments]
    return CliRunner().invoke(cli, words, prog_name="harness")


# What a stranger sends

ANSWERS = f"""
say(harness={harness.__version__!r}, protocol=1)
for line in sys.stdin:
    asked = json.loads(line)["do"]
    if asked == "check":
        say(checks=CHECKS)
    elif asked == "missing":
        say(missing=[])
    elif asked == "run":
        json.dump(json.loads(line), open(os.path.dirname(__file__) + "/asked", "w"))
        say(told="at \\x1b[2Jwork")
        for each in TOLD:
            say(**each)
        sys.stdout.buffer.write(CONTENT)
        sys.stdout.flush()
        break
"""


def script(told: list[dict[str, Any]], content: bytes = b"", checks: object = ()) -> str:
    return f"TOLD, CONTENT, CHECKS = {told!r}, {content!r}, {list(checks)!r}\n{ANSWERS}"  # type: ignore[call-overload]


def ended(files: list[list[object]], status: int = 0) -> list[dict[str, Any]]:
    return [{"ended": status, "answer": "{}", "files": files}]


MANIFEST = json.dumps({"schema": 1, "made_by": "x", "files": {}}).encode()
PROBLEM = {"subject": "torch", "status": "problem", "finding": "is\nbroken", "advice": "mend it"}


@pytest.mark.parametrize(
    ("told", "content", "sentence"),
    [
        (ended([["../model.json", 3]]), b"abc", r"sends '\.\./model\.json' of 3 bytes"),
        (ended([["/etc/passwd", 3]]), b"abc", "sends '/etc/passwd'"),
        (ended([["sub/card.md", 3]]), b"abc", "sends 'sub/card.md'"),
        (ended([["evil.py", 3]]), b"abc", "sends 'evil.py'"),
        (ended([["card.md", 3], ["card.md", 3]]), b"abcabc", "sends 'card.md'"),
        (ended([["card.md", 2**40]]), b"abc", "sends 'card.md' of 1099511627776 bytes"),
        (ended([["card.md", -1]]), b"", "of -1 bytes"),
        (ended([["card.md", "x"]]), b"abc", "cannot be understood"),
        (ended([[{}, 3]]), b"abc", "cannot be understood"),
        ([{"ended": 0}], b"", "has sent no sound model"),
        ([{"ended": "no"}], b"", "cannot be understood"),
        ([{"told": 3}, *ended([])], b"", "cannot be understood"),
        (ended([["card.md", 30]]), b"abc", "the connection to ssh://nano was lost"),
        (ended([["manifest.json", len(MANIFEST)]]), MANIFEST, "no sound model: .* lists no"),
        (ended([]), b"", "has sent no sound model"),
        ([{"told": "Error: no \x1b[1mroom"}, *ended([], 2)], b"", "Error: on ssh://nano: no.*room"),
        (ended([], -9), b"", "was ended by signal 9, as where memory is short"),
        ([{"error": "the disk\n is full"}], b"", "on ssh://nano: the disk  is full"),
        ([], b"\xff\xfe{\n", "answers what cannot be understood"),
        ([], b"", "was lost; what runs there goes on: run the same command again"),
    ],
)  # fmt: skip
def test_what_a_stranger_sends_is_refused_whole(
    told: list[dict[str, Any]],
    content: bytes,
    sentence: str,
    stranger: Callable[[str], Path],
    photos: Path,
    scratch: Path,
) -> None:
    """Names, sizes and checksums are held to what was asked for; nothing is left, or elsewhere."""
    stranger(script(told, content))
    before = sorted(scratch.rglob("*"))
    result = call("adapt", photos, "--on", "ssh://nano", "-o", "model")
    assert result.exit_code == (2 if "room" in sentence else 1)
    *progress, last = result.stderr.splitlines()
    assert re.search(sentence, last), result.stderr
    assert "\x1b" not in result.stderr
    assert any("nano: at  [2Jwork" in line for line in progress)
    assert sorted(scratch.rglob("*")) == before


def test_board_that_cannot_compute_is_sent_nothing(
    stranger: Callable[[str], Path], photos: Path
) -> None:
    """What `harness doctor` finds there is said before a photo leaves this machine."""
    folder = stranger(script([], checks=[PROBLEM]))
    result = call("adapt", photos, "--on", "ssh://nano", "-o", "model")
    assert result.exit_code == 1
    assert result.stderr == "Error: on ssh://nano: torch: is broken; mend it\n"
    assert not (folder / "asked").exists()


def test_what_is_wrong_here_is_said_before_anything_is_sent(photos: Path, scratch: Path) -> None:
    """A wrong address, no photos, a folder that is there: exit status 2, and no connection."""
    (scratch / "there").mkdir()
    (scratch / "there" / "file").touch()
    for words, sentence in (
        ((photos, "--on", "me@nano", "-o", "model"), "is not the address of a board"),
        ((photos, "--on", "ssh://me:pw@nano", "-o", "model"), "holds no password"),
        (("nowhere", "--on", "ssh://nano", "-o", "model"), "does not exist"),
        ((photos, "--on", "ssh://nano", "-o", "there"), "is there already"),
        ((photos, "--on", "ssh://nano", "-o", "model", "--base", "no"), "'no' does not exist"),
    ):
        result = call("adapt", *words)
        assert result.exit_code == 2, result.output
        assert sentence in result.stderr
    with pytest.raises(UsageError, match="is not the address"):
        harness.adapt(photos, scratch / "model", on="nano")


def test_the_same_is_asked_of_the_board(
    stranger: Callable[[str], Path], photos: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All options go along, and a profile that the board has not; no place of this machine does."""
    (scratch / "mine.toml").write_text(
        'name = "mine"\nmodel = "Mine"\nkind = "cpu"\n[compute]\nfp32_flops = 1e9\n'
        "bandwidth_bytes_s = 1e9\nlaunch_s = 1e-5\n[sources]\ncompute.fp32_flops = 'x'\n"
        "compute.bandwidth_bytes_s = 'x'\ncompute.launch_s = 'x'\n"
    )
    monkeypatch.setenv("HARNESS_DEVICES", str(scratch / "mine.toml"))
    folder = stranger(script([]))
    options = "-d mine -m darts[order=1] --mode emulated --keep supernet --size 16 --gray"
    more = "--channels 3 --epochs 5 --memory 1.5GiB --race-time 90s --seed 4"
    call("adapt", photos, *options.split(), *more.split(), "--on", "ssh://nano", "-o", "out")
    asked = json.loads((folder / "asked").read_text())
    assert asked["words"] == [
        "adapt", "my $(touch hacked) photos", "-d", "mine", "--mode", "emulated", "--keep",
        "supernet", "--size", "16", "--channels", "3", "--epochs", "5", "--seed", "4", "--gray",
        "--memory", "1536MiB", "--race-time", "90s", "-m", "darts[order=1]", "-o", "model",
        "--json",
    ]  # fmt: skip
    assert asked["folders"] == [f"work/{photos.name}/-bright <b>", f"work/{photos.name}/dark"]
    assert len(asked["files"]) == 21
    assert asked["files"]["devices/mine.toml"] == digest_of(scratch / "mine.toml")
    assert not any("notes.txt" in place for place in asked["files"])
    assert str(scratch) not in json.dumps(asked)


def recommended(**changes: Any) -> dict[str, Any]:
    """Return what `harness recommend --json` says: one method that fits, and one that does not."""
    time = {"value": 60.0, "low": 50.0, "high": 90.0, "unit": "s", "source": "predicted"}
    method = {
        "method": "random", "peak_memory_bytes": 2**20, "storage_bytes": 100, "search_time": time,
        "energy": {**time, "value": None}, "accuracy": {"value": 50.0}, "right": 2, "photos": 4,
        "epochs": 1, "verdict": None, "dropped": None,
    }  # fmt: skip
    large = {
        **method,
        "method": "darts",
        "right": None,
        "photos": 0,
        "dropped": "is \x1b[1mlarge",
    }
    return {
        "recommended": "random", "sentence": "Take \x1b[1mrandom.", "device": "cpu",
        "limits": {"memory_bytes": 2**30, "seconds": None, "joules": None},
        "methods": [method, large], "rehearsal": None, "remarks": [], **changes,
    }  # fmt: skip


def test_recommendation_is_asked_of_the_board(
    stranger: Callable[[str], Path], photos: Path, scratch: Path
) -> None:
    """All options go along; what comes back is shown as one from here is, or told in JSON."""
    folder = stranger(script([{"ended": 0, "answer": json.dumps(recommended())}]))
    options = "--size 8 --memory 1GiB --time 2min --energy 5kJ --no-rehearse --on ssh://me@nano"
    result = call("recommend", photos, *options.split())
    assert result.exit_code == 0, result.output
    asked = json.loads((folder / "asked").read_text())
    assert asked["words"] == [
        "recommend", photos.name, "-d", "cpu", "--size", "8", "--memory", "1024MiB",
        "--time", "120s", "--energy", "5000J", "--no-rehearse", "--json",
    ]  # fmt: skip
    assert asked["result"] is None
    assert len(asked["files"]) == 20
    assert result.stdout.startswith("Take  [1mrandom.\n")
    assert re.search(r"random +~1\.0 .* 50 ", result.stdout)
    assert "[1mlarge" in result.stdout
    assert "\x1b" not in result.output
    nothing = recommended(recommended=None)
    stranger(script([{"ended": 1, "answer": json.dumps(nothing)}]))
    result = call("recommend", photos, "--on", "ssh://nano", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told == {**nothing, "sentence": "Take  [1mrandom.", "methods": told["methods"]}
    assert harness.recommend(photos, on="ssh://nano").choice is None


@pytest.mark.parametrize(
    "answer",
    [
        "", "3", "{}", "[" * 9999, json.dumps(recommended(methods=[])),
        json.dumps(recommended(methods=[3])), json.dumps(recommended(limits={"x": 1})),
        json.dumps(recommended(device=[])),
        json.dumps(recommended(methods=[{**recommended()["methods"][0], "right": 5}])),
        json.dumps(recommended(methods=[{**recommended()["methods"][0], "photos": 10**12}])),
        json.dumps(recommended(methods=[{**recommended()["methods"][0], "epochs": "x"}])),
    ],
)  # fmt: skip
def test_recommendation_of_a_stranger_is_checked(
    stranger: Callable[[str], Path], photos: Path, answer: str
) -> None:
    """What is no recommendation is a sentence, whatever it is."""
    stranger(script([{"ended": 0, "answer": answer}]))
    result = call("recommend", photos, "--on", "ssh://nano")
    assert result.exit_code == 1
    assert "Error: what ssh://nano recommends cannot be read: " in result.stderr


def test_archive_and_checkpoint_go_along(
    stranger: Callable[[str], Path], photos: Path, scratch: Path
) -> None:
    """An archive is one file; a name that an option or another input would be is not kept."""
    packed = shutil.make_archive(str(scratch / "-all"), "zip", photos)
    (scratch / "learned.safetensors").write_bytes(b"weights")
    folder = stranger(script([]))
    words = ("--on", "ssh://nano", "-m", "darts", "--checkpoint", "learned.safetensors")
    call("adapt", packed, *words, "-o", "out")
    asked = json.loads((folder / "asked").read_text())
    assert asked["words"][:7] == [
        "adapt", "./-all.zip", "-d", "cpu", "-m", "darts", "--checkpoint",
    ]  # fmt: skip
    assert asked["files"] == {
        "work/-all.zip": digest_of(Path(packed)),
        f"work/{asked['words'][7]}": digest_of(scratch / "learned.safetensors"),
    }
    photos.rename(scratch / "model")
    call("adapt", "model", "--on", "ssh://nano", "-o", "photos")  # which is no place there
    assert json.loads((folder / "asked").read_text())["words"][1] == "photos"


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_profile_of_a_board_is_no_other_machines(
    stranger: Callable[[str], Path], scratch: Path
) -> None:
    """Brought home, it is recognised by the board's names, and not as any machine."""
    error = {"mean_percent": 5.0, "low": 0.9, "high": 1.1, "cases": 9}
    rates = {"launch_s": 1e-5, "flops_s": 1e9, "bytes_s": 1e9}
    cost = CostProfile.model_validate(
        {
            "launches": "serial", "python_kernel_s": 0.0, "engine_kernel_s": 0.0,
            "parallel_speedup": 1.0, "rates": dict.fromkeys(KERNEL_CLASSES, rates),
            "error": error, "provenance": "a test",
        }
    )  # fmt: skip
    profile = DeviceProfile(name="pi", model="A board", kind="cpu", recognised_by=["*"], cost=cost)
    content = profile_toml(profile).encode()
    left_out = [{"name": "a", "network": "n", "measured_s": 1.0, "predicted_s": 1.1, "error": 0.1}]
    answer = json.dumps({"cost": cost.model_dump(mode="json"), "left_out": left_out})
    told = [{"ended": 0, "answer": answer, "files": [["profile.toml", len(content)]]}]
    words = ("devices", "calibrate", "--on", "ssh://nano", "--name", "pi", "-o", "pi.toml")
    stranger(script(told, content).replace("protocol=1", "protocol=1, machine=['Raspberry Pi 5']"))
    result = call(*words)
    assert result.exit_code == 0, result.output
    assert read_profile(scratch / "pi.toml").recognised_by == ["Raspberry Pi 5"]
    assert "off by 5.0 %" in result.stdout
    stranger(script(told, content))
    result = call(*words, "--json")
    assert json.loads(result.stdout)["left_out"] == left_out
    assert read_profile(scratch / "pi.toml").recognised_by == []
    assert "always emulated" in result.stderr
    stranger(script([{**told[0], "files": [["profile.toml", 7]]}], b"name = "))
    assert "profile of ssh://nano" in call(*words).stderr


# A real ssh, and a real adaptation


def adapting(photos: Path, board: Sshd, *words: str) -> subprocess.Popen[str]:
    """Adapt in another process, in a session of its own."""
    command = [sys.executable, "-m", "harness", "adapt", str(photos), "--on", board.address, *words]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and program
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def read_until(process: subprocess.Popen[str], sign: str) -> str:
    """Return what it says on standard error, up to a sign."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if sign in line:
            return said
    pytest.fail(f"it never said '{sign}': {said}")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_photos_become_a_model_on_a_board(
    photos: Path, scratch: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is brought home; nothing goes through a shell, or is sent twice, or besides."""
    monkeypatch.setenv("HARNESS_SECRET", "seen")
    monkeypatch.setenv("LC_SECRET", "seen")
    result = call("adapt", photos, "--on", sshd.address, *TINY, "-o", "model", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["model"] == "model"
    assert told["held_out"] == 4
    assert told["record"]["device"]["mode"] == "measured"
    assert "sending 20 files" in result.stderr
    assert (scratch / "model" / "card.md").exists()
    photo = next((photos / "dark").glob("*.png"))
    assert ": dark" in call("predict", "model", photo).stdout
    assert not [*scratch.rglob("hacked"), *sshd.home.rglob("hacked")]
    sent = [path.read_bytes() for path in (sshd.home / ".cache").rglob("*") if path.is_file()]
    assert not any(b"nobody else's" in content or b"seen" in content for content in sent)
    assert not list((sshd.home / ".cache/onnas-harness/board/jobs").iterdir())
    # Once more, from Python: nothing is sent, and its trial is not run again.
    adapted = harness.adapt(
        photos, scratch / "again", on=sshd.address, method="random", size=8, channels=2, epochs=2
    )
    assert adapted.judgement.total == 4
    assert adapted.record.trial_key == told["record"]["trial_key"]
    assert adapted.record.ended_at == told["record"]["ended_at"]
    one, two = (
        (scratch / name / "weights.safetensors").read_bytes() for name in ("model", "again")
    )
    assert one == two


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_interrupting_stops_the_board(photos: Path, sshd: Sshd) -> None:
    """Ctrl-C ends the process there, too, and the exit status is that of an interruption."""
    words = ("-m", "weights-only", "--size", "8", "--channels", "2", "--epochs", "100000")
    with adapting(photos, sshd, *words, "-o", "model") as process:
        read_until(process, "weights-only on photos")
        (job,) = (sshd.home / ".cache/onnas-harness/board/jobs").iterdir()
        there = int((job / "process").read_text())
        os.kill(there, 0)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 130
    assert f"stopping {sshd.address}" in said
    assert "not seen to stop" not in said
    assert "Interrupted; run the same command again to continue." in said
    assert not is_alive(there)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_lost_connection_is_taken_up_again(photos: Path, scratch: Path, sshd: Sshd) -> None:
    """The board goes on; the same command finds what runs, or its model, and brings it home."""
    with adapting(photos, sshd, *TINY, "-o", "model") as process:
        read_until(process, "127.0.0.1: ")
        (job,) = (sshd.home / ".cache/onnas-harness/board/jobs").iterdir()
        there = int((job / "process").read_text())
        os.kill(int((sshd.folder / "pid").read_text()), signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 1
    assert f"the connection to {sshd.address} was lost" in said
    assert "what runs there goes on: run the same command again" in said
    assert not (scratch / "model").exists()
    until = time.monotonic() + 200
    while is_alive(there) and time.monotonic() < until:
        time.sleep(0.1)
    again = call("adapt", photos, "--on", sshd.address, *TINY, "-o", "model")
    assert again.exit_code == 0, again.output
    assert "sending 0 files (0.0 MiB)" in again.stderr
    assert "going on with what was started before" in again.stderr
    assert (scratch / "model" / "weights.safetensors").exists()
