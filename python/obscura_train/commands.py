"""What each command does, once its options are known."""

import json
from pathlib import Path

import torch

from .checkpoint import load_network, read_checkpoint
from .convert import convert_network
from .data import ImageSet, read_images, split_validation, write_mosaic
from .errors import UserError
from .evaluation import calibrated_control, evaluate
from .export import export_onnx
from .model_card import write_card
from .networks import NetworkSpec, build
from .options import TrainOptions
from .stress import report_lines, stress_report
from .trainer import Trainer


def run_training(arguments, options: TrainOptions) -> None:
    images = read_images(arguments.data, "train", options.side)
    training, validation = split_validation(images, options.validation)
    torch.manual_seed(options.seed)
    if arguments.start:
        spec, network, _ = load_network(arguments.start)
        _check_classes(spec, images)
    else:
        spec = NetworkSpec(arguments.network, images.class_count(), arguments.activation, arguments.padding, arguments.width)
        network = build(spec)
        network.pixels.fit(training.planes())
    teacher = load_network(arguments.teacher)[1] if arguments.teacher else None
    _train(spec, network, training, validation, options, arguments, teacher)


def run_conversion(arguments, options: TrainOptions) -> None:
    images = read_images(arguments.data, "train", options.side)
    training, validation = split_validation(images, options.validation)
    old_spec, teacher, _ = load_network(arguments.checkpoint)
    _check_classes(old_spec, images)
    torch.manual_seed(options.seed)
    spec, network = convert_network(old_spec, teacher, arguments.activation, arguments.padding)
    _train(spec, network, training, validation, options, arguments, teacher)


def _train(spec, network, training, validation, options, arguments, teacher) -> None:
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # squares of small numbers: denormals cost a hundred times more
    folder = Path(arguments.out)
    last = folder / "last.pt"
    trainer = Trainer(spec, network, training, validation, options, folder, teacher)
    if arguments.resume:
        trainer.resume(last)
    elif last.exists():
        raise UserError(f"{last} exists: give --resume to go on with that run, or another --out")
    trainer.run()
    print(f"{folder / 'best.pt'}: the best network by validation; {folder / 'plot.svg'}: the run")


def run_export(arguments) -> None:
    members = [load_network(path) for path in arguments.checkpoint]
    spec, _, classes = members[0]
    if any(member[0].classes != spec.classes for member in members):
        raise UserError(f"the members of an ensemble must have the same classes, not {[member[0].classes for member in members]}")
    path = Path(arguments.out)
    export_onnx(path, spec, [member[1] for member in members], arguments.side, classes)
    print(f"{path}: {path.stat().st_size:,} bytes, {len(members)} network{'s' if len(members) > 1 else ''}")


def run_evaluation(arguments) -> None:
    spec, network, _ = load_network(arguments.checkpoint)
    images = read_images(arguments.data, arguments.split, arguments.side)
    _check_classes(spec, images)
    control = calibrated_control(network, images.planes())
    result = evaluate(network, control, images.planes(), images.labels)
    report = {"images": len(images), "accuracy": result.accuracy, "worst_peak": result.worst, "outside": result.outside}
    _print(report, arguments.json, [f"{len(images):,} images: accuracy {result.accuracy:.2f}%, worst peak {result.worst:.4g} x rms, {result.outside} out of range"])


def run_stress(arguments) -> None:
    spec, network, _ = load_network(arguments.checkpoint)
    if spec.activation == "relu":
        raise UserError("a ReLU network has no range to leave; `stress` is for quadratic ones")
    images = read_images(arguments.data, arguments.split, arguments.side)
    control = calibrated_control(network, images.planes())
    report = stress_report(network, control, images.planes(), arguments.count, arguments.seed, arguments.adversarial)
    summary = {name: {"images": len(r.peaks), "worst_peak": r.worst, "outside": r.outside} for name, r in report.items()}
    _print(summary, arguments.json, report_lines(report))
    if arguments.card:
        accuracy = evaluate(network, control, images.planes(), images.labels).accuracy
        parameters = sum(parameter.numel() for parameter in network.parameters())
        write_card(Path(arguments.card), Path(arguments.card).stem, spec, parameters, {f"{len(images):,} images of {Path(arguments.data).name}": accuracy},
                   report, read_checkpoint(arguments.checkpoint)["run"])


def run_mosaic(arguments) -> None:
    images = read_images(arguments.data, arguments.split, arguments.side)
    count = min(arguments.count or len(images), len(images))
    write_mosaic(images.part(0, count), Path(arguments.out), arguments.columns)
    print(f"{arguments.out}: {count:,} images, {arguments.columns} a row")


def _check_classes(spec: NetworkSpec, images: ImageSet) -> None:
    if int(images.labels.max()) >= spec.classes:
        raise UserError(f"the images have labels up to {images.labels.max()}, the network knows {spec.classes} classes (0 to {spec.classes - 1})")


def _print(report: dict, json_path, lines: list[str]) -> None:
    print("\n".join(lines))
    if json_path:
        Path(json_path).write_text(json.dumps(report, indent=1) + "\n")
