"""Small images with known pixels, and the ways in which values, colours and alpha are stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

WHOLE = ("uint16", "int16", "int32", "uint32", "int64", "uint64")
REAL = ("float16", "float32", "float64")


@dataclass(frozen=True)
class Picture:
    """An image by which it can be made again."""

    height: int = 5
    width: int = 7
    content: str = "noise"
    seed: int = 0

    def rgb(self) -> NDArray[np.uint8]:
        """Return the pixels; there is always a 0 and a 255, so that depth and black are known."""
        rng = np.random.default_rng(self.seed)
        shape = (self.height, self.width, 3)
        if self.content == "noise":
            rgb = rng.integers(0, 256, shape, dtype=np.uint8)
        elif self.content == "smooth":
            down, across = np.mgrid[: self.height, : self.width] / max(self.height, self.width)
            rgb = np.stack([90 + 120 * down, 200 - 90 * across, 140 + 60 * down * across], -1)
            rgb = rgb.astype(np.uint8)
        else:
            few = rng.integers(0, 256, (5, 3), dtype=np.uint8)
            rgb = few[rng.integers(0, 5, shape[:2])]
        if self.content == "smooth":
            rgb[:2, :2], rgb[-2:, -2:] = 255, 0
        else:
            rgb[0, 0], rgb[-1, -1] = 255, 0
        return rgb

    def grey(self) -> NDArray[np.uint8]:
        """Return (H, W)."""
        return np.ascontiguousarray(self.rgb()[:, :, 1])

    def alpha(self) -> NDArray[np.uint8]:
        """Return (H, W) of which some is see-through."""
        alpha = np.random.default_rng(self.seed + 1).integers(
            0, 256, (self.height, self.width), dtype=np.uint8
        )
        alpha[0, 0], alpha[-1, -1] = 255, 0
        return alpha


# Never so narrow that a width could be a number of channels.
side = st.integers(5, 40)
pictures = st.builds(
    Picture, side, side, st.sampled_from(["noise", "few", "smooth"]), st.integers(0, 50)
)


def three(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, 2)


def on_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image laid on white."""
    share = alpha[:, :, None] / 255
    return np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)


def multiplied(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return colours multiplied by alpha."""
    share = alpha.astype(float) / 255
    return np.rint(rgb * (share[:, :, None] if rgb.ndim == 3 else share)).astype(np.uint8)


@dataclass(frozen=True)
class Stored:
    """A type of values, and the value that white has in it."""

    dtype: str = "uint8"
    white: float = 255

    def of(self, values: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return 8-bit values in this type, exactly but for the last bit."""
        if self.dtype == "bool":
            return values > 127
        scaled = values.astype(np.float64) * (self.white / 255)
        if np.dtype(self.dtype).kind != "f":
            scaled = np.rint(scaled)
        return scaled.astype(self.dtype)

    def seen(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what is left of 8-bit values."""
        return (
            np.where(values > 127, np.uint8(255), np.uint8(0))
            if self.white == 1 and (self.dtype == "bool")
            else values
        )

    @property
    def said(self) -> str:
        """What a note must say of it; empty if nothing is converted."""
        if self.dtype == "bool":
            return "black and white"
        if np.dtype(self.dtype).kind == "f":
            return "Brightness"
        return "" if self.white == 255 else f"{round(np.log2(self.white + 1))} bits"


def stored(whole: tuple[str, ...] = WHOLE, real: tuple[str, ...] = REAL) -> st.SearchStrategy:
    """Types with a depth that can be told."""
    deep = [
        Stored(dtype, 2**bits - 1)
        for dtype in whole
        for bits in (8, 10, 12, 14, 16)
        if dtype != "int16" or bits < 16
    ]
    floats = [Stored(dtype, white) for dtype in real for white in (1.0, 255.0)]
    return st.one_of(
        st.just(Stored()), st.sampled_from(deep), st.sampled_from(floats or [Stored()])
    )


UPRIGHT = {
    1: lambda s: s,
    2: np.fliplr,
    3: lambda s: np.rot90(s, 2),
    4: np.flipud,
    5: lambda s: s.swapaxes(0, 1),
    6: lambda s: np.rot90(s, -1),
    7: lambda s: np.rot90(s, 2).swapaxes(0, 1),
    8: np.rot90,
}
ways = st.one_of(st.just(1), st.integers(1, 8))
