"""A search for learning rates with Optuna: trials that are killed go on where they were.

    pip install -e '.[examples]'
    python examples/sweep_optuna.py

Each trial is a run in a folder of its own, scored on validation images as it trains, and given up
if it is worse than most others were by then. Interrupt it and call it again: the trial that was cut
off goes on, and the search ends as one that was never stopped.
"""

import dataclasses
import pathlib

import keras
import optuna

import tfgan


class Report(keras.callbacks.Callback):
    """Tells Optuna each score once, and ends the run if Optuna has seen enough.

    Args:
        trial: whose run it is.
        score: its name in the logs.
    """

    def __init__(self, trial: optuna.Trial, score: str):
        super().__init__()
        self._trial = trial
        self._score = score

    def on_epoch_end(self, epoch, logs=None):
        if self._score in logs and epoch not in scores(self._trial):
            self._trial.report(logs[self._score], epoch)
        if self._trial.should_prune():
            self.model.stop_training = True


def scores(trial: optuna.Trial) -> dict[int, float]:
    """What a trial has reported, by epoch."""
    return trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values


def run_trial(study: optuna.Study, trial: optuna.Trial, base: tfgan.TrainConfig) -> None:
    """Does what is left of one trial."""
    config = dataclasses.replace(
        base,
        workdir=f"{base.workdir}/trial_{trial.number}",
        d_learning_rate=trial.suggest_float("d_learning_rate", 1e-5, 1e-2, log=True),
        g_learning_rate=trial.suggest_float("g_learning_rate", 1e-5, 1e-2, log=True),
    )
    if not trial.should_prune():  # if it was not cut off after that was found
        report = Report(trial, f"validation_{config.keep_best}")
        try:
            tfgan.train_and_export(config, callbacks=[report])
        except tfgan.UserError:
            if not pathlib.Path(config.workdir, "diverged.txt").exists():
                raise
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # these rates are no good
            return
    seen_enough = trial.should_prune()
    end = optuna.trial.TrialState.PRUNED if seen_enough else optuna.trial.TrialState.COMPLETE
    study.tell(trial, min(scores(trial).values()), state=end)


def main(base: tfgan.TrainConfig | None = None, trials: int = 20) -> optuna.Study:
    """Searches, or goes on, below the folder `base.workdir`."""
    base = base or tfgan.TrainConfig(
        workdir="runs/sweep",
        epochs=10,
        split="train[:50000]",  # the rest are the validation images
        evaluate_every=1,
        keep_best="fcd",
    )
    pathlib.Path(base.workdir).mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="tfgan",
        storage=f"sqlite:///{base.workdir}/study.db",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
        load_if_exists=True,
    )
    for number in range(trials):
        # What a sampler remembers would be lost with the process: a new one for each trial.
        study.sampler = optuna.samplers.TPESampler(seed=number)
        begun = study.trials[number] if number < len(study.trials) else None
        if begun is None:
            run_trial(study, study.ask(), base)
        elif not begun.state.is_finished():  # it was cut off
            run_trial(study, optuna.Trial(study, begun._trial_id), base)
    best = study.best_trial
    print(f"Best: {best.params}, {best.value:.4g}, in {base.workdir}/trial_{best.number}")
    return study


if __name__ == "__main__":
    main()
