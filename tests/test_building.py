import dataclasses
import math

import pytest
import tensorflow as tf

from tfgan import GAN, ConditionalGAN, TrainConfig, UserError, train_and_export
from tfgan.run import building


@pytest.mark.parametrize(
    ("steps_per_epoch", "chosen"),
    # The largest divisor up to 25: 600 = 24 * 25, 468 = 26 * 18, 937 is prime, 4 = 1 * 4.
    [(600, 25), (468, 18), (937, 1), (4, 4)],
)
def test_steps_per_execution_divides_the_epoch(steps_per_epoch, chosen):
    shape = (100 * steps_per_epoch, 28, 28, 1)
    assert building.steps_per_execution(TrainConfig(), shape) == chosen


def test_steps_per_execution_holds_little_memory():
    # A batch takes 4 * 2000 * 28 * 28 B = 6.0 MiB: 10 of the 30 steps fit in 64 MiB.
    assert building.steps_per_execution(TrainConfig(batch_size=2000), (60000, 28, 28, 1)) == 10
    assert building.steps_per_execution(TrainConfig(batch_size=99999), (99999, 28, 28, 1)) == 1


def test_steps_per_execution_that_does_not_divide_is_refused():
    config = TrainConfig(steps_per_execution=7)
    assert building.steps_per_execution(config, (1400, 28, 28, 1)) == 7
    with pytest.raises(UserError, match=r"^--steps_per_execution=7: must divide the 600 steps"):
        building.steps_per_execution(config, (60000, 28, 28, 1))


def test_build_follows_the_options():
    config = TrainConfig(
        network="infogan",
        hidden_size=16,
        latents="uniform",
        ema=0.5,
        d_dropout=0.5,
        loss="least_squares",
        label_smoothing=0.1,
        r1=2.0,
        r2=3.0,
        updates="simultaneous",
        lr_schedule="cosine",
    )
    gan = building.build(config, (8, 8, 1), 1, steps_per_epoch=10)
    compiled = gan.get_compile_config()
    assert [compiled[name] for name in ("r1", "r2", "simultaneous")] == [2, 3, True]
    assert gan.ema == 0.5
    assert gan.distribution == "uniform"
    assert gan.ema_generator.output_shape == (None, 8, 8, 1)
    # A real image at 0.9 and a fake at 0 are where a smoothed D wants them.
    assert float(gan.objective.discriminator(0.9, 0.0)) == pytest.approx(0, abs=1e-12)
    assert sum("dropout" in layer.name for layer in gan.discriminator.layers) == 3
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(0.0002)
    with pytest.raises(UserError, match=r"^--network=infogan: needs image sides"):
        building.build(config, (9, 8, 1), 1)


@pytest.mark.parametrize(
    ("options", "follows"),
    [
        ({"lr_schedule": "linear"}, lambda share: 1 - share),
        ({"lr_schedule": "cosine"}, lambda share: (1 + math.cos(math.pi * share)) / 2),
        ({"lr_schedule": "exponential", "lr_decay": 1.5}, lambda share: 1.5 ** (-20 * share)),
    ],
)
def test_both_learning_rates_take_the_whole_run_whatever_d_steps(options, follows):
    config = TrainConfig(
        epochs=4, d_steps=3, d_learning_rate=0.5, g_learning_rate=0.25, hidden_size=4, **options
    )
    gan = building.build(config, (8, 8, 1), 1, steps_per_epoch=5)
    for epoch in range(5):
        gan.d_optimizer.iterations.assign(3 * 5 * epoch)
        gan.g_optimizer.iterations.assign(5 * epoch)
        expected = pytest.approx(follows(epoch / 4), abs=1e-6)
        assert float(gan.d_optimizer.learning_rate) / 0.5 == expected
        assert float(gan.g_optimizer.learning_rate) / 0.25 == expected


def test_both_momenta_grow_for_as_many_epochs_whatever_d_steps():
    config = TrainConfig(
        d_steps=3, optimizer="sgd", momentum=0.5, final_momentum=0.7, momentum_epochs=4
    )
    gan = building.build(config, (8, 8, 1), 1, steps_per_epoch=5)
    assert (gan.d_optimizer.growth_steps, gan.g_optimizer.growth_steps) == (60, 20)


def test_build_follows_the_configuration():
    config = TrainConfig(
        latent_size=3, hidden_size=5, loss="minimax", d_learning_rate=0.5, g_learning_rate=0.25
    )
    gan = building.build(config, (2, 3, 1), steps_per_execution=4)
    assert gan.generator.input_shape == (None, 3)
    assert gan.discriminator.input_shape == (None, 2, 3, 1)
    assert float(gan.d_optimizer.learning_rate) == 0.5
    assert float(gan.g_optimizer.learning_rate) == 0.25
    assert gan.steps_per_execution == 4
    assert gan.seed == 777


@pytest.mark.parametrize(
    ("network", "gpus", "compiled"),
    [
        ("mlp", [], True),
        ("infogan", [], True),  # whose convolutions are matrix products there
        ("resnet", [], False),
        ("resnet", ["GPU:0"], True),
    ],
)
def test_xla_compiles_what_it_makes_faster(network, gpus, compiled, monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
    config = TrainConfig(network=network, hidden_size=16)
    assert building.build(config, (8, 8, 1), 1).in_one_program is compiled
    assert not building.build(
        dataclasses.replace(config, jit_compile=False), (8, 8, 1), 1
    ).in_one_program


class Mine(GAN):
    """Somebody's own step."""


@pytest.mark.parametrize(
    ("gan_class", "conditional", "words"),
    [
        (Mine, True, r"^gan_class=Mine: .* conditional=True needs .* tfgan.ConditionalGAN$"),
        (ConditionalGAN, False, r"^gan_class=ConditionalGAN: .* tfgan.GAN that takes no labels$"),
    ],
)
def test_a_class_that_is_not_for_the_run_is_refused(gan_class, conditional, words, tmp_path):
    config = TrainConfig(conditional=conditional, workdir=str(tmp_path / "run"))
    with pytest.raises(UserError, match=words):
        train_and_export(config, gan_class=gan_class)
    assert not (tmp_path / "run").exists()
    building.check_class(config, None)
    building.check_class(config, ConditionalGAN if conditional else Mine)
