"""The `nanodope` command as ``python -m napari_nanodope.cli``."""

from napari_nanodope.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
