import pytest

from tfgan.progress import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (42.4, "42 s"),
        (59.7, "1 min 0 s"),
        (845, "14 min 5 s"),
        (4200, "1 h 10 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words
