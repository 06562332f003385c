"""The time of a trial on a device that is only emulated."""

from __future__ import annotations

from harness.contracts import DatasetForm
from harness.cost_model.prediction import Prediction, predict_seconds
from harness.estimate.planning import Search
from harness.estimate.tracing import trace
from harness.estimate.work import workload_of
from harness.experiment.trial import Trial
from harness.plugins.loading import Plugins

__all__ = ["predict_search_time"]


def predict_search_time(plugins: Plugins, trial: Trial, form: DatasetForm) -> Prediction | None:
    """Predict the seconds of the trial's search steps on its device, for one task.

    None where the device has no cost model.
    """
    profile = trial.device.profile
    if profile.cost is None:
        return None
    search = Search(
        method=trial.method.name,
        params=trial.method.params,
        label=trial.method.label,
        dataset=trial.dataset.label,
        form=form,
        setting=trial.setting,
        budget=trial.budget,
        seed=trial.seed,
        devices=(profile,),
    )
    kernels = trace(workload_of(plugins, search)).kernels
    return predict_seconds(profile.cost, kernels, parallel=search.uses_threads)
