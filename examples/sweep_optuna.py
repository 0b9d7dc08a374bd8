"""Searches for learning rates with Optuna; interrupted trials resume.

    pip install -e '.[examples]'
    python examples/sweep_optuna.py

Each trial is a run in its own folder. It is scored on validation images as it trains, and pruned if
it is worse than most others were at that point. If you interrupt and rerun the search, the
interrupted trial resumes, and the search ends as if it had never been interrupted.
"""

import dataclasses
import pathlib

import keras
import optuna

import tfgan


class Report(keras.callbacks.Callback):
    """Reports each score to Optuna once, and ends the run if Optuna prunes it.

    Args:
        trial: Optuna's trial of this run.
        score: name of the score in the logs.
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
    """The scores that a trial has reported, by epoch."""
    return trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values


def run_trial(study: optuna.Study, trial: optuna.Trial, base: tfgan.TrainConfig) -> None:
    """Runs or resumes one trial."""
    config = dataclasses.replace(
        base,
        workdir=f"{base.workdir}/trial_{trial.number}",
        d_learning_rate=trial.suggest_float("d_learning_rate", 1e-5, 1e-2, log=True),
        g_learning_rate=trial.suggest_float("g_learning_rate", 1e-5, 1e-2, log=True),
    )
    if not trial.should_prune():  # unless it was interrupted after that decision
        report = Report(trial, f"validation_{config.keep_best}")
        try:
            tfgan.train_and_export(config, callbacks=[report])
        except tfgan.UserError:
            if not pathlib.Path(config.workdir, "diverged.txt").exists():
                raise
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # these rates diverge
            return
    seen_enough = trial.should_prune()
    end = optuna.trial.TrialState.PRUNED if seen_enough else optuna.trial.TrialState.COMPLETE
    study.tell(trial, min(scores(trial).values()), state=end)


def main(base: tfgan.TrainConfig | None = None, trials: int = 20) -> optuna.Study:
    """Starts or resumes the search in the folder `base.workdir`."""
    base = base or tfgan.TrainConfig(
        workdir="runs/sweep",
        epochs=10,
        split="train[:50000]",  # the rest is for validation
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
        # A sampler's state is lost with the process, so each trial gets a new sampler.
        study.sampler = optuna.samplers.TPESampler(seed=number)
        begun = study.trials[number] if number < len(study.trials) else None
        if begun is None:
            run_trial(study, study.ask(), base)
        elif not begun.state.is_finished():  # it was interrupted
            run_trial(study, optuna.Trial(study, begun._trial_id), base)
    best = study.best_trial
    print(f"Best: {best.params}, {best.value:.4g}, in {base.workdir}/trial_{best.number}")
    return study


if __name__ == "__main__":
    main()
