"""The file of the field: its signals, its spectrum, and by which lines elements are mapped."""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QPushButton

from napari_nanodope._napari.mapping import (
    FileContent,
    LineChoice,
    describe_windows,
    find_windows,
    identify_file,
    list_choices,
    list_known,
    list_lines,
    look_into,
    read_anew,
    read_part,
    to_lines,
)
from napari_nanodope._napari.widgets.field_about import FieldAbout
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.core.editing import mark
from napari_nanodope.model import FieldOfView, InputError, is_element

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_nanodope._napari.widgets.spectrum_view import SpectrumView
    from napari_nanodope.core.xray import XrayLine
    from napari_nanodope.io.spectrum import SumSpectrum
    from napari_nanodope.recipe import LineWindows


class FieldPanel(Panel):
    """What the file holds; elements, lines and windows, and reading it anew by them.

    The file is looked at when the panel is seen, and when "Show the field" is pressed.
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self._choices: dict[str, LineChoice] = {}
        self._content = FileContent(())
        self._part: SumSpectrum | None = None
        self._looked_at: Any = None
        self._summed: Any = None
        self._is_awake = False
        self.take = QPushButton("Show the field of the selected layer")
        self.about = FieldAbout()
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Read the file anew with these elements, lines and windows")
        self.fill(self.take, self.about, self.apply_button)
        self.take.clicked.connect(self.look)
        self.apply_button.clicked.connect(self.apply)
        self.follow(self.session.field_changed, self._show_field)
        self.follow(self.session.chosen_changed, self._continue)
        self.follow(self.session.labels_changed, self._continue)
        self._show_field()

    @cached_property
    def view(self) -> "SpectrumView":
        """Spectrum with its elements and windows, made when it is needed: matplotlib is slow."""
        from napari_nanodope._napari.widgets.spectrum_view import SpectrumView  # noqa: PLC0415

        view = SpectrumView(self._list_lines)
        self._layout.insertWidget(self._layout.indexOf(self.apply_button), view)
        view.setVisible(self._content.spectrum is not None)
        view.table.ticked.connect(self._on_ticked)
        view.table.line_chosen.connect(self._on_line)
        view.table.selected.connect(lambda _: self._draw(zoom=True))
        view.windows_moved.connect(self._on_windows)
        view.added.connect(lambda symbol: self.attempt(lambda: self._add(symbol)))
        view.of_chosen.toggled.connect(self._continue)
        view.is_scaled.toggled.connect(lambda _: self._draw())
        return view

    # The field and its file

    def look(self) -> None:
        """Take the field of the viewer, and look into its file again."""
        self._is_awake, self._looked_at, self._summed = True, None, None
        self.tell("")
        self.attempt(self.session.find_field)
        self._continue()

    def showEvent(self, event: Any) -> None:
        """Look into the file as soon as somebody looks at the panel."""
        super().showEvent(event)
        self._is_awake = True
        if self.session.field is None:
            self.session.look_for_field()
        self._continue()

    def hideEvent(self, event: Any) -> None:
        """Read nothing that nobody sees."""
        self._is_awake = False
        super().hideEvent(event)

    def _show_field(self) -> None:
        field = self.session.field
        self.about.show_field(field)
        if identify_file(field) != self._looked_at:
            self._content, self._part, self._summed = FileContent(()), None, None
            self.about.show_signals(())
        self._choices = {one.symbol: one for one in list_choices(field)} if field else {}
        self._show_content()
        self._continue()

    def _continue(self, *_: Any) -> None:
        """Read what is missing, one thing after the other."""
        field = self.session.field
        if not self._is_awake or self.job is not None or field is None:
            return
        if identify_file(field) != self._looked_at:
            self._looked_at = identify_file(field)
            self.run(
                lambda report, cancelled: look_into(field, report, cancelled),
                lambda content: self._take_content(field, content),
            )
        elif self._content.spectrum is not None:
            self._sum_chosen(field)

    def _on_ended(self) -> None:
        super()._on_ended()
        self._continue()

    def cancel(self) -> None:
        """Give up what is running; the spectrum of particles is read when it is asked for again."""
        if self.job is not None and self._summed is not None and self._part is None:
            self.view.of_chosen.setChecked(False)
        super().cancel()

    def _take_content(self, field: FieldOfView, content: FileContent) -> None:
        if identify_file(field) != identify_file(self.session.field):
            return
        self._content, self._part = content, None
        self.about.show_signals(content.signals)
        self.tell(content.problem)
        self._show_content()

    def _show_content(self) -> None:
        has_spectrum = self._content.spectrum is not None
        self.apply_button.setVisible(has_spectrum)
        if has_spectrum or "view" in vars(self):
            self.view.setVisible(has_spectrum)
        if has_spectrum:
            self.view.table.set_choices(list(self._choices.values()))
            self._draw(zoom=True)

    # Elements, lines and windows

    def _list_lines(self, symbol: str) -> "list[XrayLine]":
        spectrum = self._content.spectrum
        return [] if spectrum is None else list_lines(symbol, spectrum.energy)

    def _add(self, symbol: str) -> None:
        if not is_element(symbol):
            raise InputError(f"Expected the symbol of an element such as 'Cd', got {symbol!r}.")
        if not self._list_lines(symbol):
            raise InputError(
                f"Expected an element with lines in the spectrum, got {symbol}; add another."
            )
        known = self._choices.get(symbol, LineChoice(symbol, True))
        self._choices[symbol] = replace(known, is_mapped=True)
        self.view.table.set_choices(list(self._choices.values()))
        self.view.table.select(symbol)

    def _on_ticked(self, symbol: str, is_mapped: bool) -> None:
        self._choices[symbol] = replace(self._choices[symbol], is_mapped=is_mapped)
        self._draw()

    def _on_line(self, symbol: str, line: str) -> None:
        self._set_choice(replace(self._choices[symbol], line=line, windows=None, is_mapped=True))
        self.view.table.select(symbol)
        self._draw(zoom=True)

    def _on_windows(self, windows: "LineWindows") -> None:
        if symbol := self.view.table.symbol:
            self._set_choice(replace(self._choices[symbol], windows=windows, is_mapped=True))

    def _set_choice(self, choice: LineChoice) -> None:
        before, self._choices[choice.symbol] = self._choices[choice.symbol], choice
        if (before.windows is None) != (choice.windows is None):
            self.view.table.set_choice(choice)
        self.view.table.tick(choice.symbol, choice.is_mapped)

    def _draw(self, *, zoom: bool = False) -> None:
        content = self._content
        if content.spectrum is None or content.seen is None:
            return
        choice = self._choices.get(self.view.table.symbol)
        windows = None
        try:
            if choice is not None:
                windows = find_windows(choice, self.session.field, content.seen)
        except InputError as error:  # the line is still to be chosen
            self.tell(str(error))
        lines = list_known(self._choices.values(), self.view.table.symbol)
        self.view.show_spectrum(content.spectrum, windows, lines, self._part, zoom)

    # Reading

    def _sum_chosen(self, field: FieldOfView) -> None:
        """Spectrum of the chosen particles, where it is wanted and not there yet."""
        chosen = self.session.chosen
        self.view.tell_chosen(len(chosen))
        labels = self.session.labels if self.view.of_chosen.isChecked() and chosen else None
        if labels is None:
            self._summed = None
            self._take_part(None, None)
            return
        mask = mark(labels, chosen)
        wanted = (identify_file(field), mask.tobytes())
        if wanted != self._summed:
            self._summed, self._part = wanted, None
            self._draw()
            self.run(lambda *_: read_part(field, mask), lambda part: self._take_part(part, wanted))

    def _take_part(self, part: "SumSpectrum | None", wanted: Any) -> None:
        if part is not self._part and wanted == self._summed:
            self._part = part
            self._draw()

    def apply(self) -> None:
        """Read the file anew with what is chosen, and show it instead of the field."""
        self.attempt(self._apply)

    def _apply(self) -> None:
        field, choices = self.session.field, list(self._choices.values())
        if field is None:
            raise InputError("Expected a field to read anew, got none; open one.")

        def work(report: "Callable[[float, str], None]", _: "Callable[[], bool]") -> FieldOfView:
            report(0.1, "reading")
            return read_anew(field, choices)

        self.run(work, lambda read: self._show_anew(field, read, choices))

    def _show_anew(self, old: FieldOfView, field: FieldOfView, choices: "list[LineChoice]") -> None:
        if self.session.field is not old:
            raise InputError("Expected the field that was read, got another one meanwhile.")
        recipe = self.session.recipe.replace(maps={"lines": to_lines(choices)})
        self.session.set_recipe(recipe)
        self.session.replace_field(field)
        self.tell(f"Mapped: {', '.join(field.elements)}. {'; '.join(describe_windows(field))}.")
