"""The arithmetic of docs/scale.md, and its simulation, against cases that can be told by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_docs import generator

scale = generator().scale


@pytest.mark.parametrize(
    ("needs", "workers", "days"),
    [
        # Less than a day's quota: 3 a second.
        ([9_000], 1, 3_000 / 86_400),
        # Two whole days, and the third one's rest.
        ([23_000], 1, 2 + 1_000 / 86_400),
        # One after the other, or side by side.
        ([9_000, 9_000], 1, 6_000 / 86_400),
        ([9_000, 9_000], 2, 3_000 / 86_400),
    ],
)
def test_a_backfill_played_through(needs, workers, days):
    done, _ = scale.simulate(needs, workers)
    assert max(done) == pytest.approx(days)


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=12), st.integers(1, 4))
def test_no_fleet_is_faster_than_its_quotas_and_its_workers_allow(needs, workers):
    done, busy = scale.simulate(needs, workers)
    last = max(done)
    assert len(done) == len(needs)
    whole_days, rest = divmod(max(needs) - 1, scale.PER_DAY)
    assert last >= whole_days + (rest + 1) / scale.PER_SECOND / scale.DAY - 1e-9
    assert last >= sum(needs) / scale.PER_SECOND / scale.DAY / workers - 1e-9
    assert 0 < busy <= 1 + 1e-9


def test_sizes_add_up():
    assert sum(scale.sizes(200, 100_000_000)) == pytest.approx(100_000_000)
