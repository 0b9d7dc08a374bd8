"""The table that compares runs."""

import pytest

from tfgan.evaluation import protocol, report
from tfgan.evaluation.protocol import Metric


def test_interval_by_hand():
    # Mean 2, standard deviation 1; Student's t at 97.5 % with 2 degrees of freedom is 4.3027.
    assert report.interval([1, 2, 3]) == pytest.approx((2, 4.3027 / 3**0.5), rel=1e-4)


def test_comparison_groups_seeds():
    metrics = {"fcd": Metric("FCD", 1)}
    runs = [
        ("a", "recipe 1", 1, protocol.alone({"fcd": 1})),
        ("b", "recipe 2", 1, protocol.alone({"fcd": 9})),
        ("c", "recipe 1", 2, protocol.alone({"fcd": 3})),
    ]
    table = report.comparison(runs, {"floor": protocol.alone({"fcd": 0.5})}, metrics)
    # Mean 2, deviation sqrt 2, t of one degree of freedom 12.706: 12.706.
    assert [line.split() for line in table.splitlines()] == [
        ["FCD"],
        ["a", "1.0"],
        ["c", "3.0"],
        ["mean", "of", "2", "seeds", "2.0", "±", "12.7"],
        ["b", "9.0"],
        ["floor", "0.5"],
    ]


def test_equal_seeds_have_no_interval():
    metrics = {"fcd": Metric("FCD", 1)}
    runs = [(name, "recipe", 7, protocol.alone({"fcd": 1})) for name in "ab"]
    runs.append(("c", "recipe", 8, protocol.alone({"fcd": 3})))
    table = report.comparison(runs, {}, metrics)
    assert "±" not in table
    assert "no mean: two have one seed" in table
