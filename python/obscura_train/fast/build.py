"""The compiled kernels: built on first use by the system's C++ compiler, then kept in PyTorch's extension cache."""

from functools import cache
from pathlib import Path

from ..errors import UserError

# no -ffinite-math-only: an image that overflows must show as inf or nan
FLAGS = ["-O3", "-march=native", "-std=c++20", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math", "-fopenmp"]
FOLDER = Path(__file__).parent / "kernels"


@cache
def kernels():
    """The module of kernels/module.cpp."""
    from torch.utils import cpp_extension  # slow to import, and complains where there is no CUDA
    sources = [str(FOLDER / name) for name in ("module.cpp", "convolution.cpp", "combination.cpp", "tile_convolution.cpp", "tiles.cpp")]
    try:
        return cpp_extension.load("obscura_train_kernels", sources, extra_cflags=FLAGS, extra_ldflags=["-fopenmp"])
    except (OSError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--compiled needs a C++20 compiler (g++ 11 or newer) and ninja to build its kernels ({reason}); "
                        "install them, or train without --compiled") from error
