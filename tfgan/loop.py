"""The training loop that `fit` calls, on one replica or on several.

Stock Keras 3.15 cannot run several steps a call under `MirroredStrategy` (keras issue 19246), nor
any under several workers (issue 20585). This loop can.
"""

import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import contract, noise
from tfgan.cluster.replicas import Mean
from tfgan.ground.errors import UserError
from tfgan.noise import Stream

Logs = dict[str, tf.Tensor]
Latents = tuple[Any, ...]  # one z for each of `TrainingLoop.streams`


class TrainingLoop(keras.Model):
    """Runs training steps for `fit`, several a call, on one replica or on several.

    A subclass defines a step, `update(real, z)`, and sets `take_step`, `streams` and
    `in_one_program` in `compile`. Instead of images and latents, a step may get any structures of
    tensors with the same number of rows. Then the subclass overrides `real_of` (what a batch
    gives), `global_latents` (what is drawn) and `matched` (what the latents take from the batch).

    Args:
        quantities: names of what each step logs.
        latent_size: length of z.
        seed: of all latents; see `tfgan.noise`.
        distribution: of the latents; see `tfgan.noise.latents`.

    Attributes:
        step: int64 scalar weight, the number of training steps taken.
        step_logs: float `(steps_per_execution, quantities)`, the logs of each step of the
            last call into TensorFlow.
        take_step: the function that takes a step from real images and latents: `update`, or
            one with another order of updates.
        streams: the streams of a step's latents; the last one is for G's own update.
        in_one_program: whether XLA compiles all steps of a call to one program.
        classes: number of classes of the labels that must come with the images; 0 ignores labels.
        multiple: the size of each replica's batches must be a multiple of this.
        step_graph: TensorFlow's graph of a step, after one has run in a graph.
    """

    take_step: Callable[[Any, Latents], Logs]
    streams: tuple[Stream, ...]
    in_one_program: bool
    classes: int = 0
    multiple: int = 1

    def __init__(
        self,
        quantities: Sequence[str],
        latent_size: int,
        seed: int,
        distribution: str,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_size = latent_size
        self.seed = seed
        self.distribution = distribution
        self.step = self.add_weight(
            name="step",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.train_function: Callable[[Any], Logs] | None = None
        self._means = [Mean(name) for name in quantities]
        self.step_logs = np.zeros((0, len(quantities)))
        self.step_graph: tf.Graph | None = None
        self.steps_in_epoch = 0
        self._steps_per_epoch: int | None = None
        self.endless = False
        self.built = True

    def update(self, real: Any, z: Latents) -> Logs:
        """One training step."""
        raise NotImplementedError

    def losses_of(self, real: Any, z: Latents) -> Logs:
        """The logs of `update`, without an update and without dropout, `(batch, 1)` each."""
        raise NotImplementedError

    def train_step(self, data: Any) -> Logs:
        """One training step on a batch of real images, alone or first in a tuple."""
        return self.take_step(*self.draw(data))

    def draw(self, data: Any) -> tuple[Any, Latents]:
        """The real part of a batch, and latents of the current step for it."""
        real = self.real_of(data)
        return real, self.matched(self.latents(self.step.value, real), real)

    @property
    def pack(self) -> int:
        """The number of images that D judges together."""
        return 1

    def real_of(self, data: Any) -> Any:
        """The part of a batch, or of its spec, that `update` gets: the images."""
        return images(data)

    def matched(self, z: Latents, real: Any) -> Latents:
        """The latents of a step, with the parts that they take from the real batch."""
        return z

    def latents(self, step: tf.Tensor, real: Any) -> Latents:
        """This replica's slices of the global draws of z, as many rows as real images."""
        context = tf.distribute.get_replica_context()
        batch = rows(real)
        start, count = batch * context.replica_id_in_sync_group, context.num_replicas_in_sync
        draws = tuple(self.global_latents(stream, step, batch * count) for stream in self.streams)
        return tf.nest.map_structure(lambda part: part[start : start + batch], draws)

    def global_latents(self, stream: Stream, step: tf.Tensor | int, count: tf.Tensor | int) -> Any:
        """z `(count, latent_size)` of a step, for all replicas together."""
        return noise.latents(
            self.seed, stream, step, count, self.latent_size, self.variable_dtype, self.distribution
        )

    def share_of_mean(self, values: tf.Tensor) -> tf.Tensor:
        """This replica's share of the mean over the global batch; the shares sum to the mean."""
        return tf.reduce_mean(values) / self.distribute_strategy.num_replicas_in_sync

    def of_whole_batch(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients of the global mean, from those of a single replica without the others."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        return [gradient * replicas for gradient in gradients]

    # What Keras needs to know.

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains like any `keras.Model`: one step for each batch of the data.

        Raises:
            UserError: if an argument asks for something that a GAN's training cannot do; see
                `tfgan.contract`.
        """
        call = inspect.signature(super().fit).bind(*args, **kwargs)
        given = call.arguments
        replicas = self.distribute_strategy.num_replicas_in_sync
        contract.check_fit(given, replicas, self.classes, self.pack)
        given["callbacks"] = contract.with_nan_watch(given.get("callbacks"))
        with _resumed(self, given):
            self._steps_per_epoch = given.get("steps_per_epoch")
            self.endless = _is_endless(given.get("x"))
            try:
                return super().fit(*call.args, **call.kwargs)
            finally:
                self._steps_per_epoch, self.endless = None, False

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: all is built, and Keras' own cannot take pairs from several workers."""

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self.steps_in_epoch = 0  # Keras begins an epoch

    def most_steps(self) -> int:
        """The largest number of steps that the next call into TensorFlow may take."""
        if self._steps_per_epoch is None:
            return self.steps_per_execution
        return min(self.steps_per_execution, self._steps_per_epoch - self.steps_in_epoch)

    def test_step(self, data: Any) -> Logs:
        """The losses on a batch of real images, for `evaluate` and `validation_data`.

        The latents are a separate stream, the same at each evaluation.
        """
        real = self.real_of(data)
        batch = tf.shape(images(data), "int64")[0]
        seen = tf.cast(self._means[0].count.value, "int64")  # images so far
        z = self.global_latents(Stream.VALIDATION_LATENTS, seen, batch)
        logs = self.losses_of(real, self.matched((z,) * len(self.streams), real))
        for metric in self._means:
            metric.update_state(logs[metric.name])
        return self.get_metrics_result()

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """The means of the losses over a set of images; see `test_step`.

        Raises:
            UserError: under several replicas, if the images have weights, or if no batch has as
                many images as D judges together.
        """
        given = inspect.signature(super().evaluate).bind(*args, **kwargs).arguments
        replicas = self.distribute_strategy.num_replicas_in_sync
        contract.check_evaluate(given, replicas, self.classes, self.pack)
        found = super().evaluate(*args, **kwargs)
        contract.check_packs(self.pack * int(self._means[0].count), self.pack)
        return found

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._means

    def make_train_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """Builds the function that `fit` calls with an iterator over batches."""
        if self.train_function is None or force:
            self.train_function = _train_function(self)
        return self.train_function


class Resuming(keras.callbacks.Callback):
    """A callback that decides where `fit` begins."""

    def resuming(self, gan: Any, given: dict[str, Any]) -> contextlib.AbstractContextManager[None]:
        """A context in which `fit` trains.

        Args:
            gan: the model.
            given: the arguments of `fit` by name, which this may change.
        """
        raise NotImplementedError


def _resumed(gan: TrainingLoop, given: dict[str, Any]) -> contextlib.AbstractContextManager[None]:
    listed = given["callbacks"] if isinstance(given["callbacks"], (list, tuple)) else ()
    found = [each for each in listed if isinstance(each, Resuming)]
    if len(found) > 1:
        raise UserError("callbacks: only one of them can set the step at which fit begins")
    return found[0].resuming(gan, given) if found else contextlib.nullcontext()


def _train_function(gan: TrainingLoop) -> Callable[[Any], Logs]:
    """The function that `fit` calls: a step for each batch, up to the most that a call may take.

    It asks for the next batch before it changes anything, so that the end of the data leaves
    no trace in weights, step and means.
    """
    strategy = gan.distribute_strategy
    row = tf.TensorSpec((len(gan.metrics_names),), gan.variable_dtype)

    def as_row(logs: Logs) -> tf.Tensor:
        if gan.step_graph is None and not tf.executing_eagerly():
            gan.step_graph = tf.compat.v1.get_default_graph()
        return tf.stack([logs[name] for name in gan.metrics_names])

    def train_step(data: Any) -> tf.Tensor:
        return as_row(gan.train_step(data))

    @tf.function(jit_compile=True, autograph=False)
    def in_one_program(real: Any, z: Latents) -> tf.Tensor:
        def take_step(drawn: tuple[Any, Latents]) -> tf.Tensor:
            real, z = drawn
            return as_row(gan.take_step(real, gan.matched(z, real)))

        return tf.map_fn(take_step, (real, z), fn_output_signature=gan.variable_dtype)

    def compiled_steps(real: Any) -> tf.Tensor:
        # Latents are drawn outside of XLA, which has another generator of random numbers.
        steps = gan.step.value + tf.range(rows(real), dtype="int64")
        first = tf.nest.map_structure(lambda part: part[0], real)
        types = tf.nest.map_structure(lambda part: part.dtype, gan.latents(steps[0], first))
        z = tf.map_fn(lambda step: gan.latents(step, first), steps, fn_output_signature=types)
        return in_one_program(real, z)

    def one_step(data: Any) -> tf.Tensor:
        if gan.in_one_program:  # a program for each size of a batch
            alone = tf.nest.map_structure(lambda part: part[tf.newaxis], gan.real_of(data))
            return compiled_steps(alone)[0]
        return strategy.reduce("SUM", strategy.run(train_step, args=(data,)), axis=None)

    def train_steps(iterator: Any, most: int, endless: bool) -> tuple[tf.Tensor, Logs]:
        spec = gan.real_of(iterator.element_spec) if gan.in_one_program else None
        if gan.in_one_program and _of_one_size(spec):
            real = _of_each(iterator, most, endless, gan.real_of, spec)
            if endless:
                step_logs = compiled_steps(real)
            else:
                none = tf.zeros((0, *row.shape), row.dtype)
                step_logs = tf.cond(rows(real) > 0, lambda: compiled_steps(real), lambda: none)
        else:
            step_logs = _of_each(iterator, most, endless, one_step, row)
        for metric, values in zip(gan.metrics, tf.unstack(step_logs, axis=1), strict=True):
            metric.update_state(values)
        return step_logs, gan.get_metrics_result()

    if not gan.run_eagerly:
        train_steps = tf.function(train_steps, autograph=False)

    def call(iterator: Any) -> Logs:
        if not isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
            iterator = iter(tf.data.Dataset.from_tensors(next(iter(iterator))))
        if not gan.steps_in_epoch:
            replicas = strategy.num_replicas_in_sync
            contract.check_spec(iterator.element_spec, replicas, True, gan.classes, gan.multiple)
        step_logs, means = train_steps(iterator, gan.most_steps(), gan.endless)
        if not len(step_logs):
            raise tf.errors.OutOfRangeError(
                None, None, "the dataset ran out of batches"
            )  # Keras expects it
        gan.step_logs = step_logs.numpy()
        gan.steps_in_epoch += len(step_logs)
        return means

    return call


def _of_each(
    iterator: Any,
    most: int,
    endless: bool,
    function: Callable[[Any], Any],
    spec: Any,
) -> Any:
    """`function` of each of the next batches, at most `most`; exactly `most`, if they are endless.

    `function` returns the structure of `spec`. This returns the same with one more axis.
    """

    def and_next(index: tf.Tensor, found: Any) -> tuple[tf.Tensor, Any]:
        return index + 1, _write(found, index, function(next(iterator)))

    def and_batch(index: tf.Tensor, found: Any, batch: Any) -> tuple[tf.Tensor, Any, Any]:
        found = _write(found, index, function(batch.get_value()))
        index += 1
        following = tf.cond(index < most, iterator.get_next_as_optional, lambda: none)
        return index, found, following

    index, found = tf.constant(0), _arrays(spec)
    if endless:
        _, found = tf.while_loop(lambda index, _: index < most, and_next, (index, found))
        return _stack(found, spec, most)
    none = tf.experimental.Optional.empty(iterator.element_spec)
    first = iterator.get_next_as_optional()
    _, found, _ = tf.while_loop(
        lambda index, found, batch: batch.has_value(), and_batch, (index, found, first)
    )
    return _stack(found, spec)


def _arrays(spec: Any) -> Any:
    return tf.nest.map_structure(
        lambda part: tf.TensorArray(part.dtype, 0, dynamic_size=True, element_shape=part.shape),
        spec,
    )


def _write(arrays: Any, index: Any, values: Any) -> Any:
    return tf.nest.map_structure(lambda array, value: array.write(index, value), arrays, values)


def _stack(arrays: Any, spec: Any, count: int | None = None) -> Any:
    return tf.nest.map_structure(
        lambda array, part: tf.ensure_shape(array.stack(), (count, *part.shape)), arrays, spec
    )


def rows(structure: Any) -> Any:
    """The number of rows of all tensors of a structure; a Python number if it is known."""
    first = tf.nest.flatten(structure)[0]
    return first.shape[0] or tf.shape(first)[0]


def _of_one_size(spec: Any) -> bool:
    return all(part.shape.is_fully_defined() for part in tf.nest.flatten(spec))


def _is_endless(x: Any) -> bool:
    cardinality = getattr(x, "cardinality", None)
    count = cardinality() if callable(cardinality) else cardinality
    return count is not None and int(count) == tf.data.INFINITE_CARDINALITY


def images(data: Any) -> tf.Tensor:
    """The images of a batch, which may have labels, too."""
    return keras.utils.unpack_x_y_sample_weight(data)[0]
