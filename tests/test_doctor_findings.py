"""The doctor's findings, from what real runs recorded.

`doctor_evidence/` holds rows of the `monitors.jsonl` of real runs of 10 to 40 epochs of MNIST;
docs/doctor.md says which, and what they say.
"""

import dataclasses
import json
import pathlib

import pytest

from tfgan import UserError
from tfgan.doctor import diagnoses, record
from tfgan.doctor.evidence import Evidence
from tfgan.doctor.record import History
from tfgan.run.workdir import Workdir

RECORDED = pathlib.Path(__file__).parent / "doctor_evidence"


def recorded(name: str) -> tuple[Evidence, ...]:
    lines = (RECORDED / f"{name}.jsonl").read_text().splitlines()
    return tuple(Evidence.from_dict(json.loads(line)) for line in lines)


def titles(seen: tuple[Evidence, ...]) -> set[str]:
    return {finding.title for finding in diagnoses.diagnose(History(seen))}


def test_evidence_survives_json():
    (first, *_) = recorded("healthy_777")
    assert Evidence.from_dict(json.loads(json.dumps(dataclasses.asdict(first)))) == first


@pytest.mark.parametrize("seed", [777, 1, 2])
def test_healthy_run_raises_no_finding_at_any_age(seed):
    seen = recorded(f"healthy_{seed}")
    assert seen[-1].step == 12_000
    for count in range(1, len(seen) + 1):
        assert titles(seen[:count]) == set(), seen[count - 1].step


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("swapped_labels", {"D's labels are swapped", "G's gradient has vanished"}),
        ("saturating_loss", {"G's gradient has vanished", "D is saturated"}),
        ("one_update_for_both", {"mode collapse"}),
        ("strong_discriminator", {"D is saturated", "mode collapse"}),
        ("d_learning_rate_x100", {"oscillation"}),
        ("g_learning_rate_x100", {"mode collapse", "dead units in G", "G's gradient has vanished"}),
        ("hundred_images", {"D has overfitted"}),
        ("fifty_images", {"memorisation"}),
        ("five_steps_of_d", set()),
        ("shared_latents", set()),
        ("none_conditional", set()),
        ("shuffled_labels", {"G ignores the class"}),
        ("one_image_of_a_class", {"collapsed within a class"}),
    ],
)
def test_gallery(fault, expected):
    """What the documents say of each fault; two of them do no harm."""
    found = titles(recorded(fault))
    assert found >= expected
    assert bool(found) == bool(expected)


@pytest.mark.parametrize("run", ["none_conditional", "tutorial_conditional"])
def test_healthy_conditional_run_raises_no_finding_at_any_age(run):
    seen = recorded(run)
    assert seen[-1].step == 12_000
    for count in range(1, len(seen) + 1):
        assert titles(seen[:count]) == set(), seen[count - 1].step


HEALTHY = recorded("healthy_777")[-1]


@pytest.mark.parametrize(
    ("title", "sick", "well"),
    [
        ("D's labels are swapped", {"d_real": 0.2, "d_fake": 0.8}, {"d_real": 0.4, "d_fake": 0.6}),
        (
            "D is saturated",
            {"value_heldout": -1e-3, "value_train": -1e-3, "diversity": 0.2},
            {"value_heldout": -1e-3, "value_train": -1e-3, "diversity": 0.4},
        ),
        ("G's gradient has vanished", {"g_gradient": 1e-4}, {"g_gradient": 0.1}),
        (
            "oscillation",
            {"value_heldout": -5.0, "value_train": -5.0},
            {"value_heldout": -2.0, "value_train": -2.0},
        ),
        ("mode collapse", {"feature_diversity": 0.05}, {"feature_diversity": 0.2}),
        ("D has overfitted", {"value_train": -0.1, "value_heldout": -0.5}, {"value_train": -0.27}),
        ("memorisation", {"copied": 0.9, "neighbours": 100}, {"copied": 0.6, "neighbours": 50}),
        ("memorisation", {"copied": 0.9, "neighbours": 100}, {"copied": 0.9, "neighbours": 5}),
        ("dead units in G", {"dead_generator": 0.6}, {"dead_generator": 0.3}),
        ("dead units in D", {"dead_discriminator": 0.6}, {"dead_discriminator": 0.2}),
    ],
)
def test_one_number_makes_the_difference(title, sick, well):
    assert titles((dataclasses.replace(HEALTHY, **sick),)) == {title}
    assert titles((dataclasses.replace(HEALTHY, **well),)) == set()


def test_without_a_classifier_pixels_tell_of_collapse():
    blind = dataclasses.replace(HEALTHY, feature_diversity=None, classes=None)
    assert titles((blind,)) == set()
    assert titles((dataclasses.replace(blind, diversity=0.01),)) == {"mode collapse"}


def test_oscillation_shows_in_the_epochs_mean():
    def found(value: float) -> set[str]:
        return {finding.title for finding in diagnoses.diagnose(History((HEALTHY,), None, value))}

    assert found(-2.0) == set()
    assert found(-23.2) == {"oscillation"}


def test_divergence_comes_first():
    findings = diagnoses.diagnose(History(diverged="step 3: D_loss is not finite"))
    assert [finding.title for finding in findings] == ["diverged"]
    assert "step 3" in findings[0].evidence


def unseen(history: History) -> set[str]:
    return {each.title for each in diagnoses.skipped(history)}


def test_what_was_not_looked_for_is_named():
    whole = History((HEALTHY,), None, -0.5, collapsed=False)
    assert HEALTHY.step == 12_000
    assert unseen(whole) == set()
    for lacking, title in (
        ({"value": None}, "oscillation"),
        ({"collapsed": None}, "missing classes"),
        ({"evidence": (dataclasses.replace(HEALTHY, neighbours=15),)}, "memorisation"),
        ({"evidence": ()}, "everything else"),
    ):
        assert unseen(dataclasses.replace(whole, **lacking)) == {title}
    early = dataclasses.replace(HEALTHY, step=2999)
    assert unseen(dataclasses.replace(whole, evidence=(early,))) == {
        "D is saturated",
        "mode collapse",
    }
    # What is found is not called skipped: that z has no effect is told at any age.
    constant = History((dataclasses.replace(early, diversity=0.01),), None, -0.5, False)
    assert titles(constant.evidence) == {"mode collapse"}
    assert unseen(constant) == {"D is saturated"}


def test_the_evaluations_verdict_counts():
    def found(collapsed):
        history = History((HEALTHY,), None, -0.5, collapsed)
        return [finding.title for finding in diagnoses.diagnose(history)]

    assert found(True) == ["the generator has collapsed"]
    assert found(False) == found(None) == []


def test_the_verdict_is_of_the_step_that_is_looked_at(tmp_path):
    workdir = Workdir(str(tmp_path))
    workdir.evaluation.mkdir()
    file = workdir.evaluation / "evaluation.json"
    assert record.collapsed(record.evaluation(workdir, 7)) is None
    for rows, verdict in ((["generator"], True), (["generator_raw"], False), ([], False)):
        file.write_text(json.dumps({"step": 7, "metrics": {}, "collapsed": rows}))
        assert record.collapsed(record.evaluation(workdir, 7)) is verdict
        assert record.collapsed(record.evaluation(workdir, 8)) is None
    file.write_text(json.dumps({"step": 7, "metrics": {}, "collapsed": 3}))
    with pytest.raises(UserError, match=r"evaluation\.json: is damaged"):
        record.evaluation(workdir, 7)
