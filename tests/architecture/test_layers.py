"""The plan of the house holds: who imports whom, and how large its rooms are."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = (
    *("qtpy", "PyQt6", "napari", "torch", "matplotlib", "hyperspy", "numba", "pandas", "skimage"),
    *("astropy", "csdmpy", "nmrglue", "pybaselines"),
    *("dask", "distributed", "pyarrow", "pydantic"),
)


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("package", ["napari_nanodope", "spectro"])
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom napari_nanodope.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "heavy: []"


def test_public_names_are_there() -> None:
    import napari_nanodope as nd

    for name in nd.__all__:
        assert getattr(nd, name) is not None
    with pytest.raises(AttributeError, match="attribute '?analyse"):
        _ = nd.analyse


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_rooms_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            docstring = ast.get_docstring(node, clean=False) or ""
            n_lines = node.end_lineno - node.lineno - docstring.count("\n")
            assert n_lines <= 60, f"{node.name} has {n_lines} lines"


def test_what_qt_calls_at_the_end_of_a_widget_is_a_method() -> None:
    # The garbage collector may clear a closure before Qt calls it, which ends the process.
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("destroyed.connect"):
                assert isinstance(node.args[0], ast.Attribute), f"{path.name}:{node.lineno}"
