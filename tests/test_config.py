import dataclasses
import shlex

import pytest
from absl import flags

from tfgan import TrainConfig, UserError, networks
from tfgan.run import config


def test_defaults_are_the_tutorials_recipe():
    recipe = TrainConfig()
    assert (recipe.dataset, recipe.epochs, recipe.batch_size, recipe.seed) == (
        "mnist",
        200,
        100,
        777,
    )
    assert (recipe.latent_size, recipe.hidden_size) == (64, 256)
    assert (recipe.d_learning_rate, recipe.g_learning_rate) == (0.0002, 0.0002)
    assert (recipe.loss, recipe.log_every) == ("non_saturating", 300)


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("batch_size", 0, "at least 1"),
        ("batch_size", -5, "at least 1"),
        ("epochs", 0, "at least 1"),
        ("latent_size", 0, "at least 1"),
        ("hidden_size", -1, "at least 1"),
        ("d_learning_rate", -0.1, "positive"),
        ("g_learning_rate", float("nan"), "positive"),
        ("g_learning_rate", float("inf"), "positive"),
        ("seed", -1, "between 0 and"),
        ("seed", 2**31, "between 0 and"),
        ("loss", "wgan", "non_saturating, minimax"),
        ("strategy", "tpu", "auto, one_device, mirrored"),
        ("dataset", "", "not be empty"),
        ("workdir", "", "not be empty"),
        ("batch_size", "100", "a whole number"),
        ("batch_size", 2.5, "a whole number"),
        ("batch_size", True, "a whole number"),
        ("jit_compile", 1, "true or false"),
        ("ema", 1.0, r"in \[0, 1\)"),
        ("d_dropout", -0.1, r"in \[0, 1\)"),
        ("beta_1", 1.0, r"in \[0, 1\)"),
        ("r1", -1.0, "0 or more"),
        ("lr_decay", 0.9, r"in \[1, 2\)"),
        ("network", "dcgan", "mlp, maxout, infogan, conv"),
        ("split", "", "not be empty"),
        ("augment", "flip", "one or more of color,translation,cutout"),
        ("augment", "color, cutout", "separated by commas"),
        ("augment", "color,color", "each once"),
        ("augment", "color,", "one or more of"),
        ("momentum", 0.5, "does nothing without --optimizer=sgd"),
        ("lr_end", 0.5, "without --lr_schedule=linear or --lr_schedule=cosine or"),
        ("lr_decay", 1.5, "does nothing without --lr_schedule=exponential"),
        ("lr_schedule", "exponential", "does nothing without --lr_decay"),
    ],
)
def test_bad_value_is_named(option, value, problem):
    with pytest.raises(UserError, match=f"^--{option}=.*{problem}"):
        TrainConfig(**{option: value})


def test_whole_number_is_a_learning_rate():
    assert TrainConfig(d_learning_rate=1).d_learning_rate == 1.0


def test_options_that_exclude_each_other():
    with pytest.raises(UserError, match=r"^--label_smoothing=0.1: does nothing without --loss="):
        TrainConfig(label_smoothing=0.1, loss="hinge")
    with pytest.raises(UserError, match=r"^--beta_1=0.5: does nothing without --optimizer=adam$"):
        TrainConfig(beta_1=0.5, optimizer="sgd")
    assert TrainConfig(label_smoothing=0.1, loss="minimax").label_smoothing == 0.1


def test_options_that_need_each_other():
    with pytest.raises(UserError, match=r"^--loss=wasserstein: needs --gradient_penalty, such as"):
        TrainConfig(loss="wasserstein")
    TrainConfig(loss="wasserstein", spectral_norm=True)
    for network, kind in networks.KINDS.items():
        layers = {type(layer).__name__ for layer in kind.discriminator(16, (16, 16, 1)).layers}
        if "BatchNormalization" not in layers:
            TrainConfig(gradient_penalty=1, network=network)
            continue
        with pytest.raises(UserError, match=rf"^--gradient_penalty=1: .* --network={network} has"):
            TrainConfig(gradient_penalty=1, network=network)
    with pytest.raises(
        UserError, match=r"^--d_steps=2: --updates=simultaneous updates each network once"
    ):
        TrainConfig(d_steps=2, updates="simultaneous")
    with pytest.raises(UserError, match=r"^--pack=3: --batch_size=100 must be a multiple of it"):
        TrainConfig(pack=3)
    with pytest.raises(UserError, match=r"^--final_momentum=0.7: does nothing without"):
        TrainConfig(optimizer="sgd", final_momentum=0.7)
    with pytest.raises(UserError, match=r"^--momentum_epochs=9: needs --final_momentum"):
        TrainConfig(optimizer="sgd", momentum=0.5, momentum_epochs=9)
    with pytest.raises(UserError, match=r"^--lr_end=1.0: must be at most --d_learning_rate="):
        TrainConfig(lr_schedule="cosine", lr_end=1)


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().epochs = 1


def test_each_option_is_a_flag(monkeypatch):
    values = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", values)
    config.define_flags(flag_values=values)
    changed = TrainConfig(epochs=5, loss="minimax", jit_compile=False, d_learning_rate=0.25)
    arguments = shlex.split(changed.command())
    assert arguments[1:3] == ["-m", "tfgan.train"]
    values(arguments[2:])
    assert config.from_flags() == changed
    assert set(values) == {field.name for field in dataclasses.fields(TrainConfig)}
    for name in values:
        assert len(values[name].help) > 20


def test_command_quotes_what_a_shell_would_split():
    assert TrainConfig(workdir="my runs/a").command().endswith("'--workdir=my runs/a'")


def test_differences_name_what_decides_the_weights():
    recorded = TrainConfig().to_dict()
    assert TrainConfig(epochs=300, workdir="x", log_every=7).differences(recorded) == []
    differences = TrainConfig(batch_size=64, seed=1).differences(recorded)
    assert differences == [
        "--batch_size is 64 but the run has 100",
        "--seed is 1 but the run has 777",
    ]


def test_older_runs_called_the_loss_g_loss():
    recorded = {"dataset": "mnist", "g_loss": "minimax"}
    assert TrainConfig(loss="minimax").differences(recorded) == []
    assert TrainConfig().differences(recorded) == [
        "--loss is 'non_saturating' but the run has 'minimax'"
    ]


def test_run_whose_rate_ends_cannot_be_longer():
    recorded = TrainConfig(epochs=2, lr_schedule="linear").to_dict()
    longer = TrainConfig(epochs=3, lr_schedule="linear")
    assert longer.differences(recorded) == ["--epochs is 3 but the run has 2"]
    assert TrainConfig(epochs=2, lr_schedule="linear").differences(recorded) == []
