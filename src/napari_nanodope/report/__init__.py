"""One page that tells all of a project: numbers, figures, methods, sources and versions.

Examples
--------
>>> import tempfile
>>> import napari_nanodope as nd
>>> from napari_nanodope.project import make_project
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = make_project(folder)
...     path = nd.write_report(nd.Project.open(folder))
...     path.name, path.stat().st_size > 1000
('report.html', True)
"""

from napari_nanodope.report.page import REPORT_FILE, choose_file, write_report

__all__ = ["REPORT_FILE", "choose_file", "write_report"]
