"""Turns a request into searches to estimate; no data set has to be present."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

from harness.contracts import DataRequest, DatasetForm, DatasetProvider, DescribedProvider, Device
from harness.errors import UsageError
from harness.experiment.budget import parse_budget, parse_seeds
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import Selection, select
from harness.plugins.spaces import supernet_space
from harness.tracing.search import Search, form_of

__all__ = ["plan_searches"]


def plan_searches(
    plugins: Plugins, entries: Iterable[SuiteEntry], request: DataRequest
) -> list[Search]:
    """Return the searches of all entries, each once, with all devices it is requested for.

    A data set is prepared only if its provider does not know its form.

    Raises:
        UsageError: a name, parameter or budget is wrong.
        DataError: a data set had to be prepared and is not there.
    """
    searches: dict[str, Search] = {}
    for entry in entries:
        for search in _expand(plugins, entry, request):
            key = repr((search.label, search.dataset, search.setting, search.budget, search.space))
            known = searches.get(key)
            devices = (*known.devices, *search.devices) if known else search.devices
            unique = {device.name: device for device in devices}
            searches[key] = replace(known or search, devices=tuple(unique.values()))
    return list(searches.values())


def _expand(plugins: Plugins, entry: SuiteEntry, request: DataRequest) -> Iterable[Search]:
    if not entry.methods:
        raise UsageError("no method was named; give one with --method, or name a suite")
    budget, (seed, *_) = parse_budget(entry.budget), parse_seeds(entry.seeds)
    space = supernet_space(plugins, entry.space, "an estimate")
    methods = _select(plugins, "method", entry.methods)
    devices: list[Device] = [each.create() for each in _select(plugins, "device", entry.devices)]
    for dataset, method in product(_select(plugins, "dataset", entry.datasets), methods):
        form = _form(dataset.create(), request)
        yield Search(
            method=method.name,
            params=method.params,
            label=method.label,
            dataset=dataset.label,
            form=form,
            setting=entry.setting(form.kind),
            budget=budget,
            seed=seed,
            devices=tuple(device.profile for device in devices),
            space=space,
        )


def _select(plugins: Plugins, kind: Kind, texts: Sequence[str]) -> list[Selection]:
    return [selection for text in texts for selection in select(plugins, kind, text)]


def _form(provider: DatasetProvider, request: DataRequest) -> DatasetForm:
    form = provider.form() if isinstance(provider, DescribedProvider) else None
    if form is not None:
        return form
    return form_of(provider.prepare(request))
