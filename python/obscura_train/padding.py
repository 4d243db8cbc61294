"""How a convolution sees beyond the border of an image.

Under encryption the image is cut into cells, and a ciphertext holds one pixel of every cell, the cells row after row. A
convolution tap is a rotation of that row of cells: right of the last cell of a row comes the first of the next row.
No border needs masking if the image wraps in the same way: down to up as on a torus, and from the end of row y to the
start of row y + wrap.  *Twisted* padding wraps by `twist` rows of the image, half as many after each stride, at least
one.  With a twist of 4, cells of 4x4, 2x2 and 1x1 pixels fit the three grids of a ResNet-20, and its strides leave no
slot idle.  *Raster* padding wraps by one row of every grid: cells are runs of pixels then, which any number of images
fits, but which a stride leaves half empty.
"""

from dataclasses import dataclass

import torch

PADDINGS = ("twisted", "raster", "zeros")


@dataclass(frozen=True)
class Padding:
    """The wrap by grid: 0 where the padding is zeros."""

    name: str
    twist: int = 4

    def wrap(self, halvings: int) -> int:
        """In rows of the grid after so many strides of two."""
        return {"twisted": max(1, self.twist >> halvings), "raster": 1, "zeros": 0}[self.name]


class _CyclicPad(torch.autograd.Function):
    """Written out because autograd's version of the same copies costs as much as the convolution it serves."""

    @staticmethod
    def forward(context, x, wrap, reach):
        context.wrap, context.reach = wrap, reach
        n, c, h, w = x.shape
        out = x.new_empty(n, c, h + 2 * reach, w + 2 * reach)
        inner = out[:, :, reach:-reach]
        inner[..., reach:-reach] = x
        inner[..., :reach] = x[..., -reach:].roll(wrap, 2)
        inner[..., -reach:] = x[..., :reach].roll(-wrap, 2)
        out[:, :, :reach], out[:, :, -reach:] = inner[:, :, -reach:], inner[:, :, :reach]
        return out

    @staticmethod
    def backward(context, gradient):
        reach = context.reach
        inner = gradient[:, :, reach:-reach].clone()
        inner[:, :, -reach:] += gradient[:, :, :reach]
        inner[:, :, :reach] += gradient[:, :, -reach:]
        dx = inner[..., reach:-reach].contiguous()
        dx[..., -reach:] += inner[..., :reach].roll(-context.wrap, 2)
        dx[..., :reach] += inner[..., -reach:].roll(context.wrap, 2)
        return dx, None, None


def cyclic_pad(x: torch.Tensor, wrap: int, reach: int = 1) -> torch.Tensor:
    """Pad [N, C, H, W] by `reach` on each side: right of (y, W-1) is (y + wrap, 0), below (H-1, x) is (0, x)."""
    return _CyclicPad.apply(x, wrap % x.shape[2], reach)


def turn(x: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Each pixel of [N, C, H, W] taken from so many further on in raster order, for each image; pixels [N]."""
    flat = x.flatten(2)
    source = (torch.arange(flat.shape[2]) + pixels[:, None]) % flat.shape[2]
    return flat.gather(2, source[:, None].expand_as(flat)).view(x.shape)


def export_cyclic_pad(graph, x: str, wrap: int, reach: int = 1) -> str:
    """Write cyclic_pad as Slice and Concat nodes; returns the padded tensor's name. The image must have more than `wrap` rows."""
    last_columns = graph.slice(x, axis=3, start=-reach)
    first_columns = graph.slice(x, axis=3, start=0, end=reach)
    left = graph.concat([graph.slice(last_columns, axis=2, start=-wrap), graph.slice(last_columns, axis=2, start=0, end=-wrap)], axis=2)
    right = graph.concat([graph.slice(first_columns, axis=2, start=wrap), graph.slice(first_columns, axis=2, start=0, end=wrap)], axis=2)
    wide = graph.concat([left, x, right], axis=3)
    return graph.concat([graph.slice(wide, axis=2, start=-reach), wide, graph.slice(wide, axis=2, start=0, end=reach)], axis=2)
