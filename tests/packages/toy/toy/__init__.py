"""A small third-party plugin whose method can misbehave in every way a run must survive."""

from __future__ import annotations

from typing import Any

from harness import hookimpl


@hookimpl
def harness_register_methods(register: Any) -> None:
    register(
        "toy",
        "toy.method:Toy",
        parameters="toy.parameters:ToyParameters",
        summary="A linear classifier that misbehaves on demand.",
    )
    register(
        "learner",
        "toy.method:Learner",
        parameters="toy.parameters:LearnerParameters",
        summary="The same one, pretrained.",
    )


@hookimpl
def harness_register_datasets(register: Any) -> None:
    register("dots", "toy.data:Dots", summary="Random images, as many as it takes.")
