"""What each command does, once its options are known."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from .averaging import average_networks
from .checkpoint import load_network, read_checkpoint, save_checkpoint
from .convert import convert_network, dilated_blocks, make_dense, with_padding, without_activations
from .data import ImageSet, read_images, split_validation, write_mosaic
from .ensembles import accuracy_of_mean, member_logits, spreads, weighted
from .errors import UserError
from .evaluation import CALIBRATION_IMAGES, calibrated_control, evaluate
from .export import export_onnx
from .fast import FastResNet
from .growing import grow
from .model_card import write_card
from .networks import NetworkSpec, build
from .options import TrainOptions
from .repair import Repair, RepairOptions
from .statistics import fit_statistics
from .stress import report_lines, stress_report
from .study import run_study
from .study_report import write_study
from .teaching import TeacherOptions, Teaching
from .trainer import Trainer


def run_training(arguments, options: TrainOptions) -> None:
    images = read_images(arguments.data, "train", options.side)
    training, validation = split_validation(images, options.validation)
    if arguments.start and arguments.grow:
        raise UserError("--start and --grow: begin with one of them")
    if arguments.teacher and arguments.teacher_scores:
        raise UserError("--teacher and --teacher-scores: distil from one of them")
    teacher = load_network(arguments.teacher)[1] if arguments.teacher else None
    scores = _teacher_scores(Path(arguments.teacher_scores), training) if arguments.teacher_scores else None
    if arguments.members == 1:
        _train(*_start_network(arguments, images, training, options.seed), training, validation, options, Path(arguments.out), arguments.resume, teacher, scores)
        return
    if arguments.members < 1 or arguments.start:
        raise UserError(f"--members {arguments.members}{' with --start' if arguments.start else ''}: an ensemble has at least one member, and each starts from its own random weights")
    networks = []
    for seed in range(options.seed, options.seed + arguments.members):
        folder = Path(arguments.out) / f"seed-{seed}"
        resume = arguments.resume and (folder / "last.pt").is_file()  # later members may not have begun
        _train(*_start_network(arguments, images, training, seed), training, validation, replace(options, seed=seed), folder, resume, teacher, scores)
        networks.append(load_network(folder / "best.pt")[1])
    print(f"ensemble of {len(networks)}: accuracy {accuracy_of_mean(member_logits(networks, validation.planes()), validation.labels):.2f}% on validation; "
          f"`export {Path(arguments.out) / 'seed-*/best.pt'}` writes it as one file")


def _teacher_scores(path: Path, training: ImageSet) -> np.ndarray:
    """What another network, of any kind, answers to the training images: float32 [n, classes], before a softmax."""
    try:
        scores = np.load(path).astype(np.float32)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not an array of scores ({error})") from error
    wanted = (len(training), training.class_count())
    if scores.shape != wanted:
        raise UserError(f"{path}: scores of shape {list(scores.shape)}, the training part needs {list(wanted)}: images in their order, without those held out for validation")
    if not np.isfinite(scores).all():
        raise UserError(f"{path}: some scores are not finite")
    return scores


def _start_network(arguments, images: ImageSet, training: ImageSet, seed: int):
    """(spec, network) that training starts from."""
    torch.manual_seed(seed)
    _check_twist(arguments.twist, arguments.side)
    if arguments.start:
        spec, network, _ = load_network(arguments.start)
        _check_classes(spec, images)
        if arguments.padding:
            spec, network = with_padding(spec, network, arguments.padding, arguments.twist)
        if arguments.linear:
            spec, network = without_activations(spec, network, arguments.linear)
            fit_statistics(network, training.planes())
        return spec, network
    spec = NetworkSpec(arguments.network, images.class_count(), arguments.activation, arguments.padding or "twisted", arguments.width, arguments.twist, linear=tuple(arguments.linear))
    if arguments.grow:
        return spec, _grown_network(spec, Path(arguments.grow), training)
    network = build(spec)
    network.pixels.fit(training.planes())
    return spec, network


def _grown_network(spec: NetworkSpec, path: Path, training: ImageSet):
    small_spec, small, _ = load_network(path)
    network, new = grow(spec, small_spec, small)
    if new:
        blocks = list(network.blocks)
        fit_statistics(network, training.planes(), blocks[blocks.index(new[0]):])
    print(f"{spec.name}: {len(network.blocks) - len(new)} of {len(network.blocks)} blocks taken from {path} ({small_spec.name}, {small_spec.classes} classes)")
    return network


def _check_twist(twist: int, side: int) -> None:
    """Before hours of training: such a network could not be exported."""
    if twist >= side:
        raise UserError(f"a twist of {twist} rows on images of {side}: padding has to wrap by fewer rows than there are")


def run_teaching(arguments) -> None:
    options = TeacherOptions(**{field.name: getattr(arguments, field.name) for field in fields(TeacherOptions)})
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    training, validation = split_validation(read_images(arguments.data, "train", options.side), options.validation)
    teaching = Teaching(training, validation, options, Path(arguments.out))
    if arguments.resume:
        teaching.resume()
    teaching.run()
    print(f"{Path(arguments.out) / 'scores.npy'}: for `train --teacher-scores`, with --distill")


def run_conversion(arguments, options: TrainOptions) -> None:
    images = read_images(arguments.data, "train", options.side)
    training, validation = split_validation(images, options.validation)
    old_spec, teacher, _ = load_network(arguments.checkpoint)
    _check_classes(old_spec, images)
    _check_twist(arguments.twist, options.side)
    torch.manual_seed(options.seed)
    spec, network = convert_network(old_spec, teacher, arguments.activation, arguments.padding or "twisted", arguments.twist)
    _train(spec, network, training, validation, options, Path(arguments.out), arguments.resume, teacher)


def _train(spec, network, training, validation, options, folder: Path, resume: bool, teacher, scores=None) -> None:
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # squares of small numbers: denormals cost a hundred times more
    if options.compiled and not FastResNet.supports(network):
        print("--compiled has kernels for ResNets with Hermite or ReLU activations and cyclic padding on a CPU; this network trains without them")
    last = folder / "last.pt"
    trainer = Trainer(spec, network, training, validation, options, folder, teacher, scores)
    if resume:
        trainer.resume(last)
    elif last.exists():
        raise UserError(f"{last} exists: give --resume to go on with that run, or another --out")
    trainer.run()
    print(f"{folder / 'best.pt'}: the best network by validation; {folder / 'plot.svg'}: the run")


def run_dense(arguments) -> None:
    images = read_images(arguments.data, "train", arguments.side)
    training, validation = split_validation(images, arguments.validation)
    old_spec, strided, classes = load_network(arguments.checkpoint)
    _check_classes(old_spec, images)
    spec, network = make_dense(old_spec, strided)
    fit_statistics(network, training.planes(), dilated_blocks(network))
    save_checkpoint(Path(arguments.out), spec, network, classes)
    for name, form in (("with strides", strided), ("dense", network)):
        result = evaluate(form, calibrated_control(form, training.planes()), validation.planes(), validation.labels)
        print(f"{name}: accuracy {result.accuracy:.2f}% on {len(validation):,} validation images, worst peak {result.worst:.4g} x rms")


def _chosen_images(arguments) -> ImageSet:
    """The images of --data, --split and --side."""
    if arguments.split != "validation":
        return read_images(arguments.data, arguments.split, arguments.side)
    return split_validation(read_images(arguments.data, "train", arguments.side), arguments.validation)[1]


def run_export(arguments) -> None:
    members = [load_network(path) for path in arguments.checkpoint]
    spec, _, classes = members[0]
    if any(member[0].classes != spec.classes for member in members):
        raise UserError(f"the members of an ensemble must have the same classes, not {[member[0].classes for member in members]}")
    path = Path(arguments.out)
    export_onnx(path, spec, weighted([member[1] for member in members], arguments.weights), arguments.side, classes)
    print(f"{path}: {path.stat().st_size:,} bytes, {len(members)} network{'s' if len(members) > 1 else ''}")


def run_evaluation(arguments) -> None:
    images = _chosen_images(arguments)
    members = [load_network(path) for path in arguments.checkpoint]
    for spec, _, _ in members:
        _check_classes(spec, images)
    networks = weighted([member[1] for member in members], arguments.weights)
    reports, lines = [], []
    for path, network in zip(arguments.checkpoint, networks):
        result = evaluate(network, calibrated_control(network, images.planes()), images.planes(), images.labels)
        reports.append({"checkpoint": str(path), "images": len(images), "accuracy": result.accuracy, "worst_peak": result.worst, "outside": result.outside})
        lines.append(f"{path}: {len(images):,} images: accuracy {result.accuracy:.2f}%, worst peak {result.worst:.4g} x rms, {result.outside} out of range")
    if len(networks) == 1:
        return _print(reports[0], arguments.json, lines)
    logits = member_logits(networks, images.planes())
    accuracy = accuracy_of_mean(logits, images.labels)
    loudness = ", ".join(f"{spread:.2f}" for spread in spreads(logits))
    _print({"members": reports, "accuracy": accuracy, "spreads": spreads(logits)}, arguments.json,
           [*lines, f"together (mean of the logits): accuracy {accuracy:.2f}%; spreads of the members' logits: {loudness}"])


def run_stress(arguments) -> None:
    spec, network, _ = load_network(arguments.checkpoint)
    if spec.activation == "relu":
        raise UserError("a ReLU network has no range to leave; `stress` is for quadratic ones")
    images = _chosen_images(arguments)
    control = calibrated_control(network, images.planes())
    report = stress_report(network, control, images.planes(), arguments.count, arguments.seed, arguments.adversarial)
    summary = {name: {"images": len(r.peaks), "worst_peak": r.worst, "outside": r.outside} for name, r in report.items()}
    _print(summary, arguments.json, report_lines(report))
    if arguments.card:
        accuracy = evaluate(network, control, images.planes(), images.labels).accuracy
        parameters = sum(parameter.numel() for parameter in network.parameters())
        write_card(Path(arguments.card), Path(arguments.card).stem, spec, parameters, {f"{len(images):,} images of {Path(arguments.data).name}": accuracy},
                   report, read_checkpoint(arguments.checkpoint)["run"])


def run_repair(arguments) -> None:
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    spec, network, classes = load_network(arguments.checkpoint)
    if spec.activation == "relu":
        raise UserError("a ReLU network has no range to leave; `repair` is for quadratic ones")
    training, validation = split_validation(read_images(arguments.data, "train", arguments.side), arguments.validation)
    _check_classes(spec, training)
    values = {field.name: getattr(arguments, field.name) for field in fields(RepairOptions)}
    options = RepairOptions(**(values | {"rates": tuple(arguments.rates)}))
    Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)  # before minutes of work, not after
    best = Repair(network, training, validation, options).run()
    save_checkpoint(Path(arguments.out), spec, best.network, classes)
    if best.worst >= options.goal:
        raise UserError(f"{arguments.out} holds the best network that was found, but an image reaches {best.worst:.4g} x rms, and the goal is {options.goal:g}: "
                        "repair it again, give more --steps or larger --rates, raise --goal, or train more frozen epochs")
    print(f"{arguments.out}: the network within {options.goal:g} x rms")


def run_average(arguments) -> None:
    path = Path(arguments.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, *average_networks([Path(name) for name in arguments.checkpoint]))
    print(f"{path}: the mean of {len(arguments.checkpoint)} networks")


def run_quantisation_study(arguments) -> None:
    if bool(arguments.program) != bool(arguments.model):
        raise UserError("--program and --model belong together: the obscura program compiles the network's ONNX file")
    spec, network, _ = load_network(arguments.checkpoint)
    training, validation = split_validation(read_images(arguments.data, "train", arguments.side), arguments.validation)
    _check_classes(spec, validation)
    judged = validation.part(0, min(arguments.count or len(validation), len(validation)))
    study = run_study(network, calibrated_control(network, training.planes()[:CALIBRATION_IMAGES]), judged, training,
                      Path(arguments.model) if arguments.model else None, Path(arguments.program) if arguments.program else None)
    write_study(Path(arguments.out), f"Bits and noise: {Path(arguments.checkpoint).stem}", "validation images, held out of training", study)
    print(f"{arguments.out}: the table; {Path(arguments.out).with_suffix('.svg')}: the plot")


def run_mosaic(arguments) -> None:
    images = _chosen_images(arguments)
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
