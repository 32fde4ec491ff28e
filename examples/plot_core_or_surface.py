"""
Core or surface
===============

The same nanocrystals, doped through their volume and in their outermost shell. Both maps look
alike; the radial profile tells them apart.
"""

import matplotlib.pyplot as plt

import napari_nanodope as nd

with nd.figures.journal_style():
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.4), layout="constrained")
    for ax, location in zip(axes, ["core", "surface"], strict=True):
        # A realistic dose: one count per atom, a little background, a probe of 0.35 nm.
        params = nd.PhantomParams(
            location=location,
            doping=1 / 1000,
            shot_noise=True,
            background_counts=0.01,
            probe_sigma_nm=0.35,
        )
        field, truth = nd.simulate_field(params, seed=1)
        result = nd.analyze(field, nd.Recipe())
        nd.figures.draw_radial(ax, result)
        ax.set_title(f"doped: {location}; found: {result.summary['location']}")
        ax.legend()
        print("\n".join(result.summary["statements"]))
plt.show()
