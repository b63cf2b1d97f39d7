"""Where the numbers of a tape lie in memory, and in which order its records run.

Records that do not need each other's results may run in any order. Sorted by how far they are from the leaves and then
by case, the same case runs many times in a row, which processors guess well; neighbours in memory become one record (a
run), and all dots of a matrix with several vectors another (a grid). The order in which gradients are added up stays
as recorded, unless ``fast`` allows any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from .program import Program
from .tape import ALONG, CHAIN, GRIDS, MOST_VECTORS, PASS, SAME, Record, Recorder, runs

SHORTEST_RUN = 4
SMALLEST_GRID = 4  # dots
LEAST_OPERANDS = 4  # of the dots in a grid


class Places:
    """Gives slots places in memory; leaves keep theirs.

    Args:
        fixed: how many slots, the first ones, are leaves.
        slots: how many there are in all.
        early: the slots to be placed before all others.
    """

    def __init__(self, fixed: int, slots: int, early: Sequence[bool] | None = None) -> None:
        self.fixed, self.slots = fixed, slots
        self.early = [True] * slots if early is None else early
        self.place: dict[int, int] = {}
        self.free = [fixed, fixed + sum(self.early[fixed:])]  # of early slots, and of late ones
        self.early_end = self.free[1]

    def is_free(self, slot: int) -> bool:
        """Return whether a slot has no place yet."""
        return slot >= self.fixed and slot not in self.place

    def put(self, group: Sequence[int]) -> bool:
        """Place slots side by side, if all are free, distinct, and of one kind."""
        if len(set(group)) < len(group) or not all(map(self.is_free, group)):
            return False
        kinds = {self.early[slot] for slot in group}
        if len(kinds) > 1:
            return False
        late = not kinds.pop() if group else False
        for slot in group:
            self.place[slot] = self.free[late]
            self.free[late] += 1
        return True

    def side_by_side(self, lists: Iterable[Sequence[int]]) -> None:
        """Place lists, the long ones first, so that lists that are parts of them fit too."""
        for group in sorted(dict.fromkeys(map(tuple, lists)), key=len, reverse=True):
            self.put(group)

    def finished(self) -> list[int]:
        """Return slot -> place, after placing the rest in order."""
        for slot in range(self.fixed, self.slots):
            if slot not in self.place:
                self.put([slot])
        return [*range(self.fixed), *[self.place[slot] for slot in range(self.fixed, self.slots)]]


def places(program: Program) -> list[int]:
    """Return slot -> place in memory; results that a loop reads together lie side by side where that is possible."""
    lists: list[tuple[int, ...]] = []
    for op, operands, _ in program.instructions:
        if op.pairs:
            lists += [operands[: len(operands) // 2], operands[len(operands) // 2 :]]
        elif op.arity is None:
            lists.append(operands)
    found = Places(program.first_instruction, program.slots)
    found.side_by_side(lists)
    return found.finished()


def arranged(recorder: Recorder, lanes: int, fast: bool) -> tuple[list[Record], list[Record], list[int], int]:
    """Return (forward, backward, slot -> place, how many places have gradients)."""
    program = recorder.program
    needs = program.needs_gradient()
    early = [slot < program.slots and (slot < program.first_constant or needs[slot]) for slot in range(recorder.slots)]
    places = Places(program.first_instruction, recorder.slots, early)
    forward, backward = recorder.forward, recorder.backward
    if not any(record.case == "dot" for record in forward):  # elementwise graphs are recorded in a good order
        return forward, backward, places.finished(), places.early_end
    forward_groups = _by_level(forward, _forward_levels(recorder, forward))
    backward_groups = _by_level(backward, _backward_levels(recorder, backward, fast))
    places.side_by_side(slots for record in forward for slots in record.lists)
    for group in reversed(forward_groups):
        _place_alike(places, group)
    for group in backward_groups:
        places.put([record.slot for record in group if places.is_free(record.slot)])
    place = places.finished()
    if lanes > 1:
        return _flat(forward_groups), _flat(backward_groups), place, places.early_end
    forward = [record for group in forward_groups for record in _merged(_gridded(group, place), place)]
    backward = [
        record for group in backward_groups for record in _merged(_gridded(group, place) if fast else group, place)
    ]
    return forward, backward, place, places.early_end


def _flat(groups: Iterable[list[Record]]) -> list[Record]:
    return [record for group in groups for record in group]


# ---------------------------------------------------------------- levels


def _forward_levels(recorder: Recorder, records: Sequence[Record]) -> list[int]:
    level = [0] * recorder.slots
    levels = []
    for record in records:
        read = (*record.operands, *[slot for slots in record.lists for slot in slots])
        level[record.slot] = 1 + max([level[slot] for slot in read], default=0)
        levels.append(level[record.slot])
    return levels


def _backward_levels(recorder: Recorder, records: Sequence[Record], fast: bool) -> list[int]:
    """Return the level of each record: after what it reads, and, unless fast, after what was added before it."""
    numbers, adjoints = [0] * recorder.slots, [0] * recorder.slots
    levels = []
    for record in records:
        targets = _targets(record)
        if targets is None:  # an elementary record, of slopes
            read = (*record.operands, *[slot for slots in record.lists for slot in slots])
            found = numbers[record.slot] = 1 + max([numbers[slot] for slot in read], default=0)
        else:
            found = adjoints[record.slot]
            if record.case == CHAIN:
                found = max(found, numbers[record.operands[1]])
            if not fast:
                found = max(found, *[adjoints[slot] for slot in targets])
            found += 1
            for slot in targets:
                adjoints[slot] = max(adjoints[slot], found)
        levels.append(found)
    return levels


def _targets(record: Record) -> tuple[int, ...] | None:
    """Return the slots whose gradient a record adds to; None for a record of the forward kind."""
    if record.case in ("axpy", "spread"):
        return record.lists[0]
    if record.case in (CHAIN, PASS):
        return record.operands[:1]
    return record.operands if record.case.endswith("'") else None


def _by_level(records: Sequence[Record], levels: Sequence[int]) -> list[list[Record]]:
    """Return the records in groups of one level and case, and lists of one length."""
    groups: dict[tuple[int, str, int], list[Record]] = defaultdict(list)
    for record, level in zip(records, levels, strict=True):
        groups[level, record.case, len(record.lists[0]) if record.lists else 0].append(record)
    return [groups[key] for key in sorted(groups)]


def _place_alike(places: Places, group: list[Record]) -> None:
    """Place the results of elementwise records side by side, and their operands in the same order."""
    if group[0].lists:
        return
    group.sort(key=lambda record: places.place.get(record.slot, -1))
    places.put([record.slot for record in group if places.is_free(record.slot)])
    for k in range(len(group[0].operands)):
        places.put([record.operands[k] for record in group if places.is_free(record.operands[k])])


# ---------------------------------------------------------------- runs


def _merged(group: list[Record], place: Sequence[int]) -> list[Record]:
    """Return the records with neighbours in memory made into one record."""
    if not group or group[0].lists or len(group) < SHORTEST_RUN:
        return group
    key = 0 if group[0].case in (CHAIN, PASS) else None
    group = sorted(group, key=lambda record: place[record.slot if key is None else record.operands[key]])
    known, merged, start = set(runs()), [], 0
    while start < len(group):
        end, how = start + 1, ""
        if end < len(group):
            how = _steps(group[start], group[end], place)
            while end < len(group) and how and _steps(group[end - 1], group[end], place) == how:
                end += 1
        first = group[start]
        case = f"{first.case} {how[1:]}"
        if end - start >= SHORTEST_RUN and how[:1] == ALONG and case in known:
            merged.append(Record(case, first.slot, (*first.operands, end - start)))
        else:
            end = start + 1
            merged.append(first)
        start = end
    return merged


def _steps(a: Record, b: Record, place: Sequence[int]) -> str:
    """Return how the slot and each operand go on from one record to the next, nothing where they jump."""
    distances = [place[b.slot] - place[a.slot]]
    distances += [place[y] - place[x] for x, y in zip(a.operands, b.operands, strict=True)]
    if not {0, 1}.issuperset(distances):
        return ""
    return "".join([ALONG if distance else SAME for distance in distances])


# ---------------------------------------------------------------- grids


def _gridded(group: list[Record], place: Sequence[int]) -> list[Record]:
    """Return dots (or axpys) of one length and level with those of some lists with some others made into one record."""
    case = {"dot": GRIDS[0], "axpy": GRIDS[1]}.get(group[0].case)
    if case is None:
        return group
    count = len(group[0].lists[0])
    if count < LEAST_OPERANDS:
        return group
    partners: dict[tuple[int, ...], dict[tuple[int, ...], Record]] = defaultdict(dict)
    single = []
    for record in group:
        xs, ws = record.lists
        if _adjacent(xs, place) and _adjacent(ws, place) and ws not in partners[xs]:
            partners[xs][ws] = record
        else:
            single.append(record)
    rows: dict[tuple[tuple[int, ...], ...], list[tuple[int, ...]]] = defaultdict(list)
    for xs, found in partners.items():
        rows[tuple(sorted(found))].append(xs)
    result = []
    for matrix, vectors in rows.items():
        records = [[partners[xs][ws] for ws in matrix] for xs in vectors]
        lefts, rights = [xs[0] for xs in vectors], [ws[0] for ws in matrix]
        if case == GRIDS[0] and len(rights) < len(lefts):  # the kernel takes many of the second kind at a time
            lefts, rights, records = rights, lefts, [list(column) for column in zip(*records, strict=True)]
        if len(lefts) * len(rights) < SMALLEST_GRID or len(rights) < 2:
            single += [record for row in records for record in row]
            continue
        for start in range(0, len(lefts), MOST_VECTORS):
            some = slice(start, start + MOST_VECTORS)
            slots = tuple([record.slot for row in records[some] for record in row])
            result.append(Record(case, 0, (count,), (tuple(lefts[some]), tuple(rights), slots)))
    return [*result, *single]


def _adjacent(slots: tuple[int, ...], place: Sequence[int]) -> bool:
    first = place[slots[0]]
    return all(place[slot] == first + i for i, slot in enumerate(slots))
