"""The black-box searches, each held to what its paper says, on accuracies that are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from harness_spaces.moves import Evolution, LocalSearch, RandomArchitectures, Reinforce
from harness_spaces.nasbench201 import NasBench201
from harness_spaces.nsga2 import Nsga2
from harness_spaces.parameters import (
    EvolutionParameters,
    Nsga2Parameters,
    PredictorParameters,
    ReinforceParameters,
)
from harness_spaces.predictor import PredictorSearch, normal_scores

from harness.contracts import BlackBoxSearch, SearchTask
from tests.spaces.conftest import BEST, made_up, made_up_latency

SPACE = NasBench201()
SEARCHES = [RandomArchitectures, Evolution, LocalSearch, Reinforce, PredictorSearch, Nsga2]
Make = Callable[[], BlackBoxSearch]


def asked(search: BlackBoxSearch, seed: int, evaluations: int) -> list[str]:
    """Let a search ask, and return its questions."""
    search.start(SearchTask(SPACE, evaluations, np.random.default_rng(seed)))
    questions = []
    for _ in range(evaluations):
        questions.append(search.ask())
        search.tell(questions[-1], accuracy(questions[-1]))
    return questions


def accuracy(architecture: str) -> float:
    return made_up(SPACE.decisions(architecture))


def mean_regret(make: Make, evaluations: int, seeds: Sequence[int] = range(5)) -> float:
    found = [max(map(accuracy, asked(make(), seed, evaluations))) for seed in seeds]
    return float(np.mean([BEST - each for each in found]))


@pytest.mark.parametrize("make", SEARCHES)
def test_the_same_seed_asks_the_same(make: Make) -> None:
    """All that a search draws comes from its generator; another seed asks otherwise."""
    first, again, other = (asked(make(), seed, 45) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("make", SEARCHES)
def test_every_question_is_an_architecture_of_the_space(make: Make) -> None:
    """What a search asks for is in its canonical form."""
    assert all(SPACE.check(each) == each for each in asked(make(), 3, 45))


@pytest.mark.parametrize("make", [Evolution, LocalSearch, Reinforce, PredictorSearch, Nsga2])
def test_searching_beats_drawing_at_random(make: Make) -> None:
    """Where accuracies are mostly a sum over edges, what was told helps."""
    assert mean_regret(make, 120) < mean_regret(RandomArchitectures, 120)


def test_random_search_is_the_control() -> None:
    """It asks for what the space draws, whatever it is told."""
    random = np.random.default_rng(5)
    assert asked(RandomArchitectures(), 5, 10) == [SPACE.sample(random) for _ in range(10)]


def test_the_oldest_dies() -> None:
    """After a full population each answer takes the place of the oldest, however good it was."""
    search = Evolution(EvolutionParameters(population=4, sample=4))
    questions = asked(search, 0, 12)
    assert [each.architecture for each in search._population] == questions[-4:]


def test_the_parent_is_the_best_of_the_sample() -> None:
    """With a sample as large as the population, each child is a neighbour of the best alive."""
    questions = asked(Evolution(EvolutionParameters(population=4, sample=4)), 0, 30)
    for place in range(4, 30):
        alive = questions[place - 4 : place]
        best = max(map(accuracy, alive))
        parents = [each for each in alive if accuracy(each) == best]
        assert any(questions[place] in SPACE.neighbours(parent) for parent in parents)


def test_local_search_climbs_to_the_best_neighbour() -> None:
    """It asks for all neighbours before it moves, and for none twice."""
    questions = asked(LocalSearch(), 0, 60)
    assert set(questions[1:25]) == set(SPACE.neighbours(questions[0]))
    best = max(questions[1:25], key=accuracy)
    rest = [each for each in SPACE.neighbours(best) if each not in questions[:25]]
    assert set(questions[25 : 25 + len(rest)]) == set(rest)
    assert len(set(questions)) == 60


def test_local_search_starts_anew_at_a_top() -> None:
    """On a slope without local tops the first climb ends at the best of all; then it goes away."""
    questions = asked(LocalSearch(), 0, 160)
    top = next(place for place, each in enumerate(questions) if accuracy(each) == BEST)
    assert top < 130
    later = [each for each in questions[top:] if each not in SPACE.neighbours(questions[top])]
    assert len(later) > 2


def test_the_policy_moves_by_the_gradient_of_its_logarithm() -> None:
    """Each logit moves by rate x advantage x (1 if drawn - probability), by hand."""
    search = Reinforce(ReinforceParameters(learning_rate=0.5, baseline_decay=0.5))
    search.start(SearchTask(SPACE, 2, np.random.default_rng(0)))
    architecture = SPACE.architecture([3] * 6)
    search.tell(architecture, 80.0)  # becomes the baseline: no advantage
    assert not np.any(search._logits)
    search.tell(architecture, 82.0)
    gradient = np.full(5, -0.2) + np.eye(5)[3]
    np.testing.assert_allclose(search._logits, np.tile(0.5 * 2.0 * gradient, (6, 1)))
    assert search._baseline == 81.0


def test_normal_scores_tell_the_order_alone() -> None:
    """Ranks become points of a normal distribution, the same for any accuracies in this order."""
    scores = normal_scores([10.0, 90.0, 91.0])
    np.testing.assert_allclose(scores, normal_scores([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(scores, [-0.9674216, 0.0, 0.9674216], atol=1e-6)


def test_equal_accuracies_have_equal_normal_scores() -> None:
    """What was asked for first is no worse: ties share the mean of their ranks."""
    first, second, third, fourth = normal_scores([50.0, 70.0, 50.0, 60.0])
    assert first == third
    np.testing.assert_allclose(
        [first, fourth, second], [-0.6744898, 0.3186394, 1.1503494], rtol=1e-6
    )


def test_the_predictor_asks_for_what_is_new() -> None:
    """After its start it asks for nothing that it has been told."""
    questions = asked(PredictorSearch(PredictorParameters(start=10)), 0, 60)
    assert len(set(questions[10:])) == 50
    assert not set(questions[10:]) & set(questions[:10])


def told_of_fronts(search: Nsga2, evaluations: int, most: float = float("inf")) -> list[str]:
    """Let a search for accuracy and latency ask, within a limit of latency."""
    search.start(SearchTask(SPACE, evaluations, np.random.default_rng(0), objectives=2))
    questions = []
    for _ in range(evaluations):
        questions.append(search.ask())
        slow = made_up_latency(SPACE.decisions(questions[-1]))
        search.tell_losses(
            questions[-1], [100 - accuracy(questions[-1]), slow], max(slow / most - 1, 0.0)
        )
    return questions


def test_nsga2_asks_for_nothing_twice() -> None:
    """A question costs an evaluation, so what is known is not asked for again."""
    questions = told_of_fronts(Nsga2(Nsga2Parameters(population=10)), 200)
    assert len(set(questions)) == 200


def test_nsga2_mutates_its_parents() -> None:
    """Where no parents are crossed, each child is a neighbour of what was asked for before it."""
    questions = told_of_fronts(Nsga2(Nsga2Parameters(population=10)), 60)
    for place in range(10, 60):
        near = SPACE.neighbours(questions[place])
        assert any(each in near for each in questions[:place])


def test_nsga2_goes_to_both_ends_of_the_front() -> None:
    """It finds what is among the fastest of all, and among the most accurate."""
    questions = told_of_fronts(Nsga2(), 400)
    assert min(made_up_latency(SPACE.decisions(each)) for each in questions) <= 8
    assert max(map(accuracy, questions)) > BEST - 3


def test_nsga2_keeps_to_limits() -> None:
    """Of what it asks for late most keeps a limit that few architectures keep."""
    questions = told_of_fronts(Nsga2(), 300, most=12)
    kept = [made_up_latency(SPACE.decisions(each)) <= 12 for each in questions]
    assert sum(kept[:20]) < 5
    assert sum(kept[-100:]) > 50
