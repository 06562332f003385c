"""Whatever a file or a command line says, the answer is a sentence and an exit status.

Two thousand inputs, made by damaging sound ones: no traceback, no hang, nothing written outside the
run folder and the cache. Which input a failure is about is in its message: kind and number make it
again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.fuzz import habits, inputs

Attempt = Callable[[str, int], Any]

SAMPLE, ALL = 10, 340  # of each kind
# What is damaged may still be well-formed: a space more, a title less. The rest is to be refused.
# What is merely odd is mostly understood.
LEAST_REFUSED = {"record": 0.4, "command-line": 0.5, "saved-elsewhere": 0.1, "odd-names": 0.1}
LEAST_REFUSED |= {"environment": 0.0, "special-files": 0.3}
FEWER = 120  # of the kinds that need a whole data set each time


def check(attempt: Attempt, kind: str, numbers: range) -> None:
    """Try inputs of a kind; each is refused in a sentence, or was still well-formed."""
    statuses: Counter[int] = Counter()
    for number in numbers:
        tried = attempt(kind, number)
        told = f"{kind} {number}: {tried}"
        error = tried.result.exception
        assert error is None or isinstance(error, SystemExit), f"{told}\n{error!r}"
        assert "Traceback" not in tried.result.output, told
        assert tried.result.exit_code in (0, 1, 2), told
        assert tried.outside == [], told
        if tried.result.exit_code:
            assert tried.result.stderr.strip(), told
        statuses[tried.result.exit_code] += 1
    refused = statuses[1] + statuses[2]
    assert refused >= LEAST_REFUSED.get(kind, 0.6) * len(numbers), statuses


@pytest.mark.parametrize("kind", sorted(set(inputs.KINDS) - {"command-line"}))
def test_what_is_damaged_was_sound(
    attempt: Attempt, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undamaged, the same inputs are accepted, so that it is the damage which is refused."""
    monkeypatch.setattr(inputs, "damaged_bytes", lambda _, sound: sound)
    monkeypatch.setattr(inputs, "damaged_text", lambda _, sound: sound.encode())
    monkeypatch.setattr(inputs, "damaged_json", lambda _, sound: json.dumps(sound).encode())
    monkeypatch.setattr(inputs, "_spoil", lambda *_: None)
    for number in range(4):
        tried = attempt(kind, number)
        assert tried.result.exit_code == 0, f"{kind} {number}: {tried}"


@pytest.mark.parametrize("kind", [*habits.KINDS, *inputs.KINDS])
def test_malformed_input_is_refused_in_a_sentence(attempt: Attempt, kind: str) -> None:
    """A sample of malformed inputs ends with status 1 or 2, in time, and leaves nothing about."""
    check(attempt, kind, range(SAMPLE))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*habits.KINDS, *inputs.KINDS])
def test_two_thousand_malformed_inputs_are_refused(attempt: Attempt, kind: str) -> None:
    """So do many more, two thousand of all kinds together."""
    check(attempt, kind, range(SAMPLE, FEWER if kind in habits.KINDS else ALL))
