"""What is read from a run's folder, which a stranger may have sent, is checked as flags are."""

import json

import pytest
from conftest import ROOT
from test_report import make_run

from tfgan import TrainConfig, UserError, report
from tfgan.datasets import sources
from tfgan.datasets.image_set import ImageSet
from tfgan.doctor import record
from tfgan.evaluation import harness
from tfgan.run import environment
from tfgan.run.config import MOST_THREADS
from tfgan.run.workdir import Workdir


@pytest.mark.parametrize("threads", [100_000_000, MOST_THREADS + 1, 0, -1, "8", 1.5, True, None])
def test_thread_count_that_no_flag_could_have_is_not_taken(threads, monkeypatch):
    asked = []
    monkeypatch.setattr(
        environment.tf.config.threading, "set_intra_op_parallelism_threads", asked.append
    )
    environment.set_threads(TrainConfig(), {"environment": {"intra_op_threads": threads}})
    assert asked == []


def test_thread_count_of_a_flag_has_a_limit():
    with pytest.raises(UserError, match=r"^--threads=100000000: must lie between 0 and 4096"):
        TrainConfig(threads=100_000_000)


def test_folder_that_a_stranger_names_is_read_if_the_set_is_there(tiny_data_dir, tmp_path):
    named = ImageSet("mnist", data_dir=str(tiny_data_dir), manual_dir="/somewhere")
    assert sources.where_prepared(named) == ImageSet("mnist", data_dir=str(tiny_data_dir))
    for name in ("mnist", "stacked_mnist"):
        named = ImageSet(name, data_dir=str(tmp_path / "named"))
        assert sources.where_prepared(named) == ImageSet(name)
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_prepares_nothing_where_a_stranger_says(tiny_data_dir, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=1)
    workdir.generator.mkdir()
    recorded = json.loads(workdir.config.read_text())
    for named, taken in ((tmp_path / "named", ""), (tiny_data_dir, str(tiny_data_dir))):
        recorded["config"] |= {"dataset": "mnist", "data_dir": str(named)}
        workdir.config.write_text(json.dumps(recorded))
        assert harness.run(str(workdir.path)).image_set == ImageSet("mnist", data_dir=taken)
    assert not (tmp_path / "named").exists()
    given = harness.run(str(workdir.path), str(tmp_path / "own"), "files").image_set
    assert given == ImageSet("mnist", data_dir=str(tmp_path / "own"), manual_dir="files")


@pytest.mark.parametrize(
    "row", ["x,600,1,1,1,1,1", "0,,1,1,1,1,1", "0,600,one,1,1,1,1", "0,600,1,1,1,1,1,8", "-1,6,1"]
)
def test_metrics_that_are_no_numbers(row, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=1)
    header = workdir.metrics.read_text().splitlines()[0]
    workdir.metrics.write_text(f"{header}\n{row}\n")
    for read in (workdir.epochs, lambda: report.write_report(workdir)):
        with pytest.raises(UserError, match=r"metrics\.csv: is damaged"):
            read()


@pytest.mark.parametrize("name", ["step", "d_real", "classes", "copied", "feature_diversity"])
def test_monitors_that_are_no_numbers(name, tmp_path):
    workdir = Workdir(str(tmp_path))
    line = (ROOT / "tests/doctor_evidence/healthy_777.jsonl").read_text().splitlines()[0]
    workdir.monitors.write_text(f"{line}\n")
    assert len(record.read_evidence(workdir)) == 1
    for wrong in ("one", ["x"], {"a": 1}, True):
        workdir.monitors.write_text(json.dumps(json.loads(line) | {name: wrong}) + "\n")
        with pytest.raises(UserError, match=r"monitors\.jsonl: is damaged"):
            record.read_evidence(workdir)


@pytest.mark.parametrize("option", [("epochs", "many"), ("batch_size", -1), ("dataset", ["x"])])
def test_report_of_settings_that_no_flag_could_have(option, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=1)
    content = workdir.recorded()
    content["config"][option[0]] = option[1]
    workdir.config.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"config\.json: --{option[0]}="):
        report.write_report(workdir)


def test_name_of_a_set_is_text_in_a_report(tmp_path):
    workdir = make_run(tmp_path / "run", epochs=1)
    content = workdir.recorded()
    content["config"]["dataset"] = "</title><script>alert(1)</script>"
    workdir.config.write_text(json.dumps(content))
    report.write_report(workdir)
    page = workdir.report.read_text()
    assert "<title>&lt;/title&gt;&lt;script&gt;alert" in page
    assert "</title><script>alert" not in page  # nor in the data
