"""Which few candidates are worth training, and why each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edgeyolo.plan.budget import Budget
from edgeyolo.plan.estimate import Loss
from edgeyolo.plan.levels import LevelAdvice
from edgeyolo.plan.outlook import Outlook
from edgeyolo.slim.spec import SlimSpec

LIKELY = 0.8  # chance of keeping to the budget that is enough to be proposed first
SURE = 0.95
POSSIBLE = 0.5
_MOST = 6
_FEWEST = 3
_CLEAR = 0.005  # of the mAP; estimates that differ by less do not differ
_SPARED = 0.75  # of the time of the best: what "faster" means
_GIVEN = 0.02  # of the mAP that a faster one may lose to the best


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate with its estimated loss, and its chance to keep to the budget.

    ``speed`` is the chance to be fast enough alone; ``misses`` says in what else it fails.
    """

    outlook: Outlook
    loss: Loss
    speed: float
    misses: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """Probability that it keeps to the budget."""
        return 0.0 if self.misses else self.speed

    @property
    def name(self) -> str:
        """Name of its training."""
        return self.outlook.candidate.name

    @property
    def spec(self) -> SlimSpec:
        """Its net."""
        return self.outlook.candidate.spec

    @property
    def imgsz(self) -> int:
        """Its image size."""
        return self.outlook.candidate.imgsz

    @property
    def milliseconds(self) -> float:
        """Predicted, image to detections."""
        return self.outlook.latency.latency_ms


@dataclass(slots=True)
class Proposal:
    """An option with the reasons for it."""

    option: Option
    reasons: list[str] = field(default_factory=list)


def propose(
    options: Sequence[Option], same: Sequence[Option], budget: Budget, advice: LevelAdvice
) -> list[Proposal]:
    """3 to 6 trainings that span the front, the most promising first.

    ``same`` are the wide net's own on images of any size, of which one is proposed whatever it
    loses or weighs. Nothing when none of the options fits as likely as not.
    """
    possible = [option for option in options if option.chance >= POSSIBLE]
    if not possible:
        return []
    likely = [option for option in possible if option.chance >= LIKELY] or possible
    chosen = _Chosen()
    for reason in _reasons(possible, likely, same, budget, advice):
        chosen.add(reason)
    known = front(possible)
    for part in (0.5, 0.25, 0.75, 0.0, *(index / len(known) for index in range(len(known)))):
        option = known[round(part * (len(known) - 1))]
        if len(chosen.proposals) < _FEWEST and not chosen.has(option):
            chosen.add(_Reason(option, "between the others on the front of time and accuracy"))
    return sorted(chosen.proposals, key=lambda proposal: _promise(proposal.option))


def front(options: Iterable[Option]) -> list[Option]:
    """Those that no other beats in both time and estimated accuracy, the fastest first."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.milliseconds, o.loss.middle)):
        if not kept or option.loss.middle < kept[-1].loss.middle:
            kept.append(option)
    return kept


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why an option is proposed; one ``of_net`` holds for it with any engine and precision."""

    option: Option
    words: str
    of_net: bool = False


def _reasons(
    possible: Sequence[Option],
    likely: Sequence[Option],
    same: Sequence[Option],
    budget: Budget,
    advice: LevelAdvice,
) -> Iterator[_Reason]:
    """What is proposed and why, the most important first."""
    best = _best(likely)
    limited = budget.latency_ms is not None
    sureness = "is likely" if best.chance >= LIKELY else "may be"
    yield _Reason(best, f"the least loss by estimate{f' that {sureness} fast enough' * limited}")
    if same:
        yield _same(_likeliest(same), max(option.imgsz for option in same))
    advised = [option for option in possible if _follows(option, advice)]
    if advised:
        follower = _likeliest(advised)
        yield _Reason(follower, advice.sentence(follower.imgsz), of_net=True)
    hedge = min(likely, key=lambda option: (option.loss.high, option.milliseconds))
    if hedge.loss.high < best.loss.high - _CLEAR:
        yield _Reason(hedge, "loses the least where the estimate errs on the bad side")
    sure = [o for o in possible if o.chance >= SURE and o.outlook.candidate.precision == "fp32"]
    if limited and sure and best not in sure:
        words = "the least loss that is fast enough even where the prediction errs"
        yield _Reason(_best(sure), words)
    quick = [
        option
        for option in likely
        if option.milliseconds <= _SPARED * best.milliseconds
        and option.loss.middle <= best.loss.middle + _GIVEN
    ]
    if quick:
        fastest = min(quick, key=lambda option: option.milliseconds)
        spared = 1 - fastest.milliseconds / best.milliseconds
        lost = 100 * (fastest.loss.middle - best.loss.middle)
        words = f"{spared:.0%} less time than {best.name}, for {lost:.1f} % of the mAP"
        yield _Reason(fastest, words)
    daring = _best(possible)
    if daring.loss.middle < best.loss.middle - 2 * _CLEAR:
        yield _Reason(daring, "the least loss, if the board is as fast as predicted")


def _same(option: Option, largest: int) -> _Reason:
    if option.imgsz == largest:
        return _Reason(option, "the wide net itself: what a slimmer net has to beat", of_net=True)
    words = "same net, smaller image: what a slimmer net has to beat"
    return _Reason(option, words, of_net=True)


def _follows(option: Option, advice: LevelAdvice) -> bool:
    # The backbone stays: what a head loses with its deepest stage is not in the advice.
    kept = option.spec.cut_backbone == advice.wide.cut_backbone
    return kept and option.spec.heads == advice.heads(option.imgsz)


def _likeliest(options: Sequence[Option]) -> Option:
    """The best of those that are likely fast enough, else of those that may be."""
    for least in (LIKELY, POSSIBLE):
        enough = [option for option in options if option.speed >= least]
        if enough:
            return _best(enough)
    return max(options, key=lambda option: option.speed)


def _best(options: Sequence[Option]) -> Option:
    """The least loss; of those that cannot be told apart, the fastest."""
    least = min(option.loss.middle for option in options)
    near = [option for option in options if option.loss.middle <= least + _CLEAR / 2]
    return min(near, key=lambda option: option.milliseconds)


def _promise(option: Option) -> float:
    """Lower is better: what is lost, and what the chance is worth."""
    return option.loss.middle + 0.1 * (1 - option.chance)


class _Chosen:
    """Proposals by training: one that is proposed twice has two reasons."""

    def __init__(self) -> None:
        self._by_name: dict[str, Proposal] = {}

    @property
    def proposals(self) -> list[Proposal]:
        return list(self._by_name.values())

    def has(self, option: Option) -> bool:
        return option.name in self._by_name

    def add(self, reason: _Reason) -> None:
        option = reason.option
        if not self.has(option):
            if len(self._by_name) < _MOST:
                self._by_name[option.name] = Proposal(option, [reason.words])
            return
        known = self._by_name[option.name]
        if reason.of_net or known.option.outlook.candidate == option.outlook.candidate:
            known.reasons.append(reason.words)
