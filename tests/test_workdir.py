import pytest

from tfgan import UserError
from tfgan.ground.files import write_file, write_folder
from tfgan.run.workdir import Workdir


def test_a_new_folder_has_no_run(tmp_path):
    assert Workdir(str(tmp_path / "new" / "er")).recorded() is None
    Workdir(str(tmp_path)).check()
    assert not (tmp_path / "new").exists()


def test_records_and_clears(tmp_path):
    workdir = Workdir(str(tmp_path / "run"))
    with workdir.lock():
        workdir.create({"epochs": 3}, {"python": "3"})
    assert workdir.recorded() == {"config": {"epochs": 3}, "environment": {"python": "3"}}
    (workdir.samples / "fake_0.png").write_text("x")
    (workdir.path / "notes.txt").write_text("mine")
    workdir.clear()
    assert {file.name for file in workdir.path.iterdir()} - {".lock"} == {"notes.txt"}


def test_leftovers_of_a_killed_run_are_its_own(tmp_path):
    workdir = Workdir(str(tmp_path))
    for name in (".lock", ".config.json.part"):
        (tmp_path / name).touch()
    workdir.check()
    workdir.checkpoints.mkdir()
    (workdir.checkpoints / ".000000007.part").mkdir()
    (workdir.checkpoints / "000000003").mkdir()
    workdir.create({}, {})
    assert [folder.name for folder in workdir.checkpoints.iterdir()] == ["000000003"]


def test_second_lock_is_refused(tmp_path):
    workdir = Workdir(str(tmp_path / "run"))
    with workdir.lock(), pytest.raises(UserError, match="another process"), workdir.lock():
        pass
    with workdir.lock():
        pass


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("file", "is a file"),
        ("file/run", "is a file"),
        ("foreign", "no run of tfgan"),
        ("damaged", "use --overwrite to start over"),
        ("bert", "no run of tfgan"),
        ("x" * 300, "too long"),
    ],
)
def test_bad_folder_is_named_and_left_alone(tmp_path, path, problem):
    (tmp_path / "file").write_text("x")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("x")
    for name, content in (("damaged", '{"config": {"ep'), ("bert", '{"model_type": "bert"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(content)
    before = sorted(tmp_path.rglob("*"))
    workdir = Workdir(str(tmp_path / path))
    find_problem = workdir.recorded if path == "damaged" else workdir.check
    with pytest.raises(UserError, match=problem):
        find_problem()
    assert sorted(tmp_path.rglob("*")) == before


def test_failed_write_leaves_the_old_content(tmp_path):
    write_file(tmp_path / "a", b"old")
    with pytest.raises(TypeError):
        write_file(tmp_path / "a", "not bytes")
    assert (tmp_path / "a").read_bytes() == b"old"

    def fill(folder):
        (folder / "part").write_text("new")

    def fail(folder):
        fill(folder)
        raise RuntimeError

    write_folder(tmp_path / "b", fill)
    with pytest.raises(RuntimeError):
        write_folder(tmp_path / "b", fail)
    assert (tmp_path / "b" / "part").read_text() == "new"
    write_folder(tmp_path / "b", fill)
    assert sorted(file.name for file in tmp_path.iterdir() if file.name[0] != ".") == ["a", "b"]
