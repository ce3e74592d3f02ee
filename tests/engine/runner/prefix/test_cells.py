"""Counting shared cells agrees with naming every cell."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from engine.runner.prefix.cells import Cells, count_used, is_shared


@given(st.data())
def test_counts_agree_with_a_cache_whose_cells_have_names(data: st.DataObject) -> None:
    fresh = count()
    named: list[list[int]] = [[] for _ in range(3)]
    cells = [Cells() for _ in range(3)]
    for _ in range(data.draw(st.integers(1, 12))):
        target = data.draw(st.integers(0, 2))
        length = len(named[target])
        match data.draw(st.sampled_from(["grow", "cut", "share"])):
            case "grow":
                named[target] += [next(fresh) for _ in range(data.draw(st.integers(1, 5)))]
            case "cut":
                kept = data.draw(st.integers(0, length))
                cells[target].cut(length, kept)
                del named[target][kept:]
            case _:
                source = (target + data.draw(st.integers(1, 2))) % 3
                part = data.draw(st.integers(0, len(named[source])))
                cells[target] = Cells()
                cells[target].share(cells[source], len(named[source]), part)
                named[target] = named[source][:part]
        sizes = [(one, len(names)) for one, names in zip(cells, named, strict=True)]

        assert count_used(sizes) == len(set().union(*named))
        for index, names in enumerate(named):
            start = data.draw(st.integers(0, len(names)))
            others = [name for other, list_ in enumerate(named) if other != index for name in list_]
            rest = [size for other, size in enumerate(sizes) if other != index]
            expected = bool(set(names[start:]) & set(others))
            assert is_shared(cells[index], len(names), start, rest) == expected
