"""The napari front: layers, reader and sample data. Nothing else in the package needs napari."""
