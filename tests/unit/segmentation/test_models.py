"""Networks by name and by file: what comes with the package, what is fetched, what is refused."""

import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from cellpose import models as cellpose_models
from cellpose.vit import BaseModel

from napari_nanodope.model import InputError
from napari_nanodope.segmentation import models
from napari_nanodope.segmentation.cellpose import segment_by_cellpose
from napari_nanodope.segmentation.contrast import standardise
from napari_nanodope.segmentation.models import choose_device, load_network
from napari_nanodope.segmentation.network import NanocrystalNet
from napari_nanodope.segmentation.scenes import render_scene
from napari_nanodope.segmentation.training import compute_flows, save_weights


@pytest.fixture(scope="module")
def network() -> models.Network:
    return load_network("nanocrystal")


def test_the_bundled_weights_are_small_and_in_half_precision():
    file = Path(models.__file__).parent / "weights" / "nanocrystal.safetensors"
    assert file.stat().st_size < 6e6
    from safetensors.torch import load_file

    kinds = {tensor.dtype for tensor in load_file(file).values() if tensor.is_floating_point()}
    assert kinds == {torch.float16}


def test_a_network_is_loaded_once(network):
    assert load_network("nanocrystal") is network


def test_what_cannot_be_trained_says_the_same(network):
    image = standardise(render_scene("HAADF", seed=3, diameter_px=20.0).image)
    whole = load_network("nanocrystal", is_trainable=True)
    found, expected = network.evaluate(image), whole.evaluate(image)
    assert "stem.1.running_mean" in set(whole.model.net.state_dict()) - set(
        network.model.net.state_dict()
    )
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.logits, expected.logits, atol=2e-3)
    with pytest.raises(RuntimeError, match="cannot be trained"):
        network.model.net.train()


def test_pictures_are_left_as_they_were(network):
    """Cellpose overwrites what it is given."""
    image = standardise(render_scene("HAADF", seed=1, diameter_px=20.0).image)
    before = image.copy()
    network.evaluate(image)
    np.testing.assert_array_equal(image, before)


def test_cellpose_keeps_its_defaults(network):
    """It would remember normalize=False for later calls of anybody."""
    before = dict(cellpose_models.normalize_default)
    network.evaluate(np.zeros((64, 64), np.float32))
    assert cellpose_models.normalize_default == before


def test_small_particles_are_kept(network, monkeypatch):
    """Cellpose has limits of its own; here a network sees particles of 21 perfectly."""
    y, x = np.mgrid[:96, :96]
    bodies = np.hypot(y % 16 - 8, x % 16 - 8) < 2.6
    labels = np.where(bodies, 1 + y // 16 * 6 + x // 16, 0).astype(np.int32)
    _, inside, flow_y, flow_x = compute_flows(labels)
    seen = 5 * np.stack([flow_y, flow_x])[:, None], 10 * inside[None] - 5, np.zeros((1, 256))
    monkeypatch.setattr(network.model, "_run_net", lambda *_, **__: seen)
    found = network.evaluate(np.zeros(labels.shape, np.float32)).labels
    np.testing.assert_array_equal(np.bincount(found.ravel())[1:], [21] * 36)


@pytest.mark.parametrize("shape", [(24, 24), (17, 301), (130, 70)])
def test_any_shape_is_seen_whole(network, shape):
    found = network.evaluate(np.random.default_rng(1).normal(0, 1, shape).astype(np.float32))
    assert found.labels.shape == found.logits.shape == shape
    assert found.labels.dtype == np.int32


def test_labels_scores_and_logits_belong_together(network):
    found = network.evaluate(standardise(render_scene("touching", seed=2, diameter_px=20.0).image))
    n = found.labels.max()
    assert n > 10
    assert len(found.probability) == len(found.flow_error) == n
    assert ((found.probability > 0.4) & (found.probability <= 1)).all()
    assert ((found.flow_error >= 0) & (found.flow_error <= models.LARGEST_FLOW_ERROR)).all()
    assert (found.logits[found.labels > 0] > 0).all()


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_weights(NanocrystalNet((8, 16, 32, 48, 64)), path)
    with pytest.raises(InputError, match="Expected weights of the nanocrystal network in"):
        load_network(str(path))


@pytest.mark.parametrize("suffix", [".safetensors", ""])
def test_damaged_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00 no weights")
    with pytest.raises(InputError, match="damaged"):
        load_network(str(path))


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_nothing_in_a_file_is_executed(tmp_path, capsys):
    path = tmp_path / "evil"
    torch.save({"W2": Evil()}, path)
    with pytest.raises(InputError, match="Expected weights of Cellpose 4"):
        load_network(str(path))
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cyto3", "~nobody-of-this-name/mine.safetensors"])
def test_unknown_names_are_refused(name):
    with pytest.raises(InputError, match="Expected a model of nanocrystal, cpsam_v2, cpdino or"):
        load_network(name)


def test_a_file_that_changed_is_read_again(tmp_path):
    path = tmp_path / "mine.safetensors"
    torch.manual_seed(1)
    save_weights(NanocrystalNet(), path)
    first = load_network(str(path))
    torch.manual_seed(2)
    save_weights(NanocrystalNet(), path)
    assert load_network(str(path)).sha256 != first.sha256


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A place that weights come from, and where they go."""
    content = tmp_path / "hub"
    content.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(content), **kwargs)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(models, "_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(cellpose_models, "MODEL_DIR", tmp_path / "models")
    yield content
    server.shutdown()
    thread.join()
    server.server_close()


def test_weights_are_fetched_once_and_shown(hub, tmp_path, capsys):
    (hub / "cpsam_v2").write_bytes(b"x" * 3_000_000)
    with pytest.raises(InputError, match="Expected weights of Cellpose 4"):  # it is no network
        load_network("cpsam_v2")
    fetched = tmp_path / "models" / "cpsam_v2"
    assert fetched.read_bytes() == b"x" * 3_000_000
    shown = capsys.readouterr().err
    assert "cpsam_v2" in shown
    assert "3.00M" in shown
    assert str(tmp_path / "models") in shown
    (hub / "cpsam_v2").unlink()
    with pytest.raises(InputError, match="Expected weights of Cellpose 4"):
        load_network("cpsam_v2")


def test_offline_the_message_says_what_to_do(hub, tmp_path):
    with pytest.raises(InputError, match="put the file at .*cpdino by hand, or use model 'nano"):
        load_network("cpdino")
    assert not list((tmp_path / "models").iterdir())


def test_half_a_file_is_no_file(hub, tmp_path, monkeypatch):
    (hub / "cpsam_v2").write_bytes(b"x" * 1000)
    whole = models.urlopen

    def cut(*args, **kwargs):
        answer = whole(*args, **kwargs)
        answer.headers.replace_header("Content-Length", "5000")
        return answer

    monkeypatch.setattr(models, "urlopen", cut)
    with pytest.raises(InputError, match="1000 of 5000 bytes came"):
        load_network("cpsam_v2")
    assert not list((tmp_path / "models").iterdir())


class TinyTransformer(BaseModel):
    """Stands for Cellpose's network: flows up the blurred picture, inside where it is bright."""

    backbone = "sam_vitl"

    def __init__(self, dtype=torch.float32):
        super().__init__(dtype=dtype)
        at = torch.arange(-10.0, 11.0)
        y, x = torch.meshgrid(at, at, indexing="ij")
        bell = torch.exp(-(y**2 + x**2) / 32)
        middle = ((y == 0) & (x == 0)).float()
        kernels = torch.stack([y * bell, x * bell, 4 * middle])[:, None]
        self.kernels = torch.nn.Parameter(kernels, requires_grad=False)
        self.W2 = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
        self.to(dtype)

    def forward(self, x):
        y = torch.nn.functional.conv2d(x[:, :1], self.kernels, padding=10)
        flows = 5 * y[:, :2] / (y[:, :2].norm(dim=1, keepdim=True) + 1)
        return torch.cat([flows, y[:, 2:] - 2], dim=1), torch.zeros((len(x), 256), dtype=y.dtype)


def test_a_model_of_cellpose_is_driven_as_cellpose_drives_it(tmp_path, monkeypatch):
    monkeypatch.setattr(cellpose_models, "CPSAM", TinyTransformer)
    path = tmp_path / "cpsam_v2"
    torch.save(TinyTransformer().state_dict(), path)
    y, x = np.mgrid[:200, :280]
    image = (np.hypot(y % 40 - 20, x % 40 - 20) < 11).astype(np.float32)
    found = segment_by_cellpose(100 + 7 * image, 22.0, model=path)
    assert found.labels.max() == 35
    assert (found.labels > 0).mean() == pytest.approx(image.mean(), rel=0.1)
    assert found.settings["model"] == str(path)
    assert found.settings["device"] == choose_device().type
    blank = segment_by_cellpose(np.zeros((64, 64), np.float32), 22.0, model=path)
    assert blank.labels.max() == 0
