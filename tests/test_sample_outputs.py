"""What cannot be an output of `tfgan.sample`, or a flag of it, is told before the work."""

import sys

import pytest
from conftest import assert_one_line_error, run

from tfgan import UserError
from tfgan.exports import outputs


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("a.txt", r"must end in \.png, \.npy, \.npz, \.gif, \.webp, \.mp4; or in / for a folder"),
        ("there.png", "already exists; choose another name, or use --overwrite"),
        ("none/a.npz", "there is no folder none; create it first"),
        ("mine", "has files that tfgan.sample did not draw; choose a new or an empty folder"),
        ("mine/", "has files that tfgan.sample did not draw"),
        ("there.png/", "is a file; name a folder"),
        ("/proc/new/", "/proc cannot be written to"),
    ],
)
def test_outputs_that_cannot_be_are_told_before_the_work(output, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").write_text("precious")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "0.png").write_text("precious")
    with pytest.raises(UserError, match=f"^--output={output}: {problem}"):
        outputs.check(output, interpolate=False, overwrite=False)
    if "--overwrite" not in problem:  # which does not help
        with pytest.raises(UserError, match=problem):
            outputs.check(output, interpolate=False, overwrite=True)
    outputs.check("there.png", interpolate=False, overwrite=True)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["0.png", "mine", "there.png"]


def test_what_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v1.2").mkdir()
    assert [outputs.is_folder(each) for each in ("new", "new.v2/", "v1.2", "a.PNG", "a.txt")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    for output in ("new/", "a.npy", "a.npz", "a.txt"):
        with pytest.raises(UserError, match=r"must end in \.png, \.gif, \.webp, \.mp4$"):
            outputs.check(output, interpolate=True, overwrite=False)


def test_a_film_without_its_library_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"^--output=.*: \.mp4 needs PyAV: pip install -e"):
        outputs.check(str(tmp_path / "a.mp4"), interpolate=False, overwrite=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n=0", "--output=new/"], ["--n=0", "between 1 and 1,000,000"]),
        (["--n=1000001", "--output=a.npy"], ["--n=1000001"]),
        (["--n=10001", "--output=a.webp"], ["--n=10001", "10,000"]),
        (["--truncation=0"], ["--truncation=0", "above 0"]),
        (["--truncation=-1"], ["--truncation=-1"]),
        (["--truncation=nan"], ["--truncation=nan"]),
        (["--truncation=inf"], ["--truncation=inf"]),
        (["--truncation=x"], ["truncation"]),
    ],
)
def test_bad_flags_are_one_line(arguments, words):
    assert_one_line_error(run("sample", *arguments), *words)
