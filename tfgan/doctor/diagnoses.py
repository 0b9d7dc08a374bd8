"""Diagnoses: pure functions from a run's records to findings, and their thresholds.

docs/doctor.md has the measurements that the thresholds come from.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfgan.doctor.record import History
from tfgan.theory.bounds import LOG_4, bound

# A healthy G draws a single blob at first, which D tells from data without fail: what looks like
# that is a fault only later.
SETTLED = 3000  # steps until D's lead must have shrunk
VARIED = 6000  # steps until G must draw more than one thing
CERTAIN = -0.05  # V(D, G) in nats: D errs on hardly anything
SPREADING = 0.3  # spread of the fakes' pixels over that of the data: G learns all the same
SWAPPED = 0.5  # how much more probable D may find fakes than held-out images
VANISHED = 1e-2  # norm of G's gradient
CONSTANT = 0.05  # spread of the fakes' pixels over that of the data: z has no effect, at any age
COLLAPSED = 0.1  # spread of the fakes' features over that of the data
OVERSHOOTING = -2 * LOG_4  # V(D, G) in nats, where D = 1/2 everywhere has -log 4
LOOKS = 4  # whose values are told
OVERFITTED = 0.1  # nats of divergence that D sees with training images only
COPIED = 0.6  # share of training images among the nearest to fakes
SIGMAS = 4  # standard errors that it must be above one half
DEAD = 0.4  # share of hidden units
TOLD = 12_000  # steps until G must draw each class, and several images of it
IGNORED = 0.05  # how far the fakes' label accuracy is from chance to that of held-out images
TELLABLE = 0.1  # how far that of held-out images must be above chance
ALIKE = 0.15  # spread within a class of the fakes over that of the data
_SHOWN = 5  # classes that are named


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a run.

    Attributes:
        title: the fault, e.g. "mode collapse".
        evidence: the numbers that show it.
        advice: what to try.
    """

    title: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.title}: {self.evidence}. Try: {self.advice}."


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A diagnosis that was not possible, or only in part.

    Attributes:
        title: the fault, as in a finding.
        why: why it was not possible.
    """

    title: str
    why: str

    def __str__(self) -> str:
        return f"{self.title}: {self.why}"


Result = Finding | Skipped | None


def diagnose(history: History) -> list[Finding]:
    """All findings about a run, the most important first."""
    return [each for each in _results(history) if isinstance(each, Finding)]


def skipped(history: History) -> list[Skipped]:
    """All diagnoses that were not possible: it is too early, or evidence is missing."""
    return [each for each in _results(history) if isinstance(each, Skipped)]


def _results(history: History) -> list[Result]:
    if not history.evidence:
        nothing = Skipped(
            "everything else", "the run has neither a record of its networks nor a checkpoint"
        )
        return [diverged(history), classes_missing(history), nothing]
    return [diagnosis(history) for diagnosis in (diverged, *DIAGNOSES)]


def diverged(history: History) -> Result:
    """A value that is NaN or infinite ended the run."""
    if not history.diverged:
        return None
    return Finding(
        "diverged",
        history.diverged,
        "--d_learning_rate and --g_learning_rate a tenth as large, in a new run or from an older "
        "checkpoint",
    )


def labels_swapped(history: History) -> Result:
    """D calls fakes real and real images fake, which training by equation 1 never does."""
    last = history.evidence[-1]
    if last.d_fake - last.d_real < SWAPPED:
        return None
    return Finding(
        "D's labels are swapped",
        f"D(x) is {last.d_real:.2f} on held-out images and D(G(z)) is {last.d_fake:.2f}",
        "check the targets in D's loss: 1 for real images, 0 for fakes; G's target is 1",
    )


def discriminator_saturated(history: History) -> Result:
    """D is certain about every image, and the fakes have not become more varied.

    A certain D alone is not a fault: G can still learn from its gradient.
    """
    last = history.evidence[-1]
    if last.step < SETTLED:
        return Skipped("D is saturated", f"too early to tell before {SETTLED:,} steps")
    if last.value_heldout < CERTAIN or last.diversity >= SPREADING:
        return None
    return Finding(
        "D is saturated",
        f"V(D, G) = {round(last.value_heldout, 4) + 0.0:.4f} nats on held-out images after "
        f"{last.step:,} steps, where 0 is certainty and -1.386 is chance; fakes vary "
        f"{last.diversity:.2f} times as much as the data",
        "a lower --d_learning_rate, or dropout or a gradient penalty in D",
    )


def gradient_vanished(history: History) -> Result:
    """G's objective is flat where G is."""
    last = history.evidence[-1]
    if last.g_gradient >= VANISHED:
        return None
    return Finding(
        "G's gradient has vanished",
        f"its norm is {last.g_gradient:.1e}; D(G(z)) is {last.d_fake:.4f}",
        "the non-saturating loss for G, and a weaker D (lower --d_learning_rate)",
    )


def mode_collapse(history: History) -> Result:
    """G draws the same few images for every z."""
    last = history.evidence[-1]
    spread, space = last.feature_diversity, "a classifier's features"
    if spread is None:
        spread, space = last.diversity, "pixels"
    if last.diversity >= CONSTANT and last.step < VARIED:
        return Skipped(
            "mode collapse", f"too early to tell before {VARIED:,} steps, unless G ignores z"
        )
    if last.diversity >= CONSTANT and spread >= COLLAPSED:
        return None
    seen = f"fakes vary {spread:.3f} times as much as held-out images, in {space}"
    if last.classes:
        most = int(np.argmax(last.classes))
        seen += f"; {100 * last.classes[most]:.0f} % of them are of class {most}"
    return Finding(
        "mode collapse",
        seen,
        "a lower --g_learning_rate, another --seed, or dropout or a gradient penalty in D",
    )


def classes_missing(history: History) -> Result:
    """The evaluation has found a collapse, with more samples than the doctor draws."""
    if history.collapsed is None:
        return Skipped("missing classes", "run python -m tfgan.evaluate to score this generator")
    if not history.collapsed:
        return None
    return Finding(
        "the generator has collapsed",
        "in the evaluation, its samples lack much of what real images have",
        "a lower --g_learning_rate, another --seed, or dropout or a gradient penalty in D",
    )


def class_ignored(history: History) -> Result:
    """A conditional G draws varied images, but not of the requested classes."""
    last = history.evidence[-1]
    seen, chance, real = (
        last.label_accuracy,
        last.label_accuracy_chance,
        last.label_accuracy_heldout,
    )
    if seen is None or chance is None or real is None:
        return None
    title = "G ignores the class"
    if real - chance < TELLABLE:
        return Skipped(
            title, f"the classes of held-out images are hard to tell apart (accuracy {real:.2f})"
        )
    if seen - chance >= IGNORED * (real - chance):
        return None
    if last.step < TOLD or last.diversity < SPREADING:
        return Skipped(title, f"too early to tell before {TOLD:,} steps, or while fakes are alike")
    return Finding(
        title,
        f"{100 * seen:.0f} % of fakes are classified as the class asked for; chance is "
        f"{100 * chance:.0f} %, and held-out images reach {100 * real:.0f} %",
        "check that each label is that of its image; or train for longer",
    )


def class_collapsed(history: History) -> Result:
    """A conditional G draws nearly the same image of a class for every z, but varies others."""
    last = history.evidence[-1]
    spreads = [
        (each, label) for label, each in enumerate(last.class_diversity or ()) if each is not None
    ]
    if not spreads or isinstance(mode_collapse(history), Finding):
        return None
    title = "collapsed within a class"
    if last.step < TOLD:
        return Skipped(title, f"too early to tell before {TOLD:,} steps")
    names = history.class_names or range(len(last.class_diversity or ()))
    same = [str(names[label]) for each, label in spreads if each < ALIKE]
    if not same:
        return None
    classes = ", ".join(same[:_SHOWN]) + (" ..." if len(same) > _SHOWN else "")
    least, _ = min(spreads)
    of = f"class {classes}" if len(same) == 1 else f"each of the classes {classes}"
    return Finding(
        title,
        f"fakes of {of} are nearly alike: they vary {least:.3f} times as much as held-out images "
        f"of that class{'' if len(same) == 1 else ' in the worst case'}",
        "check the training images of that class; or a lower --g_learning_rate, another --seed, "
        "or dropout or a gradient penalty in D",
    )


def oscillation(history: History) -> Result:
    """D overshoots: it follows G so fast that it is worse than a D that always says 1/2.

    At a single step D may be confident and right, so the mean over an epoch counts, too.
    """
    last = history.evidence[-1]
    if last.value_heldout < OVERSHOOTING and last.d_real >= last.d_fake:
        looks = history.evidence[-LOOKS:]
        values = ", ".join(f"{each.value_heldout:.1f}" for each in looks)
        seen = f"V(D, G) on held-out images {'was' if len(looks) > 1 else 'is'} {values} nats"
    elif history.value is not None and history.value < OVERSHOOTING:
        seen = f"V(D, G) was {history.value:.1f} nats on average over the last epoch's batches"
    elif history.value is None:
        return Skipped(
            "oscillation",
            "needs more records (--monitor_every), or an epoch's mean of D_loss under "
            "--loss=non_saturating or minimax",
        )
    else:
        return None
    return Finding(
        "oscillation",
        f"{seen}, far below the -1.386 of a D that always says 1/2",
        "lower learning rates, --d_learning_rate above all, or a gradient penalty in D",
    )


def discriminator_overfitted(history: History) -> Result:
    """D has memorised its training images: it tells them from fakes better than other images."""
    last = history.evidence[-1]
    on_train, on_heldout = bound(last.value_train), bound(last.value_heldout)
    if on_train - on_heldout < OVERFITTED:
        return None
    return Finding(
        "D has overfitted",
        f"its lower bound of the divergence is {on_train:.3f} nats on training images but "
        f"{on_heldout:.3f} on held-out ones",
        "more training images, or dropout or a gradient penalty in D, or fewer epochs",
    )


def memorisation(history: History) -> Result:
    """G reproduces training images."""
    last = history.evidence[-1]
    least = max(COPIED, 0.5 + SIGMAS * 0.5 / last.neighbours**0.5)
    if least > 1:
        return Skipped(
            "memorisation",
            f"only {last.neighbours:,} different images are nearest neighbours of fakes; at least "
            f"{SIGMAS**2} are needed",
        )
    if last.copied < least:
        return None
    return Finding(
        "memorisation",
        f"{100 * last.copied:.0f} % of the {last.neighbours:,} nearest neighbours of fakes are "
        "training images; 50 % is expected",
        "more training images, or fewer epochs",
    )


def dead_units(history: History) -> Result:
    """Hidden units give the same value for every input, and no longer learn."""
    last = history.evidence[-1]
    dead = {"G": last.dead_generator, "D": last.dead_discriminator}
    worst = max(dead, key=lambda network: dead[network])
    if dead[worst] < DEAD:
        return None
    return Finding(
        f"dead units in {worst}",
        f"{100 * dead[worst]:.0f} % of its hidden units give the same output for every input",
        f"a new run with a lower --{worst.lower()}_learning_rate; dead units do not recover",
    )


DIAGNOSES: tuple[Callable[[History], Result], ...] = (
    labels_swapped,
    gradient_vanished,
    discriminator_saturated,
    mode_collapse,
    classes_missing,
    class_ignored,
    class_collapsed,
    oscillation,
    discriminator_overfitted,
    memorisation,
    dead_units,
)
