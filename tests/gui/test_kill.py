"""Killed at any moment and opened again, a session has lost no operation that had returned."""

import json
import subprocess
import sys

RUN = '''
import json, os, signal, sys, time
import numpy as np
from napari.components import ViewerModel
import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope.pipeline import hash_arrays

field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(64, 80)), seed=5)

def open_field():
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(field)
    if session.labels is None:
        session.set_labels(truth.labels)
    return viewer, session

def operate(session, seed):
    rng = np.random.default_rng(seed)
    ids = np.unique(session.labels)[1:]
    name = rng.choice(["merge", "delete", "paint", "fill", "split", "exclude", "undo", "redo"])
    y, x = int(rng.integers(64)), int(rng.integers(80))
    if name in ("undo", "redo"):
        getattr(session, name)()
    elif name == "paint":
        session.layer.paint((y, x), int(rng.integers(0, 90)))
    elif name == "fill":
        session.layer.fill((y, x), int(rng.integers(1, 90)))
    elif len(ids) < 2:
        session.undo()
    elif name == "merge":
        session.merge(rng.choice(ids, 2, replace=False))
    elif name == "delete":
        session.delete([rng.choice(ids)])
    elif name == "exclude":
        session.exclude([rng.choice(ids)], f"reason {seed}")
    else:
        sizes = np.bincount(session.labels.ravel())[1:]
        points = np.argwhere(session.labels == sizes.argmax() + 1)
        session.split_by_seeds(int(sizes.argmax()) + 1, points[[0, -1]])
    return session.labels is not None  # takes over what was painted

def state(session):
    excluded = sorted((int(k), v) for k, v in session.excluded.items())
    return [hash_arrays(session.labels), excluded, session.state()[-1]]

def child(out, seeds):
    """Report what was found, and the state after every operation; then wait for the end."""
    viewer, session = open_field()
    os.write(out, (json.dumps(state(session)) + "\\n").encode())
    for seed in seeds:
        operate(session, seed)
        os.write(out, (json.dumps(state(session)) + "\\n").encode())
    os.kill(os.getpid(), signal.SIGKILL)

def run(seeds, seconds=None):
    """States that a child reported before it was killed."""
    source, out = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(source)
        child(out, seeds)
    os.close(out)
    with os.fdopen(source) as file:
        lines = [file.readline()]  # the field is open
        if seconds is not None:
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
        told = [json.loads(line) for line in [*lines, *file] if line.endswith("\\n")]
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    return told

n_each, n_random = int(sys.argv[1]), int(sys.argv[2])
last, moves = None, 0
for seed in range(n_each):
    found, after = run([seed])
    assert last is None or found == last, (seed, found, last)
    moves += found != after
    last = after
rng, n_mid = np.random.default_rng(0), 0
for turn in range(n_random):
    told = run(range(10_000 * (turn + 1), 10_000 * (turn + 2)), rng.uniform(0, 0.3))
    assert told[0] == last or told[0][2] == last[2] + 1, (turn, told[0], last)
    n_mid += len(told) - 1
    last = told[-1]
print(json.dumps({"operations": moves, "in the middle": n_mid}))
'''


def test_no_operation_that_had_returned_is_lost_to_a_kill():
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, "30", "5"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["operations"] > 15
    assert told["in the middle"] > 0
