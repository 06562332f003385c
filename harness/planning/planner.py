"""Turns what was asked for into trials; everything that can be wrong is found out here.

Nothing has been written when planning fails: bad input leaves no half-made run folder. A method
whose plugin is at fault does not keep the others from being run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from harness.contracts import (
    ArchitectureSpace,
    DataRequest,
    Dataset,
    DatasetProvider,
    Device,
    DeviceMode,
)
from harness.data.dataset import check_setting
from harness.data.overlap import check_separate
from harness.devices.at_hand import choose_mode, mode_here
from harness.errors import DataError, UsageError
from harness.experiment.budget import Budget, parse_budget, parse_seeds
from harness.experiment.setting import FullTaskSetting, Setting, TabularSetting
from harness.experiment.suite import SuiteEntry
from harness.experiment.trial import (
    DatasetIdentity,
    DeviceIdentity,
    MethodIdentity,
    SpaceIdentity,
    Trial,
)
from harness.planning.code import CodeReader, Made
from harness.planning.fitting import (
    as_table,
    check_fit,
    check_images,
    check_objective,
    check_pretraining,
    check_scored,
    check_uncounted,
    completed,
)
from harness.plugins.loading import Plugins
from harness.plugins.registry import ALL
from harness.plugins.selection import Selection, select, select_usable
from harness.plugins.spaces import (
    check_evaluators,
    find_space,
    score_of,
    searched_by,
    space_counts,
    space_entry,
)
from harness.search.parameters import TableEvaluator
from harness.space.spec import SearchSpace

__all__ = ["Planner", "identify_method"]


# What a device is where the trials will run, given what is wanted of it; see `Executor.mode_of`.
ModeOf = Callable[[Selection, Device, DeviceMode | None], DeviceMode | None]


def _mode_here(_: Selection, device: Device, __: DeviceMode | None) -> DeviceMode | None:
    return mode_here(device)


@dataclass
class Planner:
    """Resolves names, prepares each data set once, and checks every setting against it.

    Attributes:
        mode_of: says what a device is where the trials will run: on this machine, if not given.
        passed_over: methods that could not be planned, since a plugin is at fault, and why.
    """

    plugins: Plugins
    request: DataRequest
    mode_of: ModeOf = _mode_here
    passed_over: dict[str, str] = field(default_factory=dict)
    _datasets: dict[str, Dataset] = field(default_factory=dict)
    _overlaps: dict[tuple[str, str, bool], str] = field(default_factory=dict)
    _devices: dict[str, Made] = field(default_factory=dict)  # any of each name
    _left_out: set[str] = field(default_factory=set)  # methods that were told of

    def __post_init__(self) -> None:
        """Read what of the harness trials depend on."""
        self._code = CodeReader(self.request.cache_root)

    def trials(self, entries: Iterable[SuiteEntry]) -> list[Trial]:
        """Return the trials of all entries, each once, methods side by side on each setting.

        Raises:
            UsageError: a name, parameter, budget or setting is wrong, or a device cannot be used
                as asked for; nothing was written.
        """
        trials = [trial for entry in entries for trial in self._expand(entry)]
        return list({trial.key: trial for trial in trials}.values())

    def _expand(self, entry: SuiteEntry) -> list[Trial]:
        if not entry.methods:
            raise UsageError("no method was named; give one with --method, or name a suite")
        # Names first: a misspelt one must not wait for a data set to be decoded.
        budget, seeds = parse_budget(entry.budget), parse_seeds(entry.seeds)
        space = find_space(self.plugins, entry.space)
        methods = self._select_methods(entry.methods, space)
        check_evaluators(self.plugins, space, methods)
        devices = [
            each for text in entry.devices for each in self._select_devices(text, entry.mode)
        ]
        datasets = [each for text in entry.datasets for each in self._select_datasets(text)]
        trials = []
        for dataset, device, seed in product(datasets, devices, seeds):
            if not entry.counts_memory:
                check_uncounted(device, budget)
            setting, identity = self._posed(dataset, entry, budget)
            check_fit(self._prepared(dataset), dataset.name, space, device, budget)
            if isinstance(setting, TabularSetting):
                table = as_table(self._prepared(dataset), dataset.name)
                check_objective(setting.objective, table, dataset.name, space, methods)
            code = partial(
                self._code.identity,
                dataset=(dataset.entry, self._prepared(dataset)),
                device=self._devices[device.name],
                space=space_entry(self.plugins, space.name),
                is_pretrained=setting.kind == "few-shot" and budget.meta_epochs > 0,
            )
            trials += [
                Trial(
                    method=identify_method(method),
                    dataset=self._with_images(identity, method, setting, space),
                    setting=setting,
                    device=device,
                    budget=completed(budget, setting),
                    seed=seed,
                    space=SpaceIdentity.of(space),
                    counts_memory=entry.counts_memory,
                    code=code(method.entry, score=score_of(self.plugins, method)),
                )
                for method in methods
            ]
        return trials

    def _select_methods(
        self, texts: list[str], space: SearchSpace | ArchitectureSpace
    ) -> Sequence[Selection]:
        """Resolve methods, or searches, of a space; say which are passed over, once each."""
        found = select_usable(self.plugins, texts, searched_by(self.plugins, space, texts))
        for text, reason in found.passed_over.items():
            if text not in self.passed_over:
                self.request.report(f"method {text} is passed over: {reason}")
        for text, reason in found.left_out.items():
            if text not in self._left_out:
                self.request.report(f"method {text} is left out: {reason}")
                self._left_out.add(text)
        self.passed_over |= found.passed_over
        return found.selections

    def _select_devices(self, text: str, mode: DeviceMode | None) -> list[DeviceIdentity]:
        """Resolve one entry; `all` passes over what cannot be used here, and says so."""
        selections = select(self.plugins, "device", text)
        if text != ALL:
            return [self._identify_device(selection, mode) for selection in selections]
        usable = []
        for selection in selections:
            try:
                usable.append(self._identify_device(selection, mode))
            except UsageError as error:
                self.request.report(f"{selection.name} is passed over: {error}")
        if not usable:
            raise UsageError("no device can be used here as asked for")
        return usable

    def _identify_device(self, selection: Selection, mode: DeviceMode | None) -> DeviceIdentity:
        device: Device = selection.create()
        self._devices[selection.name] = selection.entry, device
        return DeviceIdentity(
            name=selection.name,
            params=selection.params,
            mode=choose_mode(
                selection.name, device, mode, lambda each: self.mode_of(selection, each, mode)
            ),
            profile=device.profile,
        )

    def _select_datasets(self, text: str) -> list[Selection]:
        """Resolve one entry; `all` passes over what is not at hand, and says so."""
        selections = select(self.plugins, "dataset", text)
        if text != ALL:
            return selections
        at_hand = []
        for selection in selections:
            try:
                self._prepared(selection)
            except DataError as error:
                self.request.report(f"{selection.name} is passed over: {error}")
            else:
                at_hand.append(selection)
        if not at_hand:
            raise UsageError("no data set is at hand; say where they are with --data-root")
        return at_hand

    def _posed(
        self, selection: Selection, entry: SuiteEntry, budget: Budget
    ) -> tuple[Setting, DatasetIdentity]:
        dataset = self._prepared(selection)
        identity = DatasetIdentity(
            name=selection.name,
            params=selection.params,
            fingerprint=dataset.fingerprint,
            image_shape=dataset.image_shape,
            label=selection.label,
        )
        setting = entry.setting(dataset.kind)
        if isinstance(setting, TabularSetting):
            table = as_table(dataset, selection.name)
            return setting, identity.model_copy(update={"classes": table.classes})
        if isinstance(setting, FullTaskSetting):
            classes = dataset.splits["train"].classes
            overlap = self._overlap(selection, setting, entry)
            return setting, identity.model_copy(update={"classes": classes, "overlap": overlap})
        check_setting(dataset, setting, selection.name)
        if budget.meta_epochs:
            check_pretraining(dataset, setting, budget, selection.name)
            overlap = self._overlap(selection, setting, entry)
            return setting, identity.model_copy(update={"overlap": overlap})
        return setting, identity

    def _with_images(
        self,
        identity: DatasetIdentity,
        search: Selection,
        setting: Setting,
        space: SearchSpace | ArchitectureSpace,
    ) -> DatasetIdentity:
        """Add what a search of a table scores networks on, if it does."""
        given = search.parameters
        if not isinstance(given, TableEvaluator) or not isinstance(setting, TabularSetting):
            return identity
        if score_of(self.plugins, search) is None:
            return identity
        check_scored(search.label, setting.objective, space)
        if space_counts(space, given.evaluator):
            return identity
        try:
            (images,) = select(self.plugins, "dataset", given.images)
            prepared = self._prepared(images)
        except DataError as error:
            raise DataError(
                f"search '{search.label}' scores networks on images of '{given.images}', which "
                f"images=NAME replaces: {error}"
            ) from None
        check_images(prepared, images.name, identity.image_shape, given.batch)
        return identity.model_copy(update={"images": prepared.fingerprint})

    def _overlap(self, selection: Selection, setting: Setting, entry: SuiteEntry) -> str:
        """Say what of the tested split is learned from; find it out once."""
        key = selection.label, setting.split, entry.allow_shared_classes
        if key not in self._overlaps:
            self._overlaps[key] = check_separate(
                self._prepared(selection),
                setting.split,
                selection.name,
                allowed=entry.allow_shared_classes,
                report=self.request.report,
            )
        return self._overlaps[key]

    def _prepared(self, selection: Selection) -> Dataset:
        if selection.label not in self._datasets:
            provider: DatasetProvider = selection.create()
            self._datasets[selection.label] = provider.prepare(self.request)
        return self._datasets[selection.label]


def identify_method(selection: Selection) -> MethodIdentity:
    """Return what a record says of a method that was selected."""
    return MethodIdentity(
        name=selection.name,
        version=selection.entry.version,
        distribution=selection.entry.distribution,
        params=selection.params,
        label=selection.label,
    )
