"""Everything a training run can be told, with the defaults of the recipe."""

from dataclasses import asdict, dataclass, fields

from .clustering import GROUPS
from .errors import UserError

SCHEDULES = ("cosine", "one-cycle", "constant")
MOST_CLUSTERS = 4096
PRECISIONS = ("float32", "bfloat16")
SPEED_ONLY = ("threads", "compiled")  # options that do not change what is computed


def check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision '{precision}'; known: {', '.join(PRECISIONS)}")


@dataclass
class TrainOptions:
    """Stored in every checkpoint; a resumed run must agree in all but SPEED_ONLY."""

    epochs: int = 40  # with batch statistics
    frozen_epochs: int = 8  # afterwards, with running statistics: training sees the function that inference computes
    warmup_epochs: int = 0  # activations go from ReLU to quadratic
    batch: int = 96
    learning_rate: float = 0.05
    schedule: str = "one-cycle"
    weight_decay: float = 5e-4
    momentum: float = 0.9
    gradient_clip: float = 1.0
    label_smoothing: float = 0.0
    ema: float = 0.998
    augment: bool = True
    cutout: int = 0  # pixels
    crop: int = 0  # pixels: the first crop_epochs see crops of this side, which are cheaper
    crop_epochs: int = 0
    penalty: float = 0.02  # weight of the range penalty
    limit: float = 4.5  # multiples of rms(v) where it begins
    clamp: float = 7.0
    stress: int = 6  # stress images added to each batch, for the range penalty only
    replay: int = 6  # training images with the largest peaks so far added to each batch of the frozen epochs, for the range penalty only
    noise: float = 0.0  # multiples of rms(v)
    weight_noise: int = 0  # bits that weights will have: frozen epochs train with errors as rounding to them makes; 0: without
    distill: float = 0.0  # weight of the teacher's answer against the label's
    temperature: float = 4.0
    clusters: int = 0  # values that the weights of a group share; 0: every weight its own
    cluster_per: str = "layer"  # what a group is: model, layer or slice
    validation: int = 3000
    side: int = 32
    seed: int = 1
    threads: int = 0  # 0: as PyTorch likes
    compiled: bool = False  # train through the kernels in fast/, which need a C++ compiler
    precision: str = "float32"  # of products in the compiled kernels, while training; judgements are in float32

    def __post_init__(self):
        if self.schedule not in SCHEDULES:
            raise UserError(f"unknown schedule '{self.schedule}'; known: {', '.join(SCHEDULES)}")
        check_precision(self.precision)
        if self.precision != "float32" and not self.compiled:
            raise UserError(f"--precision {self.precision} is for --compiled kernels")
        if self.epochs + self.frozen_epochs < 1:
            raise UserError("nothing to do: epochs and frozen epochs are both 0")
        for name in ("batch", "learning_rate", "gradient_clip", "temperature", "limit"):
            if getattr(self, name) <= 0:
                raise UserError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be positive")
        if not (0 <= self.ema < 1 and 0 <= self.distill <= 1 and 0 <= self.label_smoothing < 1):
            raise UserError(f"ema {self.ema}, label smoothing {self.label_smoothing}: must be in [0, 1); distill {self.distill}: in [0, 1]")
        if self.weight_noise not in range(17):
            raise UserError(f"--weight-noise {self.weight_noise}: bits of weight, 1 to 16, or 0 for none")
        if not 0 <= self.cutout < self.side:
            raise UserError(f"--cutout {self.cutout}: from 0 to {self.side - 1}, less than an image's side")
        if self.crop_epochs and not 8 <= self.crop < self.side or self.crop_epochs not in range(self.epochs + 1):
            raise UserError(f"--crop {self.crop} --crop-epochs {self.crop_epochs}: crops from 8 to {self.side - 1} pixels, for at most the {self.epochs} epochs with batch statistics")
        if self.cluster_per not in GROUPS or self.clusters not in (0, *range(2, MOST_CLUSTERS + 1)):
            raise UserError(f"--clusters {self.clusters} --cluster-per {self.cluster_per}: need 0 or 2 to {MOST_CLUSTERS}, per {', '.join(GROUPS)}")
        if self.clamp <= self.limit:
            raise UserError(f"--clamp {self.clamp} must lie beyond --limit {self.limit}")

    @property
    def total_epochs(self) -> int:
        return self.epochs + self.frozen_epochs

    def work(self, epoch: int) -> float:
        """What an epoch costs, where one of whole images costs 1."""
        return (self.crop / self.side) ** 2 if epoch < self.crop_epochs else 1.0

    def work_before(self, epoch: int) -> float:
        return sum(self.work(e) for e in range(epoch))

    def differences(self, other: "TrainOptions") -> list[str]:
        """'name: mine -> other's', for every option that changes the run."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{f.name}: {mine[f.name]} -> {theirs[f.name]}" for f in fields(self) if f.name not in SPEED_ONLY and mine[f.name] != theirs[f.name]]
