"""The fields of a project that a person goes through in a viewer, one after the other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal

from napari_nanodope._napari.layers import key_of
from napari_nanodope._napari.session import Session, session_of
from napari_nanodope.acquisitions import FieldState, ProjectField
from napari_nanodope.curation import LABELS_FILE, Curation
from napari_nanodope.field_task import describe_failure, read_project_field
from napari_nanodope.model import FieldOfView, InputError
from napari_nanodope.project import Project

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_nanodope.io.digests import Digests

REVIEWED = ("curated", "rejected")
TO_REVIEW, DUE = "to review", "to measure"

_reviews: "WeakKeyDictionary[ViewerModel, Review]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Queue:
    """A project, and what is known of its fields.

    Attributes
    ----------
    project : Project
        As it was when it was opened.
    states : mapping of str to FieldState
        By the name of the field, in the order of the project; the problem of one that cannot be
        read, or that the last batch could not measure, is in it.
    """

    project: Project
    states: Mapping[str, FieldState]

    @classmethod
    def open(cls, folder: str | Path) -> "Queue":
        """Read a project and look at its fields, which takes long where there are many.

        Raises
        ------
        InputError
            If there is no project, or it has mistakes.
        """
        project = Project.open(folder)
        digests = project.open_digests()
        failures = project.read_failures()
        states = {one.name: look_at(one, digests) for one in project.fields}
        if project.results.is_dir():
            digests.save()
        for name, failure in failures.items():
            state = states.get(name)
            if state is not None and state.is_due and not state.problem:
                states[name] = replace(state, problem=failure)
        return cls(project, states)

    def update(self, states: Mapping[str, FieldState]) -> "Queue":
        """The same with other states of some fields."""
        return replace(self, states={**self.states, **states})

    def choose(self, status: str = "", sample_id: str = "") -> list[ProjectField]:
        """Fields of a sample and of a status, "to review" or "to measure"; empty for all."""
        return [
            one
            for one in self.project.fields
            if sample_id in ("", one.sample_id) and _is_of(self.states[one.name], status)
        ]

    @property
    def n_reviewed(self) -> int:
        """Fields that a person edited, approved or rejected."""
        return sum(one.status in REVIEWED for one in self.states.values())


def _is_of(state: FieldState, status: str) -> bool:
    if status == TO_REVIEW:
        return state.status not in REVIEWED
    if status == DUE:
        return state.is_due
    return status in ("", state.status)


def look_at(one: ProjectField, digests: "Digests") -> FieldState:
    """State of a field, also where what is there of it cannot be read."""
    try:
        return one.find_state(digests)
    except (InputError, OSError) as error:
        return FieldState("new", False, "cannot be read", problem=describe_failure(one, error))


@dataclass(frozen=True, slots=True)
class Opened:
    """A field that was read, and the states of fields that were looked at meanwhile."""

    one: ProjectField
    field: FieldOfView
    states: Mapping[str, FieldState]


def open_field(project: Project, one: ProjectField, others: Iterable[ProjectField]) -> Opened:
    """Read a field, as a batch does, and look at it and at those that may have changed.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        field = read_project_field(one)
    except (InputError, OSError) as error:
        raise InputError(f"{one.name} is not opened: {describe_failure(one, error)}") from None
    return Opened(one, field, look_at_some(project, [one, *others]))


def look_at_some(project: Project, fields: Iterable[ProjectField]) -> dict[str, FieldState]:
    """States of some fields by name."""
    digests = project.open_digests()
    return {one.name: look_at(one, digests) for one in fields}


def review_of(viewer: "ViewerModel") -> "Review":
    """The review of a viewer, the same one every time."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are given a proxy
    if viewer not in _reviews:
        _reviews[viewer] = Review(session_of(viewer))
    return _reviews[viewer]


class Review:
    """Project of a viewer, and which of its fields is shown.

    Edits of a field that is shown are kept in its folder in the project, where a batch finds them.

    Parameters
    ----------
    session : Session
        Shows the fields.
    """

    changed = Signal()
    """Another project, or another state of a field."""
    turned = Signal()
    """Another field is shown."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.queue: Queue | None = None
        self.current: ProjectField | None = None
        self.unsure: dict[str, ProjectField] = {}  # what has to be looked at again
        self._last: tuple[ProjectField, FieldOfView] | None = None
        self._version: tuple[Any, ...] = ()
        session.field_changed.connect(self._on_field)
        session.labels_changed.connect(self._on_labels)

    def set_queue(self, queue: Queue) -> None:
        """Go on with a project."""
        self.queue, self.unsure = queue, {}
        self._find_current()
        self.changed.emit()

    def show(self, opened: Opened) -> None:
        """Show a field with its labels and edits, in the place of the one shown before."""
        session = self.session
        before = self._last[1] if self._last is not None else None
        self._last = opened.one, opened.field  # known before the session tells of it
        self.current = None
        session.set_recipe(opened.one.recipe)
        session.show_field(opened.field, home=opened.one.folder, gone=before)
        session.viewer.reset_view()
        self.take(opened.states)

    def take(self, states: Mapping[str, FieldState]) -> None:
        """Take over what is known of some fields now."""
        if self.queue is None:
            return
        self.unsure = {name: one for name, one in self.unsure.items() if name not in states}
        known = {name: state for name, state in states.items() if name in self.queue.states}
        self.queue = self.queue.update(known)
        self.changed.emit()

    def judge(
        self, one: ProjectField, status: Literal["", "curated", "rejected"], reason: str = ""
    ) -> None:
        """Write down what a person thinks of a field.

        Raises
        ------
        InputError
            If that cannot be said of it, or not be written.
        """
        self.session.sync()
        try:
            one.review(status, reason)
        except OSError as error:
            raise InputError(describe_failure(one, error)) from None
        self.unsure[one.name] = one

    def check_shown(self, one: ProjectField) -> None:
        """Make sure that a batch finds the labels of a field that a person sees.

        Raises
        ------
        InputError
            If there are others in its folder, or none are shown.
        """
        if not (one.folder / LABELS_FILE).is_file():
            return  # as who approves it is told
        shown = self.session.labels if self.session.layer is not None else None
        if shown is None or not np.array_equal(Curation.read(one.folder).labels, shown):
            got = "none" if shown is None else "others"
            raise InputError(
                f"Expected to see the labels in {one.folder} to approve them, got {got}; open the "
                f"field again."
            )

    @property
    def has_other_recipe(self) -> bool:
        """Whether settings in the panels are not those by which a batch measures the field."""
        one = self.current
        return one is not None and self.session.recipe.sha256 != one.recipe.sha256

    def _on_field(self) -> None:
        self._version = self.session.version
        self._find_current()

    def _find_current(self) -> None:
        """Which field of the project the session works on, whoever turned to it."""
        field, last, current = self.session.field, self._last, None
        if self.queue is not None and last is not None and field is not None:
            known = {one.folder: one for one in self.queue.project.fields}
            is_last = field is last[1] or key_of(field) == key_of(last[1])
            current = known.get(last[0].folder) if is_last else None
        if current != self.current:
            self.current = current
            self.turned.emit()

    def _on_labels(self) -> None:
        """Notice that a person edits the field, which is curated and to be measured from then."""
        session, one = self.session, self.current
        if one is None or self.queue is None or session.version == self._version:
            return
        self._version = session.version
        self.unsure[one.name] = one
        state = self.queue.states.get(one.name)
        if state is None or not session.is_kept or state.status == "rejected":
            return
        if state.status != "curated" or state.is_current:
            self.queue = self.queue.update({one.name: _edit(state)})
            self.changed.emit()


def _edit(state: FieldState) -> FieldState:
    """State after an edit, as `ProjectField.find_state` would find it."""
    reason = state.reason
    if state.is_current:
        reason = "changed: edits"
    elif reason.startswith("changed:") and "edits" not in reason:
        reason = f"{reason}, edits"
    return replace(state, status="curated", is_current=False, reason=reason)
