"""One table in which microscopy and spectroscopy of every sample stand side by side.

Examples
--------
>>> import tempfile
>>> import napari_nanodope as nd
>>> from napari_nanodope.project import make_project
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = make_project(folder)
...     table = nd.join(nd.Project.open(folder))
>>> table[["sample_id", "quantity", "value", "unit", "source"]].to_string(index=False, header=False)
'24h incubation_h   24.0    h project.toml, line 11'
"""

from napari_nanodope.joint.table import COLUMNS, join, widen

__all__ = ["COLUMNS", "join", "widen"]
