"""What a person set for this plugin in napari's preferences."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari_nanodope.recipe import Recipe

if TYPE_CHECKING:
    from napari_nanodope._napari.session import Session

PLUGIN = "napari-nanodope"
_STAGES = {"sample": "field", "segmentation": "segment"}

_begun: "WeakSet[Session]" = WeakSet()


def preferred_recipe() -> Recipe:
    """Recipe with the preferences in place of the defaults.

    Raises
    ------
    InputError
        If a preference is out of its bounds.
    """
    told = _read()
    return Recipe.from_dict(
        {stage: told[section] for section, stage in _STAGES.items() if section in told},
        origin="Preferences of Nanodope",
    )


def preferred_folder() -> str:
    """Folder that results are to be saved in; empty where none is preferred."""
    return str(_read().get("saving", {}).get("folder", ""))


def begin(session: "Session") -> None:
    """Let a session begin with the preferred recipe, once, unless it has another one already.

    Raises
    ------
    InputError
        If a preference is out of its bounds.
    """
    if session in _begun:
        return
    _begun.add(session)
    if session.result is None and session.recipe == Recipe():
        session.set_recipe(preferred_recipe())


def _read() -> dict[str, Any]:
    """Preferences by section; none where napari does not know this plugin, as in some scripts.

    napari keeps those of a plugin beside its own, from the first that is changed. Before, it is not
    asked: it would look through all plugins, which takes a good part of the time to open the dock.
    """
    from napari.settings import get_plugin_settings, get_settings  # noqa: PLC0415

    place = get_settings().config_path
    if place is not None and not (Path(place).parent / f"{PLUGIN}.yaml").exists():
        return {}
    try:
        told: dict[str, Any] = get_plugin_settings(PLUGIN).model_dump()
    except KeyError:
        return {}
    return told
