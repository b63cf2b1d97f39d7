"""A tape as integers: its records in the order they run, with the places of their slots in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .program import Program
from .schedule import arranged
from .tape import ALONG, GRIDS, SAME, SIDES, Record, Recorder, cases


@dataclass(frozen=True)
class Tape:
    """A Program for the kernel.

    Attributes:
        forward, backward: the records, flat; the second is empty unless gradients were asked for.
        lists: slots that do not lie side by side, which records refer to by position.
        slots: how many numbers there are.
        adjoints: how many of them, the first ones, have a gradient.
        constants: slot -> number, to be set once.
        outputs: the slots of the results.
    """

    forward: list[int]
    backward: list[int]
    lists: list[int]
    slots: int
    adjoints: int
    constants: dict[int, float]
    outputs: list[int]


def record_tape(program: Program, gradients: bool = True, lanes: int = 1, fast: bool = False) -> Tape:
    """Return a Program, and on request its reverse pass, as a tape.

    Args:
        program: the program.
        gradients: whether to add the reverse pass.
        lanes: for how many examples at a time the kernel works.
        fast: whether gradients may be added up in another order than recorded.
    """
    recorder = Recorder(program, gradients, fast)
    return Encoder(recorder, *arranged(recorder, lanes, fast)).tape()


class Encoder:
    """Turns records into integers.

    Args:
        recorder: whose records they are.
        forward, backward: the records in the order to run them.
        place: slot -> its place in memory.
        adjoints: how many places, the first ones, have a gradient.
    """

    def __init__(
        self, recorder: Recorder, forward: list[Record], backward: list[Record], place: Sequence[int], adjoints: int
    ) -> None:
        self.recorder, self.forward, self.backward = recorder, forward, backward
        self.place, self.adjoints, self.numbers = place, adjoints, cases()
        self.lists: list[int] = []
        self.known: dict[tuple[int, ...], int] = {}

    def tape(self) -> Tape:
        """Return the tape."""
        return Tape(
            forward=self._encoded(self.forward),
            backward=self._encoded(self.backward),
            lists=self.lists,
            slots=self.recorder.slots,
            adjoints=self.adjoints,
            constants={self.place[slot]: number for slot, number in self.recorder.constants.items()},
            outputs=[self.place[slot] for slot in self.recorder.program.outputs],
        )

    def _encoded(self, records: Iterable[Record]) -> list[int]:
        integers: list[int] = []
        place, numbers = self.place, self.numbers
        for case, slot, operands, lists in records:
            if case in GRIDS:
                xs, ws, results = lists
                places = [place[x] for x in (*xs, *ws, *results)]
                integers += (numbers[case], self._listed(tuple(places)), len(xs), len(ws), operands[0])
            elif lists:
                sides, fields = zip(*[self._loop(given) for given in lists], strict=True)
                fields = (*fields, *[0] * (2 - len(fields)))
                integers += (numbers[" ".join([case, *sides])], place[slot], *fields, len(lists[0]))
            elif case[-1] in (ALONG, SAME):  # a run, whose last operand is its length
                *given, count = operands
                fields = (*[place[x] for x in given], *[0] * (2 - len(given)))
                integers += (numbers[case], place[slot], *fields, count)
            else:
                integers += (numbers[case], place[slot], *[place[x] for x in operands], *[0] * (3 - len(operands)))
        return integers

    def _loop(self, slots: tuple[int, ...]) -> tuple[str, int]:
        """Return how the operands of a loop lie in memory, and the first place or the position of their list."""
        places = tuple([self.place[slot] for slot in slots])
        if not places or places == tuple(range(places[0], places[0] + len(places))):
            return SIDES[0], places[0] if places else 0
        return SIDES[1], self._listed(places)

    def _listed(self, places: tuple[int, ...]) -> int:
        if places not in self.known:
            self.known[places] = len(self.lists)
            self.lists += places
        return self.known[places]
