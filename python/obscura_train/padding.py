"""How a convolution sees beyond the border of an image.

Under encryption an image is a run of pixels, row after row, and a convolution tap is a rotation of that
run.  With *cyclic raster* padding the neighbour of pixel p at offset o is simply pixel (p + o) mod (H*W):
the right neighbour of a row's last pixel is the next row's first.  No border needs masking then.
"""

import torch

PADDINGS = ("raster", "zeros")


class _RasterPad(torch.autograd.Function):
    """Written out because autograd's version of the same copies costs as much as the convolution it serves."""

    @staticmethod
    def forward(context, x):
        n, c, h, w = x.shape
        out = x.new_empty(n, c, h + 2, w + 2)
        inner = out[:, :, 1:-1]
        inner[..., 1:-1] = x
        inner[:, :, 1:, 0], inner[:, :, 0, 0] = x[:, :, :-1, -1], x[:, :, -1, -1]  # left of a row: the previous row's last
        inner[:, :, :-1, -1], inner[:, :, -1, -1] = x[:, :, 1:, 0], x[:, :, 0, 0]  # right of a row: the next row's first
        out[:, :, 0], out[:, :, -1] = out[:, :, -2], out[:, :, 1]
        return out

    @staticmethod
    def backward(context, gradient):
        inner = gradient[:, :, 1:-1].clone()
        inner[:, :, -1] += gradient[:, :, 0]
        inner[:, :, 0] += gradient[:, :, -1]
        dx = inner[..., 1:-1].contiguous()
        dx[:, :, :-1, -1] += inner[:, :, 1:, 0]
        dx[:, :, -1, -1] += inner[:, :, 0, 0]
        dx[:, :, 1:, 0] += inner[:, :, :-1, -1]
        dx[:, :, 0, 0] += inner[:, :, -1, -1]
        return dx


def raster_pad(x: torch.Tensor) -> torch.Tensor:
    """Pad [N, C, H, W] to [N, C, H+2, W+2] with cyclic raster neighbours."""
    return _RasterPad.apply(x)


def export_raster_pad(graph, x: str) -> str:
    """Write raster_pad as Slice and Concat nodes; returns the padded tensor's name."""
    last_column = graph.slice(x, axis=3, start=-1)
    first_column = graph.slice(x, axis=3, start=0, end=1)
    left = graph.concat([graph.slice(last_column, axis=2, start=-1), graph.slice(last_column, axis=2, start=0, end=-1)], axis=2)
    right = graph.concat([graph.slice(first_column, axis=2, start=1), graph.slice(first_column, axis=2, start=0, end=1)], axis=2)
    wide = graph.concat([left, x, right], axis=3)
    return graph.concat([graph.slice(wide, axis=2, start=-1), wide, graph.slice(wide, axis=2, start=0, end=1)], axis=2)
