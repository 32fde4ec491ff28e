"""The bundled network: a small residual U-Net with the three outputs of Cellpose.

This module imports torch; import it only inside functions that need it.
"""

import itertools
from typing import Any, Self

import torch
from cellpose.models import CellposeModel
from cellpose.vit import BaseModel
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

WIDTHS = (16, 32, 64, 128, 192)
"""Channels at full resolution, at half of it, and so on."""
_N_DEEP = 2  # from this level on, where pixels are few, there are two blocks instead of one


class _Block(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.first = _convolve(n, n)
        self.second = nn.Sequential(nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        return torch.relu(x + y) if self.training else y.add_(x).relu_()


def _convolve(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


class NanocrystalNet(BaseModel):  # type: ignore[misc]
    """Residual U-Net [1]_ for one channel; flows and probability as Cellpose [2]_ defines them.

    Parameters
    ----------
    widths : tuple of int, optional
        Channels of each resolution, from the full one downwards.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, MICCAI 2015, DOI 10.1007/978-3-319-24574-4_28.
    .. [2] C. Stringer et al., Nat. Methods 2021, 18, 100, DOI 10.1038/s41592-020-01018-x.
    """

    backbone = "nanocrystal"
    nout = 3

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__(dtype=torch.float32)
        self.widths = tuple(widths)
        self.keep_statistics = self.is_fused = False
        pairs = list(itertools.pairwise(widths))
        self.stem = _convolve(1, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(*(_Block(n) for _ in range(2 if level >= _N_DEEP else 1)))
            for level, n in enumerate(widths)
        )
        self.shrink = nn.ModuleList(_convolve(a, b, stride=2) for a, b in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.up = nn.ModuleList(_Block(n) for n in widths[:-1])
        self.out = nn.Conv2d(widths[0], self.nout, 1)

    def train(self, mode: bool = True) -> Self:
        """Switch to training; statistics of batches are left alone where `keep_statistics`."""
        if mode and self.is_fused:
            raise RuntimeError(
                "A network whose statistics are in its convolutions cannot be trained."
            )
        super().train(mode)
        if mode and self.keep_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Flows and probability (N, 3, Y, X) of pictures (N, C, Y, X), of which C = 0 is used.

        Y and X are multiples of 16. Training uses bfloat16 where it is about four times faster;
        the second result stands for Cellpose's style vector, and is zero.
        """
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training):
            y = self._predict(x[:, :1].contiguous(memory_format=torch.channels_last))
        return y.float().contiguous(), torch.zeros((len(x), 256), device=x.device)

    def _predict(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            if level:
                skips.append(x)
                x = self.shrink[level - 1](x)
            x = block(x)
        for level in reversed(range(len(skips))):
            x = nn.functional.interpolate(self.grow[level](x), scale_factor=2.0)
            x = self.up[level](x + skips[level] if self.training else x.add_(skips.pop()))
        out: Tensor = self.out(x)
        return out

    def fuse(self) -> Self:
        """Put the statistics of batches into the convolutions, which saves time and memory.

        What is left can be evaluated, and neither trained nor saved.
        """
        self.eval()
        self.is_fused = True
        for module in list(self.modules()):
            if isinstance(module, nn.Sequential) and len(module) > 1:
                first, second = module[0], module[1]
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[0], module[1] = fuse_conv_bn_eval(first, second), nn.Identity()
        return self

    def load_model(self, path: Any, device: Any, strict: bool = True) -> None:
        """Weights from a safetensors file."""
        from safetensors.torch import load_file  # noqa: PLC0415

        self.load_state_dict(load_file(path), strict=strict)
        self.to(device)

    def save_model(self, filename: Any) -> None:
        """Write the weights as safetensors; Cellpose calls this while it trains."""
        from safetensors.torch import save_file  # noqa: PLC0415

        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, filename)


class NanocrystalModel(CellposeModel):  # type: ignore[misc]
    """Cellpose's driver around the network above, without fetching a transformer."""

    def __init__(self, net: NanocrystalNet, device: torch.device) -> None:
        self.net = net.to(device, memory_format=torch.channels_last).eval()
        self.device = device
        self.gpu = device.type != "cpu"
        self.backbone = net.backbone
        self.pretrained_model = ""
