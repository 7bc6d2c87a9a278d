"""Search a network's recipe with Optuna: ask, run an experiment, tell its validation.

    pip install optuna
    python docs/optuna_sweep.py [--network scratch|vgg] [--trials N]

Run it in the project's folder after `dvc repro` and a commit. Each trial is a DVC
experiment in a temporary folder; the working tree stays as it is. The study is kept in
.dvc/tmp/optuna.db, so the same command adds trials to it: docs/sweeps.md.
"""

import argparse
import subprocess

import dvc.api
import optuna

STORAGE = "sqlite:///.dvc/tmp/optuna.db"


def suggest(trial: optuna.Trial, network: str) -> None:
    """Choose the parameters of params.yaml that concern this network alone."""
    trial.suggest_float(f"{network}.lr_scale", 0.1, 3, log=True)
    trial.suggest_float(f"{network}.weight_decay", 1, 100, log=True)
    trial.suggest_float(f"{network}.dropout", 0, 0.7)


def log_loss(network: str, name: str, params: dict[str, float]) -> float | None:
    """Run one experiment; return its log loss on validation, None if a stage failed."""
    changes = [word for key in params for word in ("-S", f"{key}={params[key]}")]
    command = ["dvc", "exp", "run", "--temp", "-n", name, *changes]
    if subprocess.run([*command, f"evaluate@{network}"]).returncode:
        return None  # as when a training diverges
    return dvc.api.metrics_show(f"metrics/{network}.json", rev=name)["val"]["log_loss"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", choices=("scratch", "vgg"), default="vgg")
    parser.add_argument("--trials", type=int, default=20)
    given = parser.parse_args()
    study = optuna.create_study(
        storage=STORAGE, study_name=given.network, load_if_exists=True
    )
    for _ in range(given.trials):
        trial = study.ask()
        suggest(trial, given.network)
        name = f"optuna-{given.network}-{trial.number}"
        study.tell(trial, log_loss(given.network, name, trial.params))
    print(f"best: optuna-{given.network}-{study.best_trial.number}, {study.best_value}")


if __name__ == "__main__":
    main()
