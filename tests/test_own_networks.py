"""Networks of a library user's own, in a run and restored from its folder."""

import dataclasses

import keras
import numpy as np
import pytest
from fingerprint import outcome
from test_own import IMAGES, LABELS, SHAPE, configured, nets
from test_page import data_of

import tfgan
from tfgan import UserError, train_and_export
from tfgan.exports import exporting
from tfgan.run import own_networks, restoring
from tfgan.run.workdir import Workdir


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with networks and data of its own."""
    config = configured(tmp_path_factory.mktemp("own") / "run", epochs=1, keep_checkpoints=9)
    return config, train_and_export(config, data=IMAGES, networks=nets)


def test_own_networks_are_restored_from_the_folder_alone(finished):
    config, gan = finished
    restored = restoring.restore(Workdir(config.workdir), lambda line: None)
    z = gan.fixed_latents()[0]
    np.testing.assert_array_equal(restored.gan.sampler(z), gan.sampler(z))
    assert int(restored.gan.step) == 4
    exporting.export(config.workdir, ["keras"], say=lambda line: None)
    page = data_of(Workdir(config.workdir).report)
    assert page["command"] == "tfgan.train_and_export(config, networks=..., data=...)"
    assert page["recipe"] is None
    assert "networks" not in page["environment"]


@pytest.mark.parametrize(
    ("networks", "problem"),
    [
        (lambda *given: nets(*given, activation="elu"), "started with another generator"),
        (None, "--network is 'mlp' but the run has 'own'"),
    ],
)
def test_other_networks_are_refused(networks, problem, finished):
    config, _ = finished
    before = outcome(Workdir(config.workdir).path)
    more = dataclasses.replace(config, epochs=2)
    with pytest.raises(UserError, match=problem):
        train_and_export(more, data=IMAGES, networks=networks)
    assert outcome(Workdir(config.workdir).path) == before


def test_networks_that_cannot_be_made_again_say_so(tmp_path):
    def networks(config, image_shape):
        generator, _ = nets(config, image_shape)
        doubled = keras.layers.Lambda(lambda x: 2 * x)
        layers = [keras.Input(image_shape), keras.layers.Flatten(), doubled, keras.layers.Dense(1)]
        return generator, keras.Sequential(layers)

    config = configured(tmp_path / "run", epochs=1)
    train_and_export(config, data=IMAGES, networks=networks)
    with pytest.raises(UserError, match=r"config.json: the run's discriminator was passed"):
        restoring.restore(Workdir(config.workdir), lambda line: None)
    more = dataclasses.replace(config, epochs=2)
    assert int(train_and_export(more, data=IMAGES, networks=networks).step) == 8


def test_a_record_does_not_depend_on_what_was_built_before():
    config = configured("x")
    assert own_networks.record(*nets(config, SHAPE)) == own_networks.record(*nets(config, SHAPE))
    other = nets(config, SHAPE, "elu")
    assert own_networks.record(*nets(config, SHAPE)) != own_networks.record(*other)


def dense(inputs, outputs):
    return keras.Sequential([keras.Input(inputs), keras.layers.Dense(outputs)])


@pytest.mark.parametrize(
    ("networks", "problem"),
    [
        (lambda *_: None, r"must return \(generator, discriminator\)"),
        (lambda *given: (nets(*given)[0], "d"), r"must return \(generator, discriminator\)"),
        (lambda *given: (dense((5,), 3), nets(*given)[1]), r"generator cannot take latents"),
        (lambda *given: (dense((4,), 3), nets(*given)[1]), r"generator gives \(batch, 3\)"),
        (lambda *given: (nets(*given)[0], dense((3,), 1)), "discriminator cannot take images"),
        (lambda *given: (nets(*given)[0], dense(SHAPE, 1)), r"discriminator gives \(batch, 8, 8"),
    ],
)
def test_networks_that_do_not_fit_are_one_line(networks, problem):
    with pytest.raises(UserError, match=f"^networks: .*{problem}"):
        own_networks.make(networks, configured("x"), SHAPE, {})


def test_models_in_place_of_a_function_are_refused(tmp_path):
    config = configured(tmp_path / "run")
    models = nets(config, SHAPE)
    with pytest.raises(UserError, match=r"^networks: must be a function"):
        train_and_export(config, data=IMAGES, networks=models)
    with pytest.raises(UserError, match="--network=maxout: conflicts with networks="):
        train_and_export(dataclasses.replace(config, network="maxout"), data=IMAGES, networks=nets)

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UserError, match="the generator is a Subclassed; must be a functional or"):
        own_networks.make(lambda *_: (Subclassed(), Subclassed()), config, SHAPE, {})
    assert not (tmp_path / "run").exists()


def test_conditional_run_on_own_data_and_networks(tmp_path):
    def networks(config, image_shape, classes):
        given = (config.latent_size, 8, image_shape, 1)
        generator = tfgan.networks.mlp_generator(*given, classes=classes)
        return generator, tfgan.networks.mlp_discriminator(8, image_shape, 1, classes=classes)

    config = configured(tmp_path / "run", epochs=1, conditional=True)
    gan = train_and_export(config, data=(IMAGES, LABELS), networks=networks)
    assert gan.classes == 3
    restored = restoring.restore(Workdir(config.workdir), lambda line: None).gan
    for a, b in zip(restored.generator.weights, gan.generator.weights, strict=True):
        np.testing.assert_array_equal(a, b)
