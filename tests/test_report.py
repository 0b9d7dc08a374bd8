import base64
import io
import json
import shlex

import numpy as np
import pytest
from PIL import Image
from test_page import data_of

from tfgan import TrainConfig, UserError, report
from tfgan.evaluation import by_class, picture_protocol, protocol
from tfgan.ground import pictures
from tfgan.run import recipes
from tfgan.run.workdir import Workdir
from tfgan.web import html


@pytest.fixture
def workdir(tmp_path) -> Workdir:
    return make_run(tmp_path / "run", epochs=3)


def make_run(path, epochs: int) -> Workdir:
    """A run's folder, as far as the report reads it."""
    workdir = Workdir(str(path))
    path.mkdir()
    workdir.create(
        TrainConfig(epochs=epochs, batch_size=64, workdir=str(path)).to_dict(), {"keras": "3"}
    )
    rng = np.random.default_rng(0)
    lines = ["epoch,step,D_loss,G_loss,D(x),D(G(z)),gap"]
    for epoch in range(epochs):
        grid = rng.integers(0, 256, (242, 242, 1), np.uint8)
        pictures.save_png(workdir.samples / f"fixed_{epoch}.png", grid)
        lines.append(f"{epoch},{600 * epoch + 600},0.{epoch % 10},4.5,0.9,0.1,7")
    for name in ("real", f"fake_{epochs - 1}"):
        pictures.save_png(workdir.samples / f"{name}.png", grid)
    workdir.metrics.write_text("\n".join(lines) + "\n")
    return workdir


def test_history_groups_the_curves(workdir):
    history = html.history(workdir)
    assert history["epochs"] == [0, 1, 2]
    names = [[each["name"] for each in curve["series"]] for curve in history["curves"]]
    assert names == [["D_loss", "G_loss"], ["D(x)", "D(G(z))"], ["gap"]]
    assert history["curves"][0]["series"][0]["values"] == [0.0, 0.1, 0.2]
    assert history["curves"][0]["epochs"] == [0, 1, 2]
    assert [frame["epoch"] for frame in history["frames"]] == [0, 1, 2]


def test_epochs_without_evaluation_have_no_point(workdir):
    rows = ["epoch,step,D_loss,fcd", "0,600,1.5,", "1,1200,1.25,80.5", "2,1800,1.0,nan"]
    workdir.metrics.write_text("\n".join(rows) + "\n")
    losses, fcd = html.history(workdir)["curves"]
    assert losses["epochs"] == [0, 1, 2]
    assert (fcd["epochs"], fcd["series"][0]["values"]) == ([1], [80.5])


def test_curves_have_the_names_and_decimals_of_the_tables(workdir):
    rows = ["epoch,step,D_loss,class_kl,own_score", "0,600,1.5,0.000612,0.5"]
    workdir.metrics.write_text("\n".join(rows) + "\n")
    curves = html.history(workdir)["curves"]
    assert [(curve["title"], curve["decimals"]) for curve in curves] == [
        ("Losses", 3),
        ("class KL", 5),
        ("own score", 3),
    ]


def test_accuracies_of_very_many_classes_are_no_chart(workdir):
    names = [f"accuracy_of_{label}" for label in range(21)]
    for count, titles in ((20, ["Losses", "label accuracy by class"]), (21, ["Losses"])):
        rows = [",".join(["epoch", "step", "D_loss", *names[:count]]), f"0,600,1.5{',0.5' * count}"]
        workdir.metrics.write_text("\n".join(rows) + "\n")
        assert [curve["title"] for curve in html.history(workdir)["curves"]] == titles


def test_scores_are_called_as_in_the_tables():
    every = protocol.METRICS | picture_protocol.METRICS | by_class.ACCURACY
    quick = {name: metric[:2] for name, metric in every.items() if metric.quick}
    assert quick == html.SCORES


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_keep_every_pixel(tmp_path, channels):
    rng = np.random.default_rng(0)
    # One pixel wide lines of pure colours: what chroma at half the resolution would smear.
    pixels = rng.choice([0, 255], (30, 30, channels)).astype(np.uint8)
    if channels == 4:
        Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    else:
        pictures.save_png(tmp_path / "a.png", pixels)
    kind, content = html.picture(tmp_path / "a.png").split(";base64,")
    assert kind == "data:image/png"
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    np.testing.assert_array_equal(seen.reshape(pixels.shape), pixels)


def test_report_shows_what_is_exported(workdir):
    # With --ema, fake_N.png is drawn by the raw weights, and fixed_N.png by their average.
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["ema"] = 0.999
    workdir.config.write_text(json.dumps(recorded))
    report.write_report(workdir)
    data = data_of(workdir.report)
    assert data["fake"] == html.picture(workdir.samples / "fixed_2.png")
    assert data["averaged"] is True


def test_no_more_real_pictures_than_generated_ones(workdir):
    batch = np.arange(242 * 1000, dtype=np.uint8).reshape(1000, 242, 1)
    pictures.save_png(workdir.samples / "real.png", batch)
    report.write_report(workdir)
    content = data_of(workdir.report)["real"].split(";base64,")[1]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    np.testing.assert_array_equal(seen, batch[:242, :, 0])


def test_report_of_a_run_that_is_not_done_says_so(workdir):
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["epochs"] = 200
    workdir.config.write_text(json.dumps(recorded))
    report.write_report(workdir)
    data = data_of(workdir.report)
    assert (data["epochsDone"], data["fakeEpoch"]) == (3, 2)
    assert data["fake"] is not None


def test_a_collapsed_generator_is_a_finding(workdir):
    evaluate(workdir, step=1800)
    report.write_report(workdir)
    (finding,) = data_of(workdir.report)["findings"]
    assert finding["title"] == "the generator has collapsed"
    assert [each["title"] for each in data_of(workdir.report)["skipped"]] == ["everything else"]


def test_command_and_recipe(workdir):
    report.write_report(workdir)
    data = data_of(workdir.report)
    assert data["command"] == ("python -m tfgan.train --batch_size=64 --epochs=3 --workdir=RUN")
    assert data["recipe"] is None
    recorded = json.loads(workdir.config.read_text())
    recorded["config"] |= {"batch_size": 100, "dataset": "a 'b' $(c)", "seed": 5}
    workdir.config.write_text(json.dumps(recorded))
    report.write_report(workdir)
    pasted = shlex.split(data_of(workdir.report)["command"])
    assert "--dataset=a 'b' $(c)" in pasted
    assert data_of(workdir.report)["recipe"] is None
    recorded["config"]["dataset"] = "mnist"
    recorded["config"] |= TrainConfig(
        network="conv",
        r1=1,
        d_learning_rate=0.002,
        g_learning_rate=0.002,
        lr_schedule="cosine",
        beta_1=0.5,
        ema=0.999,
        epochs=7,
    ).deciding()  # of flags/best.flags, by hand
    workdir.config.write_text(json.dumps(recorded))
    report.write_report(workdir)
    assert data_of(workdir.report)["recipe"] == "best"
    for epochs, name in ((20, "quickstart"), (200, "tutorial"), (1, "quickstart")):
        recorded["config"] = TrainConfig(epochs=epochs, seed=3).to_dict()
        workdir.config.write_text(json.dumps(recorded))
        report.write_report(workdir)
        assert data_of(workdir.report)["recipe"] == name


def test_a_recipe_with_bare_boolean_flags_is_recognised(workdir, tmp_path, monkeypatch):
    (tmp_path / "own.flags").write_text("--spectral_norm\n--nojit_compile\n--epochs=3\n")
    monkeypatch.setattr(recipes, "folder", lambda: tmp_path)
    recorded = json.loads(workdir.config.read_text())
    recorded["config"] = TrainConfig(spectral_norm=True, jit_compile=False, epochs=3).to_dict()
    for options, name in (({}, "own"), ({"jit_compile": True}, None)):
        changed = {"config": recorded["config"] | options, "environment": {}}
        workdir.config.write_text(json.dumps(changed))
        report.write_report(workdir)
        assert data_of(workdir.report)["recipe"] == name


@pytest.mark.parametrize("name", ["</title><script>x</script>", "<!--<script>", "\u2028&amp;'\""])
def test_names_from_the_folder_are_escaped_for_where_they_stand(workdir, name):
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["dataset"] = name
    recorded["environment"] = {name: name}
    workdir.config.write_text(json.dumps(recorded))
    report.write_report(workdir)
    content = workdir.report.read_text()
    assert content.count("<script") == 2  # the data and the page's own
    assert content.count("</title>") == 1
    assert "<!--" not in content
    assert "\u2028" not in content.split('id="data">')[1]
    assert data_of(workdir.report)["config"]["dataset"] == name


def test_frames_are_few_and_hold_both_ends(tmp_path):
    # Noise is what compresses worst.
    workdir = make_run(tmp_path / "run", epochs=70)
    frames = html.history(workdir)["frames"]
    assert len(frames) <= 60
    assert [frames[0]["epoch"], frames[-1]["epoch"]] == [0, 69]
    report.write_report(workdir)
    assert workdir.report.stat().st_size < 3_000_000


def test_report_holds_settings_but_no_paths(workdir):
    report.write_report(workdir)
    data = data_of(workdir.report)
    assert data["config"]["batch_size"] == 64
    assert data["defaults"]["batch_size"] == 100
    assert data["environment"] == {"keras": "3"}
    assert data["evaluation"] is None
    assert str(workdir.path) not in workdir.report.read_text()
    before = workdir.report.read_bytes()
    report.write_report(workdir)
    assert workdir.report.read_bytes() == before
    workdir.clear()
    assert not workdir.report.exists()


def evaluate(workdir: Workdir, step: int) -> None:
    """Leaves what `python -m tfgan.evaluate` would, as far as the report reads it."""
    content = {
        "protocol": "tfgan-eval-v1",
        "samples": 50_000,
        "config": {"data_dir": str(workdir.path)},
        "step": step,
        "rows": {
            "generator": {"fcd": {"mean": 78.0, "std": 1.5}, "kid_error": {"mean": 1, "std": 0}},
            "floor": {"fcd": {"mean": 1.0, "std": None}},
        },
        "metrics": {"fcd": ["FCD", 2]},
        "collapsed": ["generator"],
    }
    workdir.evaluation.mkdir(exist_ok=True)
    (workdir.evaluation / "evaluation.json").write_text(json.dumps(content))


def test_report_shows_scores_and_findings(workdir):
    evaluate(workdir, step=1800)
    workdir.diverged.write_text("step 7: D_loss not finite\n")
    report.write_report(workdir)
    data = data_of(workdir.report)
    assert data["evaluation"]["rows"]["generator"]["fcd"] == {"mean": 78.0, "std": 1.5}
    assert data["evaluation"]["metrics"]["fcd"] == ["FCD", 2]
    assert str(workdir.path) not in workdir.report.read_text()
    titles = [finding["title"] for finding in data["findings"]]
    assert titles == ["diverged", "the generator has collapsed"]
    assert data["findings"][0]["evidence"] == "step 7: D_loss not finite"


@pytest.mark.parametrize(
    ("warning", "advice"),
    [
        ("it saw them", "--split=train"),
        ("it saw them; --split=train[:-9] leaves them out", "--split=train[:-9] leaves them out"),
    ],
)
def test_scores_that_are_too_good_are_a_finding(workdir, warning, advice):
    evaluate(workdir, step=1800)
    file = workdir.evaluation / "evaluation.json"
    content = json.loads(file.read_text()) | {"collapsed": [], "warnings": [warning]}
    file.write_text(json.dumps(content))
    report.write_report(workdir)
    (finding,) = data_of(workdir.report)["findings"]
    assert (finding["title"], finding["evidence"]) == ("its scores are too good", "it saw them")
    assert finding["advice"] == advice


def test_scores_of_before_the_run_went_on_are_not_shown(workdir):
    evaluate(workdir, step=1200)
    report.write_report(workdir)
    assert data_of(workdir.report)["evaluation"] is None


@pytest.mark.parametrize("missing", ["step", "metrics"])
def test_scores_of_an_older_version_are_not_shown(workdir, missing):
    evaluate(workdir, step=1800)
    file = workdir.evaluation / "evaluation.json"
    content = json.loads(file.read_text())
    del content[missing]
    file.write_text(json.dumps(content))
    report.write_report(workdir)
    assert data_of(workdir.report)["evaluation"] is None


def test_damaged_scores_are_one_clear_line(workdir):
    workdir.evaluation.mkdir()
    (workdir.evaluation / "evaluation.json").write_text("{")
    with pytest.raises(UserError, match=r"evaluation\.json: is damaged; remove it"):
        report.write_report(workdir)


def test_no_run_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="no run there"):
        report.write_report(Workdir(str(tmp_path)))
