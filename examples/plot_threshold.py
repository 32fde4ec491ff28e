"""
Choosing a threshold
====================

A low threshold counts background as dopants, a high one misses dopants. The best one has the
smallest relative error of the total.
"""

import matplotlib.pyplot as plt

import napari_nanodope as nd
from napari_nanodope.core.counting import choose_threshold, find_particle_free, tabulate_thresholds

# %%
# An atom gives four counts here, on a background of half a count per pixel.
params = nd.PhantomParams(dopant_counts_per_atom=4, background_counts=0.5, shot_noise=True)
field, truth = nd.simulate_field(params, seed=1)
free = find_particle_free(truth.labels)
table = tabulate_thresholds(field.map_of("Mn"), truth.labels, free)
best = choose_threshold(table)
print(f"best threshold {best:.2f} counts; true number of dopants {len(truth.dopants)}")

# %%
# Too low a threshold leaves a total that is right on average but uncertain; too high a one leaves
# dopants out. ``threshold = "auto"`` in a recipe makes this choice.
with nd.figures.journal_style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.4), layout="constrained")
    left.plot(table["threshold"], table["dopants"], "o-")
    left.axhline(len(truth.dopants), color="grey", linestyle=":")
    left.set(xlabel="threshold (counts)", ylabel="dopants, corrected")
    right.semilogy(table["threshold"], table["relative_error"], "o-")
    right.axvline(best, color="grey", linestyle=":")
    right.set(xlabel="threshold (counts)", ylabel="relative standard error")
plt.show()
