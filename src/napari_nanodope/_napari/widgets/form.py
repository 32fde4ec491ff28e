"""A form for a stage of the recipe: one input per setting, of the kind that the setting has."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, get_args, get_origin

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from napari_nanodope.recipe import Positive, Recipe, Stage

_LARGEST = 1e9
_DECIMALS, _DECIMALS_OF_SMALL = 2, 6
_UNITS = {"nm": "nm", "mM": "mM", "nm3": "/nm³", "keV": "keV"}


class StageForm(QWidget):
    """Inputs for the settings of one stage.

    Parameters
    ----------
    name : str
        Stage of the recipe, as in "segment".
    leave_out : sequence of str, optional
        Settings that the panel has other inputs for; they keep their values.
    choices : mapping, optional
        Suggestions by setting, for texts.
    """

    changed = Signal()

    def __init__(
        self,
        name: str,
        *,
        leave_out: Sequence[str] = (),
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self._stage: Stage = getattr(Recipe(), name)
        self._name = name
        self._inputs: dict[str, _Input] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for key, info in type(self._stage).model_fields.items():
            if key in leave_out:
                continue
            made = _make_input(key, info.annotation, (choices or {}).get(key))
            made.widget.setToolTip(info.description or "")
            made.widget.setObjectName(key)
            made.connect(self.changed.emit)
            label = QLabel(_to_label(key))
            label.setToolTip(info.description or "")
            layout.addRow(label, made.widget)
            self._inputs[key] = made
        self.set_stage(self._stage)

    def stage(self) -> Stage:
        """The stage that the inputs describe.

        Raises
        ------
        InputError
            If a value is out of its bounds.
        """
        values = {key: made.value() for key, made in self._inputs.items()}
        merged = {self._name: self._stage.model_dump() | values}
        stage: Stage = getattr(Recipe.from_dict(merged), self._name)
        return stage

    def set_stage(self, stage: Stage) -> None:
        """Show the values of a stage; that is no change."""
        self._stage = stage
        blocked = self.blockSignals(True)
        try:
            for key, made in self._inputs.items():
                made.set_value(getattr(stage, key))
        finally:
            self.blockSignals(blocked)


class _Input(Protocol):
    """An input, and how its value is read and shown."""

    widget: QWidget

    def connect(self, slot: Any) -> None: ...

    def value(self) -> Any: ...

    def set_value(self, value: Any) -> None: ...


class _Choice:
    def __init__(self, values: Sequence[str], *, editable: bool = False) -> None:
        self._box = QComboBox()
        self.widget: QWidget = self._box
        self._box.addItems(list(values))
        self._box.setEditable(editable)
        self._box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )

    def connect(self, slot: Any) -> None:
        self._box.currentTextChanged.connect(slot)

    def value(self) -> str:
        return str(self._box.currentText())

    def set_value(self, value: Any) -> None:
        if self._box.findText(str(value)) < 0:
            self._box.addItem(str(value))
        self._box.setCurrentText(str(value))


class _Text:
    def __init__(self) -> None:
        self._line = QLineEdit()
        self.widget: QWidget = self._line

    def connect(self, slot: Any) -> None:
        self._line.editingFinished.connect(slot)

    def value(self) -> str:
        return str(self._line.text())

    def set_value(self, value: Any) -> None:
        self._line.setText(str(value))


class _YesNo:
    def __init__(self) -> None:
        self._box = QCheckBox()
        self.widget: QWidget = self._box

    def connect(self, slot: Any) -> None:
        self._box.toggled.connect(slot)

    def value(self) -> bool:
        return bool(self._box.isChecked())

    def set_value(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class _Number:
    """A number, and where the setting has it, a box for "auto" or for none.

    Where 0 cannot be, it stands for a number that is still to be typed.
    """

    def __init__(self, key: str, without: Any = ..., *, is_positive: bool = False) -> None:
        self._is_positive = is_positive
        self._exact = 0.0  # what was set, of which the input shows fewer digits
        self._spin = QDoubleSpinBox()
        self._spin.setRange(0, _LARGEST)
        self._spin.setDecimals(_DECIMALS)
        self._spin.setSingleStep(0.5)
        self._spin.setKeyboardTracking(False)
        unit = next((u for end, u in _UNITS.items() if key.endswith(f"_{end}")), "")
        self._spin.setSuffix(f" {unit}" if unit else "")
        self._without = without
        self.widget: QWidget = self._spin
        self._box: QCheckBox | None = None
        if without is not ...:
            none = "no limit" if key.startswith("max_") else "not known"
            self._box = QCheckBox("automatic" if without == "auto" else none)
            self.widget = QWidget()
            row = QHBoxLayout(self.widget)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(self._spin, 1)
            row.addWidget(self._box)
            if is_positive:
                self._box.toggled.connect(self._show_what_is_missing)
            self._box.toggled.connect(self._spin.setDisabled)

    def _show_what_is_missing(self, is_without: bool) -> None:
        self._spin.setSpecialValueText(" " if is_without else "type a number")

    def connect(self, slot: Any) -> None:
        self._spin.valueChanged.connect(slot)
        if self._box is not None:
            self._box.toggled.connect(slot)

    def value(self) -> Any:
        if self._box is not None and self._box.isChecked():
            return self._without
        shown = float(self._spin.value())
        is_rounded = abs(shown - self._exact) <= 0.5 * 10.0 ** -self._spin.decimals()
        value = self._exact if is_rounded else shown
        is_missing = self._box is not None and self._is_positive and value == 0
        return self._without if is_missing else value

    def set_value(self, value: Any) -> None:
        is_number = isinstance(value, int | float)
        if self._box is not None:
            self._box.setChecked(not is_number)
        if is_number:
            self._exact = float(value)
            is_small = 0 < self._exact < 0.5 * 10.0**-_DECIMALS
            self._spin.setDecimals(_DECIMALS_OF_SMALL if is_small else _DECIMALS)
            self._spin.setValue(self._exact)


def _make_input(key: str, annotation: Any, choices: Sequence[str] | None) -> _Input:
    if choices is not None:
        return _Choice(choices, editable=True)
    if get_origin(annotation) is Literal:
        return _Choice(get_args(annotation))
    if annotation in (bool, str):
        return _YesNo() if annotation is bool else _Text()
    parts = get_args(annotation)
    is_automatic = any(get_origin(part) is Literal for part in parts)
    without = "auto" if is_automatic else None if type(None) in parts else ...
    return _Number(key, without, is_positive=Positive in parts)


def _to_label(key: str) -> str:
    """Text beside an input: the setting without its unit."""
    words = key.split("_")
    if words[-1] in _UNITS:
        words = words[:-1]
    return " ".join(words).capitalize().replace("Icp ms", "ICP-MS")
