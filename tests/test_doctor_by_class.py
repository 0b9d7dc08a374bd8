"""The doctor and conditional GANs: its measurements, what it makes of them, and a run."""

import dataclasses
import functools
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import make_images, small_config
from tensorflow_datasets.image_classification import FashionMNIST
from test_doctor_findings import HEALTHY, titles, unseen

from examples import failures
from tfgan import TrainConfig, doctor, networks, training
from tfgan.conditional import ConditionalGAN
from tfgan.doctor import diagnoses, examination, examiner, monitors, probe, record
from tfgan.doctor.class_evidence import ClassExaminer
from tfgan.doctor.evidence import Evidence
from tfgan.doctor.record import History
from tfgan.run.workdir import Workdir
from tfgan.theory import divergence

SHARES = (0.5, 0.5)


def grey(labels: np.ndarray, noise: int = 0, seed: int = 0) -> np.ndarray:
    """Images of one brightness each, 50 or 200 by their class, and noise."""
    rng = np.random.default_rng(seed)
    levels = np.where(labels == 0, 50, 200)[:, None, None, None]
    return (levels + rng.integers(-noise, noise + 1, (len(labels), 28, 28, 1))).astype(np.uint8)


def test_evidence_of_classes_by_hand():
    labels = np.repeat([0, 1, 2], (20, 20, 3))
    train = grey(labels, 20), labels % 2  # class 2 has no training image of its own
    held_out = grey(labels, 20, seed=1), labels
    doctor = ClassExaminer(train, held_out, 3, None)
    asked = np.repeat([0, 1], 20)
    drawn = np.where(np.arange(40) < 10, 1, asked)  # a quarter is wrong: 10 zeros drawn as 1
    images = grey(drawn, 10, seed=2)
    images[asked == 1] = images[-1]
    found = doctor.look(images, asked)
    assert found["label_accuracy"] == 30 / 40
    # Half are asked for as 1, and three quarters are seen so; a quarter is seen as 0.
    assert found["label_accuracy_chance"] == pytest.approx(0.5 * 0.25 + 0.5 * 0.75)
    assert found["label_accuracy_heldout"] == 40 / 43
    zeros, ones, twos = found["class_diversity"]
    assert zeros > 3  # ten dark and ten bright ones
    assert ones == 0
    assert twos is None


def test_a_classifier_is_asked_where_there_is_one():
    labels = np.repeat([0, 1], 10)

    def classifier(images):  # sees the classes the wrong way round, and one number of an image
        bright = images.mean(axis=(1, 2, 3)) > 125
        return images[:, 0, 0].astype(np.float64), np.eye(2)[1 - bright.astype(int)]

    pair = grey(labels, 20), labels
    found = ClassExaminer(pair, pair, 2, classifier).look(*pair)
    assert (found["label_accuracy"], found["label_accuracy_heldout"]) == (0, 0)
    assert found["class_diversity"] == (1, 1)


def test_dead_units_of_a_network_that_is_told_the_class():
    network = networks.mlp_generator(4, 8, (28, 28, 1), classes=2)
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))
    z, labels = tf.random.stateless_normal((50, 4), (0, 1)), tf.range(50, dtype=tf.int64) % 2
    assert examiner.dead_units(network, (z, labels)) < 1
    # Deaf to z, its units still move with the class, and with one class none does.
    first.kernel.assign(first.kernel.numpy() * (np.arange(6) >= 4)[:, None])
    assert examiner.dead_units(network, (z, labels)) < 1
    assert examiner.dead_units(network, (z, labels * 0)) == 1


def test_probe_sees_pairs():
    """Images alone say nothing here: the fakes are the real ones of the other class."""
    discriminator = networks.mlp_discriminator(32, classes=2)
    z, label = keras.Input((4,)), keras.Input((), dtype="int64")
    level = keras.layers.Embedding(2, 784)
    pixels = keras.layers.Reshape((28, 28, 1))(level(label))
    generator = keras.Model((z, label), pixels)
    labels = np.arange(40) % 2
    real = grey(labels), labels
    fresh = probe.Probe(discriminator, steps=300, batch_size=20, learning_rate=0.01)
    values = {}
    for swapped in (False, True):
        levels = np.array([200, 50] if swapped else [50, 200]) / 127.5 - 1
        level.embeddings.assign(np.repeat(levels[:, None], 784, axis=1))
        gan = ConditionalGAN(generator, discriminator, 4, SHARES)
        trained = fresh.train(gan, real)
        z = gan.global_latents(0, 0, 40)
        fakes = probe.beside_labels(probe.fakes(generator, z), z)
        values[swapped] = divergence.value(
            probe.logits(trained, real), probe.logits(trained, fakes)
        )
    assert values[True] > -0.1
    assert values[False] == pytest.approx(-math.log(4), abs=0.1)


@pytest.mark.parametrize("kind", ["mlp", pytest.param("infogan", marks=pytest.mark.slow)])
def test_a_look_changes_nothing(kind, monkeypatch):
    monkeypatch.setattr(examiner, "Probe", functools.partial(probe.Probe, steps=2))
    networks_of = networks.KINDS[kind]
    gan = ConditionalGAN(
        networks_of.generator(8, 16, (28, 28, 1), 777, classes=2),
        networks_of.discriminator(16, (28, 28, 1), 777, classes=2),
        8,
        SHARES,
    )
    gan.compile(d_optimizer="sgd", g_optimizer="sgd")
    labels = np.arange(30) % 2
    before = gan.get_weights()
    train, held_out = ((make_images(30, seed=seed), labels) for seed in (1, 2))
    look = examiner.Examiner(gan, train, held_out, None).look
    seen = look()
    for one, other in zip(before, gan.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert seen == look()
    assert np.isfinite([seen.value_heldout, seen.value_probe, seen.g_gradient]).all()
    assert seen.label_accuracy is not None
    assert Evidence.from_dict(json.loads(json.dumps(seen.to_dict()))) == seen
    # D is asked about pairs: other labels, other answers.
    others = examiner.Examiner(gan, train, (held_out[0], 1 - labels), None).look()
    assert others.d_real != seen.d_real
    assert others.d_fake == seen.d_fake


TOLD = dataclasses.replace(
    HEALTHY,
    label_accuracy=0.9,
    label_accuracy_chance=0.1,
    label_accuracy_heldout=0.99,
    class_diversity=(0.5, None, 0.6),
)


def test_other_gans_have_no_evidence_of_classes():
    assert "label_accuracy" not in HEALTHY.to_dict()
    assert unseen(History((HEALTHY,), None, -0.5, False)) == set()
    for broken in ({"label_accuracy": "x"}, {"class_diversity": [0.5, "x"]}):
        with pytest.raises((ValueError, TypeError)):
            Evidence.from_dict(HEALTHY.to_dict() | broken)
    assert "monitors/diversity_of_class_2" in monitors.curves(TOLD)
    assert "monitors/diversity_of_class_1" not in monitors.curves(TOLD)
    assert not any("_of_class" in tag for tag in monitors.curves(HEALTHY) if "share" not in tag)


@pytest.mark.parametrize(
    ("title", "sick", "well"),
    [
        ("G ignores the class", {"label_accuracy": 0.11}, {"label_accuracy": 0.5}),
        (
            "collapsed within a class",
            {"class_diversity": (0.5, 0.01)},
            {"class_diversity": (1, 0.4)},
        ),
    ],
)
def test_one_number_makes_the_difference(title, sick, well):
    assert titles((dataclasses.replace(TOLD, **sick),)) == {title}
    assert titles((dataclasses.replace(TOLD, **well),)) == set()


def test_a_class_is_called_by_its_name():
    sick = dataclasses.replace(TOLD, class_diversity=(0.01, None, 0.5))
    for names, told in (((), "class 0 are"), (("boot", "shirt", "hat"), "class boot are")):
        (finding,) = diagnoses.diagnose(History((sick,), class_names=names))
        assert told in finding.evidence


def test_what_is_too_early_to_tell():
    young = dataclasses.replace(TOLD, step=11_999, label_accuracy=0.1, class_diversity=(0.01, 0.5))
    assert titles((young,)) == set()
    assert {"G ignores the class", "collapsed within a class"} <= unseen(History((young,)))
    # Nor can it be told where real images' classes cannot.
    blind = dataclasses.replace(TOLD, label_accuracy=0.1, label_accuracy_heldout=0.15)
    assert titles((blind,)) == set()
    assert unseen(History((blind,), None, -0.5, False)) == {"G ignores the class"}
    # Where everything is alike, so is each class: once is enough.
    collapsed = dataclasses.replace(TOLD, feature_diversity=0.01, class_diversity=(0.01, 0.01))
    assert titles((collapsed,)) == {"mode collapse"}


def test_run_that_looks_at_itself(tiny_data_dir, tmp_path, monkeypatch):
    """`--monitor_every` and the command, which looks at the same checkpoint and sees the same."""
    monkeypatch.setattr(examiner, "Probe", functools.partial(probe.Probe, steps=2))
    config = small_config(
        tiny_data_dir, tmp_path / "run", epochs=1, conditional=True, monitor_every=1
    )
    gan = training.train_and_export(config)
    workdir = Workdir(config.workdir)
    (seen,) = record.read_evidence(workdir)
    assert 0 <= seen.label_accuracy_heldout <= 1
    assert seen.class_diversity == (None,) * 10  # there are ten held-out images in all
    assert monitors.examiner_of(gan, config).look() == seen
    workdir.monitors.unlink()
    history = examination.history(config.workdir)  # of the checkpoint
    assert history.evidence == (seen,)


# Whole runs, from a fault to its finding: of bars, lying in class 0 and upright in class 1.


@pytest.fixture(scope="module")
def bars(tmp_path_factory) -> str:
    """A set whose classes a small network learns in seconds."""
    folder = tmp_path_factory.mktemp("bars")

    class Bars(FashionMNIST, skip_registration=True):
        name = "fashion_mnist"

        def _split_generators(self, dl_manager):
            sizes = {"train": 400, "test": 200}
            return {name: self._generate_examples(size) for name, size in sizes.items()}

        def _generate_examples(self, count):
            for index, image in enumerate(make_images(count)):
                upright = index % 2
                bar = image if upright else image.transpose(1, 0, 2)
                yield index, {"image": bar, "label": upright}

    Bars(data_dir=folder).download_and_prepare()
    return str(folder)


@pytest.fixture(scope="module")
def train(bars, tmp_path_factory):
    """Trains with a fault of the gallery for a few seconds."""

    def train(fault: str) -> tuple[ConditionalGAN, TrainConfig]:
        gan_class, options = failures.FAULTS[fault]
        small = {"epochs": 60, "batch_size": 20, "jit_compile": False, "latent_size": 8}
        folders = {"data_dir": bars, "workdir": str(tmp_path_factory.mktemp("runs") / fault)}
        config = TrainConfig(dataset="fashion_mnist", **folders, **options | small)
        return training.train_and_export(config, gan_class=gan_class), config

    return train


@pytest.fixture(scope="module")
def healthy(train):
    return train("none_conditional")


@pytest.fixture
def old_enough(monkeypatch):
    """Bars are learnt in less time than digits, and of 200 in two classes one knows less."""
    monkeypatch.setattr(diagnoses, "TOLD", 0)
    monkeypatch.setattr(diagnoses, "IGNORED", 0.5)


OURS = {"G ignores the class", "collapsed within a class"}


def test_healthy_run(healthy, old_enough):
    _, config = healthy
    assert not {finding.title for finding in doctor.diagnose(config.workdir)} & OURS


@pytest.mark.parametrize(
    ("deaf_to", "title"),
    [("the class", "G ignores the class"), ("z", "collapsed within a class")],
)
def test_generator_that_is_deaf(deaf_to, title, healthy, old_enough):
    gan, config = healthy
    first = next(each for each in gan.generator.layers if isinstance(each, keras.layers.Dense))
    kept = first.kernel.numpy()
    of_z = (np.arange(len(kept)) < config.latent_size)[:, None]
    first.kernel.assign(kept * (of_z if deaf_to == "the class" else ~of_z))
    seen = monitors.examiner_of(gan, config).look()
    first.kernel.assign(kept)
    assert titles((seen,)) & OURS == {title}


@pytest.mark.slow  # test_generator_that_is_deaf has fakes that are alike
def test_class_of_one_image(train, old_enough):
    _, config = train("one_image_of_a_class")
    (finding,) = (each for each in doctor.diagnose(config.workdir) if each.title in OURS)
    assert finding.title == "collapsed within a class"
    assert finding.evidence.startswith("fakes of class 1 are nearly alike")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("none_conditional", set()),
        ("shuffled_labels", {"G ignores the class"}),
        ("one_image_of_a_class", {"collapsed within a class"}),
    ],
)
def test_gallery_s_runs(fault, found, tmp_path):
    gan_class, options = failures.FAULTS[fault]
    config = TrainConfig(workdir=str(tmp_path / "run"), epochs=20, **options)
    training.train_and_export(config, gan_class=gan_class)
    assert {finding.title for finding in doctor.diagnose(config.workdir)} == found
