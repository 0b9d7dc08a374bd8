"""`Own`: data, networks and callbacks that a library user passes to a run."""

import dataclasses
from typing import Any

import keras

from tfgan.datasets.image_set import OWN
from tfgan.datasets.training_set import InMemory
from tfgan.gan import GAN
from tfgan.ground.errors import UserError
from tfgan.run import building, own_callbacks, own_data, own_networks
from tfgan.run.config import TrainConfig
from tfgan.run.own_networks import Networks
from tfgan.run.recipe import OWN_NETWORKS


@dataclasses.dataclass(frozen=True)
class Own:
    """What no command line can give.

    Attributes:
        gan_class: the model's class.
        callbacks: called by the chief.
        data: the training set.
        networks: makes both networks.
    """

    gan_class: type[GAN] | None = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    data: InMemory | None = None
    networks: Networks | None = None

    def __bool__(self) -> bool:
        return any((self.gan_class, self.callbacks, self.data, self.networks))

    def facts(self, gan: GAN) -> dict[str, Any]:
        """What `config.json` keeps of it."""
        kept: dict[str, Any] = {}
        if self.gan_class is not None:
            kept["gan_class"] = self.gan_class.__qualname__
        if self.networks is not None:
            kept["networks"] = own_networks.record(gan.generator, gan.discriminator)
        return kept

    def check_recorded(self, gan: GAN, environment: dict[str, Any], named: str) -> None:
        """Makes sure that the run was begun with the same.

        Args:
            gan: the model.
            environment: what the run recorded.
            named: its folder, for messages.

        Raises:
            UserError: if not.
        """
        facts = self.facts(gan)
        before = environment.get("gan_class")
        if before not in (None, facts.get("gan_class")):
            raise UserError(
                f"{named}: the run was started with gan_class={before}; pass it to "
                "tfgan.train_and_export again"
            )
        for name, now in facts.get("networks", {}).items():
            if (environment.get("networks") or {}).get(name) != now:
                raise UserError(
                    f"{named}: the run was started with another {name}: networks= now makes other "
                    "layers; restore the old ones, or use overwrite=True to start over"
                )


def settle(
    config: TrainConfig, gan_class: type[GAN] | None, callbacks: Any, data: Any, networks: Any
) -> tuple[TrainConfig, Own]:
    """What the user has given, checked; and the options, which say what is the user's own.

    Raises:
        UserError: if something is not what it has to be, or goes ill with an option.
    """
    building.check_class(config, gan_class)
    told = own_callbacks.check(callbacks)
    for option, own, given, name in (
        ("network", OWN_NETWORKS, networks, "networks"),
        ("dataset", OWN, data, "data"),
    ):
        value = getattr(config, option)
        if given is None and value == own:
            raise UserError(f"--{option}={own}: this run needs {name}= again")
        if given is not None and value not in (own, getattr(TrainConfig, option)):
            raise UserError(f"--{option}={value}: conflicts with {name}=; give only one of them")
    found = None
    if networks is not None:
        if isinstance(networks, keras.Model) or not callable(networks):
            raise UserError(
                "networks: must be a function (config, image_shape) -> (generator, "
                "discriminator), so that tfgan can call it after setting the run's devices and "
                "seed"
            )
        config = dataclasses.replace(config, network=OWN_NETWORKS)
    if data is not None:
        for option in ("split", "evaluate_every", "monitor_every"):
            if (value := getattr(config, option)) != getattr(TrainConfig, option):
                raise UserError(
                    f"--{option}={value}: data= is used for training only, all of it; for other "
                    "splits, prepare a set: python -m tfgan.data --images=FOLDER"
                )
        config = dataclasses.replace(config, dataset=OWN)
        found = own_data.open_given(data, config.conditional, config.cache_limit_mb)
    return config, Own(gan_class, told, found, networks)
