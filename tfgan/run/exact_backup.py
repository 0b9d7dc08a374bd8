"""`ExactBackup`: exact resuming, as in a run, for your own `gan.fit`."""

import contextlib
import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import filelock
import keras

from tfgan import contract
from tfgan.cluster import strategies
from tfgan.gan import GAN
from tfgan.ground import surroundings
from tfgan.ground.console import say
from tfgan.ground.errors import Diverged, Interrupted, UserError, first_line
from tfgan.ground.files import check_folder, write_file
from tfgan.loop import Resuming
from tfgan.run import own_networks, replay
from tfgan.run.checkpointing import Checkpoints, NoneWhole
from tfgan.run.options import at_least, not_negative
from tfgan.run.stopping import StopSignals
from tfgan.run.workdir import LOCK

_FREE = ("jit_compile", "steps_per_execution", "run_eagerly")  # of `compile`: bits, or none at all


class ExactBackup(Resuming):
    """Lets an interrupted script, when you rerun it, end with the bits of an uninterrupted one.

    `fit` resumes at the step of the newest checkpoint, also inside an epoch: with the weights, both
    optimizers, the step, the epoch's means, and the next batch. It returns the history of all
    epochs. A script that has finished does not train again; with more `epochs` it continues. Other
    networks, options or data are refused.

    The data must come in the same order again. The order of arrays depends only on `gan.seed`
    and the epoch, and images that do not fill a batch are left out of an epoch; with
    `shuffle=False` arrays are used as they are. A `tf.data.Dataset` must give the same batches in
    each process, so a shuffle needs a seed. docs/exactness.md says what is promised.

    Step 0, the end of `fit`, SIGINT, SIGTERM and SIGHUP always write a checkpoint.

    Args:
        folder: folder of the newest three checkpoints; if you remove it, training starts again.
        every_minutes: minutes between two checkpoints, the most that a kill loses; 0 for none.
        every_steps: steps between two checkpoints, at the next call into TensorFlow; 0 for none.

    Raises:
        UserError: if an argument is not valid; from `fit`, if its arguments differ from those of
            the backup, or cannot be resumed exactly.
        Interrupted: from `fit`, after a signal, when the checkpoint is written.

    Example:
        >>> gan.fit(images, batch_size=64, epochs=20, callbacks=[tfgan.ExactBackup("backup")])
    """

    _position: int  # steps of this training
    _epochs: list[dict[str, float]]  # what each has logged
    _ended: int  # how many epochs were asked for when `fit` ended; 0 if it did not

    def __init__(self, folder: str, every_minutes: float = 1.0, every_steps: int = 0):
        super().__init__()
        self._folder = check_folder(folder, "folder")
        self._record, self._history = self._folder / "backup.json", self._folder / "history.json"
        self._states = self._folder / "checkpoints"
        for name, value, problem in (
            ("every_minutes", every_minutes, not_negative(every_minutes)),
            ("every_steps", every_steps, at_least(0)(every_steps)),
        ):
            if problem:
                raise UserError(f"ExactBackup: {name}={value}: {problem}")
        self._every_seconds, self._every_steps = 60 * every_minutes, every_steps
        self._stop: StopSignals | None = None

    @contextlib.contextmanager
    def resuming(self, gan: GAN, given: dict[str, Any]) -> Iterator[None]:
        """Changes the arguments of `fit` to the rest of it; see `tfgan.loop.Resuming`."""
        surroundings.check_keras()
        if strategies.workers(gan.distribute_strategy) > 1:
            raise UserError(
                "ExactBackup: works in one process only; use train_and_export for several"
            )
        if any(getattr(each, "restore_best_weights", False) for each in _listed(given)):
            raise UserError(
                "ExactBackup: EarlyStopping(restore_best_weights=True) also resets the step, so "
                "nothing could resume; keep the best with ModelCheckpoint(save_best_only=True)"
            )
        data = replay.data_of(gan, given)
        spec = data.batches(0).element_spec
        replicas = gan.distribute_strategy.num_replicas_in_sync
        contract.check_spec(spec, replicas, classes=gan.classes, multiple=gan.multiple)
        self._folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(filelock.FileLock(self._folder / LOCK, timeout=0))
            except filelock.Timeout:
                raise UserError(f"{self._folder}: another process is using it") from None
            self._restore(gan, _identity(gan, data), data.steps_per_epoch)
            epochs, steps = given.get("epochs", 1), data.steps_per_epoch
            over = self._ended >= epochs or self._position >= epochs * steps
            first, skipped = (epochs, 0) if over else divmod(self._position, steps)
            if not over:
                self._ended, self._epochs = 0, self._epochs[:first]
            callbacks = _FromInside(
                gan,
                skipped,
                steps,
                # The others first: what they write belongs to the checkpoint.
                [*(each for each in _listed(given) if each is not self), self],
                add_history=True,
                add_progbar=given.get("verbose", "auto") != 0,
                verbose=given.get("verbose", "auto"),
                epochs=epochs,
            )
            given.update(
                x=data.batches(self._position),
                y=None,
                batch_size=None,
                shuffle=False,
                initial_epoch=first,
                steps_per_epoch=steps,
                callbacks=callbacks,
            )
            self._epochs_asked, self._skipped, self._ran = epochs, skipped, False
            self._put_means_back = self._checkpoints.means_keeper()
            take_steps = gan.make_train_function()
            gan.train_function = _within_the_epoch(gan, take_steps, steps)
            stack.callback(setattr, gan, "train_function", take_steps)
            self._stop = stack.enter_context(StopSignals(gan.distribute_strategy))
            stack.callback(setattr, self, "_stop", None)
            yield
            gan.history.epoch = list(range(len(self._epochs)))
            names = dict.fromkeys(name for each in self._epochs for name in each)
            gan.history.history = {
                name: [each[name] for each in self._epochs if name in each] for name in names
            }

    def _restore(self, gan: GAN, identity: dict[str, Any], steps_per_epoch: int) -> None:
        """Restores the newest intact checkpoint; if there is none, writes the first one."""
        before = self._read(self._record)
        if before is None and any(file.name[0] != "." for file in self._folder.iterdir()):
            raise UserError(f"{self._folder}: holds files but no backup; use an empty folder")
        for name, then in before["of"].items() if before else ():
            if identity.get(name) != then:
                now = identity.get(name)
                shown = f", {then} then and {now} now" if len(f"{then}{now}") < 100 else ""
                raise UserError(
                    f"{self._folder}: was started with another {name}{shown}; restore it, or use "
                    "another folder"
                )
        self._checkpoints = Checkpoints(self._states, gan)
        try:
            newest = self._checkpoints.restore_newest(say) if before else None
        except NoneWhole:
            raise UserError(
                f"{self._states}: all checkpoints are damaged; remove {self._folder} to start over"
            ) from None
        step = int(gan.step.numpy())
        self._first_step = before["first_step"] if before and newest else step
        self._position = step - self._first_step
        self._epochs, self._ended = [], 0
        if newest is None:
            self._states.mkdir(exist_ok=True)
            content = {"of": identity, "first_step": step}
            write_file(self._record, (json.dumps(content, indent=2) + "\n").encode())
            self._save()  # the networks' first weights may be chance
            return
        self._checkpoints.put_damaged_aside()
        history = self._read(self._history) or {}
        if history.get("step") == step:  # else it is of a checkpoint that was not written
            self._ended = history["ended"]
        done = None if self._ended else self._position // steps_per_epoch
        self._epochs = history.get("epochs", [])[:done]
        self._saved, self._saved_time = self._position, time.monotonic()

    def _read(self, path: Any) -> Any:
        try:
            return json.loads(path.read_bytes()) if path.exists() else None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read: {first_line(error)}") from None

    def on_train_begin(self, logs: Any = None) -> None:
        if self._stop is None:
            raise UserError("ExactBackup: pass it to fit of a tfgan.GAN in a list of callbacks")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._skipped:
            self._put_means_back()
            self.model.steps_in_epoch, self._skipped = self._skipped, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._ran = True
        self._position = int(self.model.step.numpy()) - self._first_step
        if (
            self.model.steps_in_epoch < self.params["steps"]
        ):  # else the epoch's end is still to come
            if self._is_due():
                self._save()
            self._stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epochs.append({name: float(value) for name, value in (logs or {}).items()})
        if self._is_due():
            self._save()
        self._stop_if_asked()

    def on_train_end(self, logs: Any = None) -> None:
        if self._ran:
            self._ended = self._epochs_asked
            self._save()

    def _stop_if_asked(self) -> None:
        """Ends `fit` if a signal has come."""
        stop = self._stop
        if stop is None or not stop.agree() or stop.agreed is None:
            return
        if self._saved != self._position:
            self._save()
        raise Interrupted(
            f"{signal.Signals(stop.agreed).name}: stopped after step "
            f"{int(self.model.step.numpy()):,}, checkpoint written in {self._folder}. Rerun the "
            "script to resume",
            stop.agreed,
        )

    def _is_due(self) -> bool:
        every = self._every_steps
        return bool(
            (every and self._position // every > self._saved // every)
            or (self._every_seconds and time.monotonic() > self._saved_time + self._every_seconds)
        )

    def _save(self) -> None:
        step = self._first_step + self._position
        content = {"epochs": self._epochs, "ended": self._ended, "step": step}
        write_file(self._history, json.dumps(content).encode())
        try:
            self._checkpoints.save()
        except Diverged as error:
            if getattr(self.model, "stop_training", False):
                return  # TerminateOnNaN has seen it
            raise UserError(
                f"{error.what}: the training has diverged; {self._checkpoints.newest()} is the "
                "newest checkpoint; lower a learning rate and start over in another folder"
            ) from None
        self._saved, self._saved_time = self._position, time.monotonic()


class _FromInside(keras.callbacks.CallbackList):
    """Callbacks that count batches from the start of the epoch, also if `fit` begins later."""

    def __init__(self, gan: GAN, skipped: int, steps: int, callbacks: Any, **options: Any):
        self._skipped, self._steps, self._before = skipped, steps, False
        super().__init__(callbacks, model=gan, steps=steps, **options)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._before = self._skipped + batch < self._steps  # else there is nothing to do
        if self._before:
            super().on_train_batch_begin(self._skipped + batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._before:
            super().on_train_batch_end(self._skipped + batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._skipped = 0
        super().on_epoch_end(epoch, logs)


def _within_the_epoch(
    gan: GAN, take_steps: Callable[[Any], Any], steps: int
) -> Callable[[Any], Any]:
    """The function that Keras calls, for the rest of an epoch that is partly done."""
    logs: Any = None

    def call(iterator: Any) -> Any:
        nonlocal logs
        if gan.steps_in_epoch < steps:
            logs = take_steps(iterator)
        return logs

    return call


def _listed(given: dict[str, Any]) -> list[Any]:
    callbacks = given.get("callbacks")
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _identity(gan: GAN, data: replay.Data) -> dict[str, Any]:
    """What distinguishes this training from others, by names for messages."""
    of_gan, of_compile = gan.get_config(), gan.get_compile_config()
    networks = {name: of_gan.pop(name) for name in own_networks.NAMES}
    del of_gan["name"]
    recorded = own_networks.record(gan.generator, gan.discriminator)
    digests = {
        name: hashlib.sha256(json.dumps(recorded[name]).encode()).hexdigest() for name in networks
    }
    compiled = {name: _unnamed(each) for name, each in of_compile.items() if name not in _FREE}
    found = {"class": type(gan).__qualname__, **digests, **of_gan, **compiled, **data.identity}
    return json.loads(json.dumps(found, default=str))


def _unnamed(config: Any) -> Any:
    """An optimizer's config without its name, which depends on earlier objects."""
    if isinstance(config, dict):
        return {key: _unnamed(each) for key, each in config.items() if key != "name"}
    return config
