"""How long the network is trained from scratch, and how fast it learns when."""

import math
from dataclasses import dataclass

_CYCLE = 40  # rounds from one restart of the learning rate to the next


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the network is trained from scratch.

    Attributes
    ----------
    rounds : int
        Rounds; in each, `n_new` scenes are rendered and as many old ones forgotten.
    seed : int
        Scenes and first weights follow from it.
    n_scenes, n_new : int
        Scenes in a round, and those among them that are new.
    n_steps, n_batch, side_px : int
        Steps of a round, scenes in a step, and side of what is cut from a scene.
    rate : float
        Learning rate of the first round; it falls to nearly 0 as a half cosine, twice.
    """

    rounds: int = 80
    seed: int = 0
    n_scenes: int = 560
    n_new: int = 112
    n_steps: int = 480
    n_batch: int = 8
    side_px: int = 160
    rate: float = 1.5e-3

    def rate_of(self, number: int) -> float:
        """Learning rate of a round: half cosines, each half as high as the one before [1]_.

        References
        ----------
        .. [1] I. Loshchilov, F. Hutter, SGDR, ICLR 2017, arXiv:1608.03983.
        """
        cycle, at = divmod(number, _CYCLE)
        length = min(_CYCLE, self.rounds)
        height = self.rate * 0.5 ** (cycle + 1)
        return height * (1 + math.cos(math.pi * at / length)) + 2e-5
