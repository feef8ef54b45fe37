"""The answer to a budget: what is worth training, or why nothing is and what comes closest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgeyolo.plan.budget import TYPICAL_MAP, Budget, megabytes
from edgeyolo.plan.estimate import SOURCE, Estimator
from edgeyolo.plan.grid import sides, specs
from edgeyolo.plan.levels import LevelAdvice
from edgeyolo.plan.outlook import Board, Outlook
from edgeyolo.plan.propose import POSSIBLE, Option, Proposal, front, propose
from edgeyolo.slim.spec import SlimSpec, can_train


@dataclass(frozen=True, slots=True)
class Question:
    """What shall fit where; ``imgsz`` is the wide net's own image size."""

    board: Board
    budget: Budget
    wide: SlimSpec
    classes: int
    imgsz: int
    wide_map: float = TYPICAL_MAP


@dataclass(frozen=True, slots=True)
class Closest:
    """What comes closest where nothing keeps to the budget, and in what."""

    outlook: Outlook
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Proposals, or what comes closest; ``front`` are the options that no other beats."""

    candidates: int
    fitting: int
    proposals: tuple[Proposal, ...]
    front: tuple[Option, ...]
    closest: tuple[Closest, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A question with its answer, and the seconds that ``trainer`` takes for each proposal."""

    question: Question
    answer: Answer
    seconds: dict[str, float]
    trainer: str
    levels: str = ""  # what the data need, at the wide net's image size

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        question, found = self.question, self.answer
        return {
            "profile": question.board.profile.name,
            "threads": question.board.threads,
            "budget": question.budget.to_dict(),
            "asked": str(question.budget),
            "wide": {"name": question.wide.name, "imgsz": question.imgsz, "map": question.wide_map},
            "classes": question.classes,
            "candidates": found.candidates,
            "fitting": found.fitting,
            "proposals": [
                {
                    **_option(proposal.option, question),
                    "train_seconds": round(self.seconds[proposal.option.name]),
                    "reasons": proposal.reasons,
                }
                for proposal in found.proposals
            ],
            "front": [_option(option, question) for option in found.front],
            "closest": [{**near.outlook.to_dict(), "why": near.why} for near in found.closest],
            "estimate": SOURCE,
            "trainer": self.trainer,
            "levels": self.levels,
        }


def candidates(question: Question) -> list[Outlook]:
    """Everything that could be built, with its predicted figures."""
    sizes = sides(question.imgsz)
    return [
        outlook
        for spec in specs(question.wide)
        for outlook in question.board.outlooks(
            spec, question.classes, [side for side in sizes if can_train(side, spec)]
        )
        if outlook.memory_bytes <= question.board.most_memory
    ]


def impossible(question: Question, known: Sequence[Outlook]) -> tuple[Closest, ...]:
    """What comes closest if nothing is likely to keep to the limits of time, size and memory.

    Needs no data, so that the answer comes at once. Nothing where something does.
    """
    budget = question.budget
    if any(outlook.chance(budget) >= POSSIBLE for outlook in known):
        return ()
    small = [outlook for outlook in known if outlook.is_small_enough(budget)]
    fastest = min(small or known, key=lambda outlook: outlook.latency.latency_ms)
    which = "that is small enough" if small else f"of all {len(known)} candidates"
    sure = "" if budget.latency_ms is None else f", with {fastest.speed_chance(budget):.0%} surely"
    found = [Closest(fastest, f"the fastest {which}{f'{sure} fast enough' if sure else ''}")]
    if not small:
        found.append(Closest(min(known, key=_largeness(budget)), "the smallest of them"))
    return tuple(found)


def answer(question: Question, known: Sequence[Outlook], advice: LevelAdvice) -> Answer:
    """Proposals among the candidates that can keep to the budget."""
    budget = question.budget
    estimate = Estimator(advice.boxes, question.classes, question.wide, question.imgsz)

    def as_option(outlook: Outlook) -> Option:
        candidate = outlook.candidate
        loss = estimate(candidate.spec, candidate.imgsz, candidate.precision)
        misses = _misses(outlook, loss.points(question.wide_map), budget)
        return Option(outlook, loss, outlook.speed_chance(budget), tuple(misses))

    options = [as_option(outlook) for outlook in known if outlook.can_fit(budget)]
    fitting = [option for option in options if option.chance >= POSSIBLE]
    same = [as_option(outlook) for outlook in known if outlook.candidate.spec == question.wide]
    proposals = propose(fitting, same, budget, advice)
    closest = () if proposals else tuple(_nearest(question, known, options, estimate))
    return Answer(len(known), len(fitting), tuple(proposals), tuple(front(fitting)), closest)


def _misses(outlook: Outlook, points: tuple[float, float, float], budget: Budget) -> Iterator[str]:
    """In what a candidate fails the limits that are not of time."""
    if budget.size_bytes is not None and outlook.size_bytes > budget.size_bytes:
        yield f"has {megabytes(outlook.size_bytes)}"
    if budget.memory_bytes is not None and outlook.memory_bytes > budget.memory_bytes:
        yield f"needs {megabytes(outlook.memory_bytes)} of memory"
    if not _keeps_map(points, budget):
        yield f"loses ~{-points[0]:.1f} points"


def _keeps_map(points: tuple[float, float, float], budget: Budget) -> bool:
    return budget.max_drop is None or -points[0] <= budget.max_drop


def _nearest(
    question: Question, known: Sequence[Outlook], options: Sequence[Option], estimate: Estimator
) -> Iterator[Closest]:
    """The least loss within the other limits, and the fastest within the loss."""
    if options:
        likeliest = max(options, key=lambda option: (round(option.speed, 1), -option.loss.middle))
        lost = likeliest.loss.points(question.wide_map)[0]
        yield Closest(
            likeliest.outlook,
            f"the likeliest to keep the other limits ({likeliest.speed:.0%}): "
            f"~{lost:+.1f} points of mAP50-95",
        )
    for outlook in sorted(known, key=lambda outlook: outlook.latency.latency_ms):
        candidate = outlook.candidate
        loss = estimate(candidate.spec, candidate.imgsz, candidate.precision)
        points = loss.points(question.wide_map)
        if outlook.is_small_enough(question.budget) and _keeps_map(points, question.budget):
            yield Closest(outlook, f"the fastest of what loses no more: ~{points[0]:+.1f} points")
            return


def _largeness(budget: Budget) -> Callable[[Outlook], float]:
    """How far a candidate is above the limits of size and memory, as a factor."""

    def largeness(outlook: Outlook) -> float:
        size = outlook.size_bytes / (budget.size_bytes or outlook.size_bytes)
        memory = outlook.memory_bytes / (budget.memory_bytes or outlook.memory_bytes)
        return max(size, memory)

    return largeness


def _option(option: Option, question: Question) -> dict[str, Any]:
    return {
        **option.outlook.to_dict(),
        "chance": round(option.chance, 3),
        "misses": list(option.misses),
        "map50_95_change": option.loss.to_dict(question.wide_map),
    }
