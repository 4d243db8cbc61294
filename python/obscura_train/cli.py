"""The command line: python -m obscura_train COMMAND ..."""

import argparse
import sys
from dataclasses import fields

from . import commands
from .activations import ACTIVATIONS
from .errors import UserError
from .networks import NETWORKS
from .options import TrainOptions
from .padding import PADDINGS
from .repair import RepairOptions
from .teaching import TeacherOptions

HELP = {
    "epochs": "epochs with batch statistics", "frozen_epochs": "final epochs with frozen statistics", "warmup_epochs": "epochs from ReLU to quadratic",
    "schedule": "cosine, one-cycle or constant", "penalty": "weight of the range penalty", "limit": "penalise peaks beyond this multiple of rms",
    "clamp": "cut values at this multiple of rms while training", "stress": "stress images added to each batch", "replay": "images with the largest peaks so far added to each batch of the frozen epochs", "noise": "noise added to each value to be squared, in rms",
    "weight_noise": "bits that weights will have: frozen epochs train with errors as rounding to them makes",
    "distill": "weight of the teacher's answer", "validation": "training images held out for choices", "cutout": "side of the grey square in each training image, pixels, 0 for none", "crop": "side of the crops that the first --crop-epochs see, pixels: cheaper than whole images", "crop_epochs": "epochs on crops, of those with batch statistics",
    "side": "pixels of an image's side", "threads": "CPU threads, 0 for all",
    "clusters": "values that the convolutions' weights share, 0 for no clustering; start from a trained network", "cluster_per": "who shares them: model, layer or slice",
    "compiled": "train through compiled kernels, some three times as fast on a CPU; needs a C++ compiler",
    "precision": "float32, or bfloat16: what --compiled kernels multiply while training; nearly twice as fast again where the processor has matrix tiles (AMX)", "ema": "decay of the weight average", "gradient_clip": "largest norm of the gradient", "learning_rate": "peak learning rate",
}

REPAIR_HELP = {
    "rates": "learning rates, gentle ones first; the first that reaches the goal is kept", "goal": "multiples of rms that no image may reach", "steps": "steps of fine-tuning at each rate",
    "batch": "training images a step", "pool": "images with the largest peaks that count as hard", "hard": "of these in each batch", "stress": "stress images in each batch",
    "moved": "how often each training image is also checked moved as idle slots have it, by a random move", "distill": "weight of the network's own former answer", "seed": "of the random choices",
    "compiled": "use the compiled kernels",
}


TEACHER_HELP = {
    "epochs": "epochs", "first_width": "channels of its first group of convolutions", "width": "channels of the second", "last_width": "channels of the third, 0 for as many as the second",
    "depth": "convolutions in each group", "batch": "training images a step", "label_smoothing": "label smoothing", "learning_rate": "learning rate, for a thousand images with their momentum",
    "shift": "pixels that training images are moved by, at most", "cutout": "side of the grey square in each training image, pixels, 0 for none",
    "precision": "float32 or bfloat16: what convolutions compute in; bfloat16 is several times as fast where the processor has matrix units for it",
    "validation": "training images held out, as in training", "side": "pixels of an image's side", "seed": "seed", "threads": "CPU threads, 0 for all",
}


def _add_training(parser: argparse.ArgumentParser, **defaults) -> None:
    parser.add_argument("--data", required=True, help="training images: CIFAR binary folder, folder of class folders, or mosaics")
    parser.add_argument("--out", required=True, help="folder for checkpoints, log and plot")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, exactly")
    options = parser.add_argument_group("training")
    for field in fields(TrainOptions):
        name, default = "--" + field.name.replace("_", "-"), defaults.get(field.name, field.default)
        text = f"{HELP.get(field.name, field.name.replace('_', ' '))} (default {default})"
        if isinstance(field.default, bool):
            options.add_argument(name, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            options.add_argument(name, type=type(field.default), default=default, help=text)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=float, nargs="+", help="how much each member of an ensemble counts (default: as loud as its logits are)")


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, help="images: CIFAR binary folder, folder of class folders, or mosaics")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test", help="validation: what training with this --validation held out")
    parser.add_argument("--validation", type=int, default=3000, help="as in training")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--json", help="also write the result here")


def _add_padding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--padding", choices=PADDINGS, help="of convolutions: twisted (default) for batches, raster for few images at once, zeros at the cost of masks")
    parser.add_argument("--twist", type=int, default=4, help="rows by which twisted padding wraps, half as many after each stride: a power of two (default 4)")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("obscura_train", description="Train networks for encrypted inference: quadratic activations that never leave their range.")
    commands_ = parser.add_subparsers(dest="command", required=True)
    train = commands_.add_parser("train", help="train a network, or fine-tune one with --start")
    train.add_argument("--network", choices=NETWORKS, default="resnet20")
    train.add_argument("--activation", choices=ACTIVATIONS, default="hermite")
    _add_padding(train)
    train.add_argument("--linear", nargs="+", default=[], metavar="PLACE", help="leave out the activations at these places of a residual network, stem or the number of the block that ends there, from 0: layers around become one, and encrypted work less")
    train.add_argument("--width", type=int, default=1, help="multiplies every channel count")
    train.add_argument("--start", help="checkpoint to start from (its network wins over the options above, except for a given --padding and --linear)")
    train.add_argument("--grow", help="checkpoint of a residual network with fewer blocks, for other classes if need be: --network's stages start with its blocks, the rest from random weights")
    train.add_argument("--members", type=int, default=1, help="train so many networks with different seeds, each in its own folder of --out, as an ensemble")
    train.add_argument("--teacher", help="checkpoint to distil from; give --distill too")
    train.add_argument("--teacher-scores", help="instead: what any other network answers to the training images, a .npy file [n, classes]; give --distill too")
    _add_training(train)
    teach = commands_.add_parser("teach", help="train a network that is never encrypted, quick and accurate, and write what it answers to the training images, for `train --teacher-scores`")
    teach.add_argument("--data", required=True, help="training images")
    teach.add_argument("--out", required=True, help="folder for teacher.pt and scores.npy")
    teach.add_argument("--resume", action="store_true", help="go on with the run in --out, exactly")
    for field in fields(TeacherOptions):
        teach.add_argument("--" + field.name.replace("_", "-"), type=type(field.default), default=field.default, help=f"{TEACHER_HELP[field.name]} (default {field.default})")
    convert = commands_.add_parser("convert", help="turn a trained ReLU network into a quadratic one, distilled from it")
    convert.add_argument("checkpoint", help="the ReLU network")
    convert.add_argument("--activation", choices=ACTIVATIONS, default="quadratic")
    _add_padding(convert)
    _add_training(convert, epochs=12, frozen_epochs=6, warmup_epochs=4, distill=0.5, learning_rate=0.02)
    dense = commands_.add_parser("dense", help="the same weights without strides, for few images at once: the mean over all shifts of an image")
    dense.add_argument("checkpoint")
    dense.add_argument("--data", required=True, help="training images: running statistics are taken anew")
    dense.add_argument("--out", required=True, help="checkpoint to write")
    dense.add_argument("--side", type=int, default=32)
    dense.add_argument("--validation", type=int, default=3000, help="as in training")
    export = commands_.add_parser("export", help="write ONNX for `obscura compile`; several checkpoints make an ensemble")
    export.add_argument("checkpoint", nargs="+")
    export.add_argument("--out", required=True)
    export.add_argument("--side", type=int, default=32)
    _add_weights(export)
    evaluation = commands_.add_parser("evaluate", help="accuracy and worst peak on labelled images; several checkpoints also as an ensemble")
    evaluation.add_argument("checkpoint", nargs="+")
    _add_weights(evaluation)
    _add_images(evaluation)
    stress = commands_.add_parser("stress", help="peaks over real, moved, synthetic and gradient-sought images")
    stress.add_argument("checkpoint")
    _add_images(stress)
    stress.add_argument("--count", type=int, default=1000, help="synthetic images of each kind")
    stress.add_argument("--adversarial", type=int, default=100, help="images sought by gradient ascent")
    stress.add_argument("--seed", type=int, default=1)
    stress.add_argument("--card", help="also write a model card (Markdown) here")
    repair = commands_.add_parser("repair", help="bring the few training images that drive a trained network too far back into range")
    repair.add_argument("checkpoint")
    repair.add_argument("--data", required=True, help="training images")
    repair.add_argument("--out", required=True, help="checkpoint to write")
    for field in fields(RepairOptions):
        name, text = "--" + field.name, f"{REPAIR_HELP[field.name]} (default {field.default})"
        if field.name == "rates":
            repair.add_argument(name, type=float, nargs="+", default=list(field.default), help=text)
        elif isinstance(field.default, bool):
            repair.add_argument(name, action=argparse.BooleanOptionalAction, default=field.default, help=text)
        else:
            repair.add_argument(name, type=type(field.default), default=field.default, help=text)
    repair.add_argument("--side", type=int, default=32)
    repair.add_argument("--validation", type=int, default=3000, help="as in training")
    repair.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all")
    average = commands_.add_parser("average", help="the mean of the weights of networks that were trained on from one another; `evaluate` it on validation images")
    average.add_argument("checkpoint", nargs="+", help="checkpoints of one kind of network")
    average.add_argument("--out", required=True, help="checkpoint to write")
    study = commands_.add_parser("study", help="accuracy at fewer bits of weight and at the noise of encryption: a table and a plot")
    study.add_argument("checkpoint")
    study.add_argument("--data", required=True, help="training images; the validation part is judged on")
    study.add_argument("--side", type=int, default=32)
    study.add_argument("--validation", type=int, default=3000, help="as in training")
    study.add_argument("--count", type=int, default=1000, help="validation images to use, 0 for all")
    study.add_argument("--program", help="the obscura program, to compile and simulate as well; give --model too")
    study.add_argument("--model", help="the network's ONNX file")
    study.add_argument("--out", required=True, help="Markdown file to write; the plot goes beside it")
    mosaic = commands_.add_parser("mosaic", help="pack labelled images into one lossless WebP")
    _add_images(mosaic)
    mosaic.add_argument("--out", required=True)
    mosaic.add_argument("--columns", type=int, default=32)
    mosaic.add_argument("--count", type=int, default=0, help="only the first so many")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, 1 (an error to mend), 130 (interrupted; the last epoch is kept)."""
    arguments = make_parser().parse_args(argv)
    try:
        if arguments.command in ("train", "convert"):
            options = TrainOptions(**{field.name: getattr(arguments, field.name) for field in fields(TrainOptions)})
            (commands.run_training if arguments.command == "train" else commands.run_conversion)(arguments, options)
        else:
            {"teach": commands.run_teaching, "export": commands.run_export, "evaluate": commands.run_evaluation, "stress": commands.run_stress, "study": commands.run_quantisation_study,
             "repair": commands.run_repair, "dense": commands.run_dense, "average": commands.run_average, "mosaic": commands.run_mosaic}[arguments.command](arguments)
    except UserError as error:
        print(f"obscura_train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nobscura_train: interrupted; go on with --resume", file=sys.stderr)
        return 130
    return 0
