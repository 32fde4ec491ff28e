"""napari from scripts: results into a viewer that a person goes on to work in."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari_nanodope.model import InputError
from napari_nanodope.project import Project
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    from napari.components import ViewerModel


def add_to_viewer(viewer: "ViewerModel", result: FieldResult) -> None:
    """Show a result in napari: its field, and its particles ready to be curated.

    The panels of that viewer go on with it: its recipe, its labels, what was left out by hand and
    its numbers, so that measuring again gives the same tables. A second result in the same viewer
    takes the place of the first, whose images stay.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        With a window or without.
    result : FieldResult
        What to show.

    Raises
    ------
    InputError
        If something else is given, or napari is not installed.
    """
    try:
        from napari.components import ViewerModel  # noqa: PLC0415 - napari may be absent

        from napari_nanodope._napari.session import session_of  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"Expected napari to show a result in, got: {error}; install napari-nanodope[gui]."
        ) from None
    if not isinstance(viewer, ViewerModel):
        raise InputError(
            f"Expected a viewer of napari, got {type(viewer).__name__}; make one with "
            f"napari.Viewer()."
        )
    if not isinstance(result, FieldResult):
        raise InputError(
            f"Expected a result to show, got {type(result).__name__}; make one with nd.analyze."
        )
    session_of(viewer).show_result(result)


def review_project(folder: str | Path) -> None:
    """Open napari on the fields of a project, to curate, approve or reject them one by one.

    It returns when the window is closed. What a person does is kept in the folder of the project,
    where a batch finds it.

    Parameters
    ----------
    folder : path
        Of the project, or its file.

    Raises
    ------
    InputError
        If there is no project, it has mistakes, or napari is not installed.
    """
    project = Project.open(folder)  # before a window is made
    try:
        import napari  # noqa: PLC0415 - may be absent

        from napari_nanodope._napari.widgets.dock import Dock  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"Expected napari to review {project.folder} in, got: {error}; install "
            f"napari-nanodope[gui]."
        ) from None
    viewer = napari.Viewer(title=f"napari: {project.folder.name}")
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="Nanodope", area="right")
    dock.open_project(project.folder)
    napari.run()
