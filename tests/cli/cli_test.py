"""The program as its users meet it: exit statuses, messages, files, and the whole job on a toy network.

Run as: cli_test.py PATH_TO_OBSCURA. Needs nothing but Python's standard library.
"""

import csv
import json
import os
import pathlib
import random
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

OBSCURA = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/obscura"
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
NETWORK = DATA / "tiny-resnet.onnx"  # 8x8 pixels, 2 channels
IMAGES = 24
MANY = 300  # three groups of up to 128, the last of 44
REPORT_FIELDS = [
    "images", "accuracy_encrypted", "accuracy_plain", "agreement", "logit_error_max", "logit_error_rms",
    "seconds_total", "seconds_per_image", "threads", "server_peak_bytes", "client_peak_bytes", "key_bytes",
    "request_bytes", "response_bytes", "ring_degree", "log2_qp", "security_bits", "groups", "distinct_images",
]


def write_npy(path, shape, data):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode().ljust(117) + b"\n"
    pathlib.Path(path).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)


def obscura(*arguments, folder):
    return subprocess.run([OBSCURA, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=300)


class CommandLine(unittest.TestCase):
    """What needs no plan."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="obscura-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def expect(self, status, text, *arguments):
        result = obscura(*arguments, folder=self.folder)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(text, result.stdout + result.stderr)
        return result

    def test_help_documents_the_exit_statuses(self):
        result = self.expect(0, "Exit status:", "--help")
        for line in ["0    success", "5    security", "130  interrupted"]:
            self.assertIn(line, result.stdout)
        for command in "compile explain simulate keygen encrypt infer decrypt demo bench".split():
            self.expect(0, "--", command, "--help")

    def test_version(self):
        self.expect(0, "obscura 0.", "--version")

    def test_wrong_calls_are_status_2(self):
        self.expect(2, "Subcommands:")
        self.expect(2, "", "no-such-command")
        self.expect(2, "required", "explain")
        self.expect(2, "--no-such-option", "explain", "p", "--no-such-option")
        self.expect(2, "--secret", "keygen", "p", "--evaluation", "e")
        self.expect(2, "--threads", "explain", "p", "--threads", "-1")
        self.expect(2, "--threads", "explain", "p", "--threads", "many")
        self.expect(2, "", "bench")

    def test_infer_has_no_place_for_a_secret_key(self):
        self.expect(2, "--secret", "infer", "p", "--evaluation", "e", "--request", "r", "-o", "o", "--secret", "s")

    def test_missing_files_are_status_3(self):
        self.expect(3, "missing.plan: cannot open", "explain", "missing.plan")
        self.expect(3, "missing", "compile", NETWORK, "-o", "p", "--calibrate", "missing")

    def test_ensembles_and_weight_bits_that_cannot_be(self):
        write_npy(self.folder / "x.npy", (2, 8, 8, 2), bytes(256))
        ensemble = ["compile", NETWORK, DATA / "tiny-pool.onnx", "-o", "p", "--calibrate", "x.npy"]
        self.expect(2, "the members of an ensemble read one image", *ensemble)
        for bits in ["1", "21", "few", "-3"]:
            self.expect(2, "--weight-bits", "compile", NETWORK, "-o", "p", "--calibrate", "x.npy", "--weight-bits", bits)

    def test_foreign_files_are_status_4(self):
        (self.folder / "text.plan").write_text("this is text and certainly not a plan" * 9)
        self.expect(4, "not an Obscura file", "explain", "text.plan")
        write_npy(self.folder / "x.npy", (4, 8, 8, 2), bytes(512))
        (self.folder / "text.onnx").write_text("this is no network")
        self.expect(4, "text.onnx", "compile", "text.onnx", "-o", "p", "--calibrate", "x.npy")

    def test_unsupported_networks_are_status_6(self):
        write_npy(self.folder / "x.npy", (4, 8, 8, 2), bytes(512))
        self.expect(6, "", "compile", DATA / "unsupported.onnx", "-o", "p", "--calibrate", "x.npy")
        self.assertFalse((self.folder / "p").exists())


class WholeJob(unittest.TestCase):
    """One toy network with insecure parameters, its keys, a request and a response, shared by all tests."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="obscura-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        write_npy(cls.folder / "x.npy", (IMAGES, 8, 8, 2), random.Random(1).randbytes(IMAGES * 128))
        write_npy(cls.folder / "y.npy", (IMAGES,), bytes(IMAGES))
        cls.ok("compile", NETWORK, "-o", "net.plan", "--calibrate", "x.npy", "--log-degree", 10, "--insecure-for-tests", "--run-length", 8,
               "--name", "toy", "--json", "compile.json")
        cls.ok("keygen", "net.plan", "--secret", "secret.key", "--evaluation", "evaluation.keys", "--json", "keygen.json")
        cls.ok("encrypt", "net.plan", "--secret", "secret.key", "--images", "x.npy", "-o", "request.ct")
        cls.ok("infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "request.ct", "-o", "response.ct",
               "--json", "infer.json", "--threads", 2)

    @classmethod
    def ok(cls, *arguments):
        result = obscura(*arguments, folder=cls.folder)
        if result.returncode != 0:
            raise AssertionError(f"{arguments[0]} failed ({result.returncode}): {result.stderr}")
        return result

    def expect(self, status, text, *arguments):
        result = obscura(*arguments, folder=self.folder)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(text, result.stdout + result.stderr)
        self.assertEqual(list(self.folder.glob("*.partial")), [])
        return result

    def load(self, name):
        return json.loads((self.folder / name).read_text())

    def decrypt(self, *arguments):
        return self.ok("decrypt", "net.plan", "--secret", "secret.key", "--response", "response.ct", *arguments)

    def test_reports_of_the_steps(self):
        self.assertEqual(self.load("compile.json")["security_bits"], 0)
        self.assertEqual(self.load("compile.json")["ring_degree"], 1024)
        keys = self.load("keygen.json")
        self.assertEqual(keys["key_bytes"], (self.folder / "evaluation.keys").stat().st_size)
        self.assertEqual(keys["secret_key_bytes"], (self.folder / "secret.key").stat().st_size)
        server = self.load("infer.json")
        self.assertEqual((server["images"], server["threads"]), (IMAGES, 2))
        self.assertGreater(len(server["layers"]), 2)

    def test_secret_key_is_private(self):
        self.assertEqual(stat.S_IMODE((self.folder / "secret.key").stat().st_mode), 0o600)

    def test_explain(self):
        text, report = self.ok("explain", "net.plan").stdout, json.loads(self.ok("explain", "net.plan", "--json").stdout)
        self.assertIn("toy", text)
        self.assertIn("layers", report)
        self.assertIn(f"by the rates of {report['rates']}", text)

    def test_simulate(self):
        self.ok("simulate", "net.plan", "--images", "x.npy", "--labels", "y.npy", "--json", "simulate.json")
        report = self.load("simulate.json")
        for field in ["accuracy_plain", "accuracy_simulated", "agreement"]:
            self.assertTrue(0 <= report[field] <= 1)

    def test_decrypted_scores_agree_with_the_plain_network(self):
        self.decrypt("--images", "x.npy", "--labels", "y.npy", "--json", "decrypt.json", "-o", "scores.csv")
        report = self.load("decrypt.json")
        self.assertEqual(report["images"], IMAGES)
        self.assertGreaterEqual(report["agreement"], 0.9)
        self.assertLess(report["logit_error_max"], 0.5)
        self.assertEqual(report["security_bits"], 0)
        with open(self.folder / "scores.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), IMAGES)
        hits = sum(row["class"] == "0" for row in rows)
        self.assertAlmostEqual(report["accuracy_encrypted"], hits / IMAGES)
        for row in rows:
            scores = [float(value) for name, value in row.items() if name.startswith("score_")]
            self.assertEqual(scores.index(max(scores)), int(row["class"]))

    def test_decrypt_as_json_and_with_labels_alone(self):
        self.decrypt("-o", "scores.json")
        scores = self.load("scores.json")
        self.assertEqual(len(scores["images"]), IMAGES)
        self.assertEqual(len(scores["images"][0]["scores"]), scores["classes"])
        report = json.loads(self.decrypt("--labels", "y.npy", "--json").stdout)
        self.assertIn("accuracy_encrypted", report)
        self.expect(2, ".csv or .json", "decrypt", "net.plan", "--secret", "secret.key", "--response", "response.ct",
                    "-o", "scores.txt")

    def test_part_of_the_images(self):
        self.ok("encrypt", "net.plan", "--secret", "secret.key", "--images", "x.npy", "--first", 5, "--count", 3, "-o", "three.ct")
        self.ok("infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "three.ct", "-o", "three.response")
        self.ok("decrypt", "net.plan", "--secret", "secret.key", "--response", "three.response", "--first", 5, "-o", "three.csv",
                "--images", "x.npy", "--json", "three.json")
        self.assertEqual((self.folder / "three.csv").read_text().splitlines()[1].split(",")[0], "5")
        self.assertEqual(self.load("three.json")["agreement"], 1)
        self.expect(2, "only 24", "encrypt", "net.plan", "--secret", "secret.key", "--images", "x.npy", "--first", 20,
                    "--count", 5, "-o", "none.ct")
        self.assertFalse((self.folder / "none.ct").exists())

    def test_a_server_refuses_a_secret_key_in_every_place(self):
        good = {"plan": "net.plan", "evaluation": "evaluation.keys", "request": "request.ct"}
        for place in good:
            files = dict(good, **{place: "secret.key"})
            self.expect(5, "secret key", "infer", files["plan"], "--evaluation", files["evaluation"], "--request",
                        files["request"], "-o", "refused.ct")
        self.assertFalse((self.folder / "refused.ct").exists())

    def test_exchanged_files_are_status_4(self):
        self.expect(4, "evaluation keys is expected", "infer", "net.plan", "--evaluation", "request.ct", "--request",
                    "request.ct", "-o", "refused.ct")
        self.expect(4, "secret key is expected", "decrypt", "net.plan", "--secret", "evaluation.keys", "--response", "response.ct")

    def test_damaged_files_are_status_4(self):
        whole = (self.folder / "request.ct").read_bytes()
        for name, data in {"cut": whole[:-1], "flipped": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]}.items():
            (self.folder / name).write_bytes(data)
            self.expect(4, name, "infer", "net.plan", "--evaluation", "evaluation.keys", "--request", name, "-o", "refused.ct")
            self.assertFalse((self.folder / "refused.ct").exists())

    def test_files_of_another_plan_or_key_are_status_4(self):
        self.ok("compile", NETWORK, "-o", "other.plan", "--calibrate", "x.npy", "--log-degree", 10, "--insecure-for-tests", "--run-length", 8,
                "--name", "another")
        self.expect(4, "", "infer", "other.plan", "--evaluation", "evaluation.keys", "--request", "request.ct", "-o", "refused.ct")
        self.ok("keygen", "net.plan", "--secret", "second.key", "--evaluation", "second.keys")
        self.expect(4, "", "infer", "net.plan", "--evaluation", "second.keys", "--request", "request.ct", "-o", "refused.ct")
        self.expect(4, "", "decrypt", "net.plan", "--secret", "second.key", "--response", "response.ct")

    def test_decrypt_tells_keys_and_requests_that_do_not_belong(self):
        self.ok("keygen", "net.plan", "--secret", "third.key", "--evaluation", "third.keys")
        self.expect(4, "made with another key", "decrypt", "net.plan", "--secret", "third.key", "--response", "response.ct")
        self.decrypt("--request", "request.ct", "-o", "checked.csv")
        self.ok("encrypt", "net.plan", "--secret", "secret.key", "--images", "x.npy", "-o", "later.ct")
        self.expect(4, "answers another request than later.ct", "decrypt", "net.plan", "--secret", "secret.key", "--response",
                    "response.ct", "--request", "later.ct", "-o", "unchecked.csv")
        self.assertFalse((self.folder / "unchecked.csv").exists())

    def test_infer_keeps_within_the_memory_or_says_the_least(self):
        command = ["infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "request.ct", "-o", "small.ct", "--threads", 1]
        message = self.expect(8, "it takes at least", *command, "--memory", "1M").stderr
        least = message.split("at least ")[1].split(" MB")[0]
        self.ok(*command, "--memory", least + "M", "--json", "small.json")
        self.assertLess(self.load("small.json")["peak_limb_bytes"], int(least) * 10**6)
        self.assertEqual((self.folder / "small.ct").read_bytes(), (self.folder / "response.ct").read_bytes())
        self.expect(2, "no size", *command, "--memory", "much")

    def test_head_room_is_checked_and_shown(self):
        text = self.ok("explain", "net.plan").stdout
        self.assertIn("head-room: ", text)
        self.ok("explain", "net.plan", "--json", "explain.json")
        explained = self.load("explain.json")
        headroom = 2 ** explained["headroom_bits"]
        self.assertGreaterEqual(headroom, 2)
        compile_it = ["compile", NETWORK, "-o", "room.plan", "--calibrate", "x.npy", "--log-degree", 10, "--insecure-for-tests",
                      "--run-length", 8]
        self.ok(*compile_it, "--headroom", 0.99 * headroom)
        (self.folder / "room.plan").unlink()
        self.expect(7, explained["headroom_layer"], *compile_it, "--headroom", 1.01 * headroom)
        self.assertFalse((self.folder / "room.plan").exists())
        self.expect(2, "--headroom", *compile_it, "--headroom", 0.5)

    def test_stress_reports_every_family(self):
        text = self.ok("simulate", "net.plan", "--stress", "--stress-images", 4, "--adversarial", 1).stdout
        for family in ["constant", "uniform noise", "binary noise", "gaussian noise", "blocks", "stripes", "gradient-maximised"]:
            self.assertIn(family, text)
        self.assertIn("whole group of up to 128 images", text)
        self.ok("simulate", "net.plan", "--stress", "--images", "x.npy", "--stress-images", 4, "--adversarial", 1, "--json", "stress.json")
        families = {family["family"]: family for family in self.load("stress.json")["families"]}
        self.assertEqual((families["real"]["images"], families["blocks"]["images"]), (IMAGES, 4))
        self.ok("explain", "net.plan", "--json", "explain.json")
        self.assertAlmostEqual(families["real"]["worst_use"], 2 ** -self.load("explain.json")["headroom_bits"])
        self.expect(2, "--stress", "simulate", "net.plan")

    def test_rates_of_a_machine_change_the_predictions(self):
        self.ok("explain", "net.plan", "--threads", 1, "--json", "here.json")
        rates = {"transform_seconds": 1e-3, "square_seconds": 1e-3, "product_rate": 1e9, "key_product_rate": 1e8, "pack_rate": 1e8,
                 "threads": 1}
        (self.folder / "slow.json").write_text(json.dumps(rates))
        self.ok("explain", "net.plan", "--machine", "slow.json", "--json", "slow-explain.json")
        self.assertGreater(self.load("slow-explain.json")["seconds_total"], 2 * self.load("here.json")["seconds_total"])
        self.ok("compile", NETWORK, "-o", "slow.plan", "--calibrate", "x.npy", "--log-degree", 10, "--insecure-for-tests", "--batch", 8,
                "--machine", "slow.json")
        (self.folder / "slow.json").write_text(json.dumps(dict(rates, pack_rate=0)))
        self.expect(4, "pack_rate", "explain", "net.plan", "--machine", "slow.json")
        self.expect(3, "absent.json", "explain", "net.plan", "--machine", "absent.json")

    def test_keygen_does_not_overwrite(self):
        before = (self.folder / "secret.key").read_bytes()
        result = obscura("keygen", "net.plan", "--secret", "secret.key", "--evaluation", "evaluation.keys", folder=self.folder)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("secret.key", result.stderr)
        self.assertEqual((self.folder / "secret.key").read_bytes(), before)

    def test_wrong_shape_of_images_is_status_4(self):
        write_npy(self.folder / "large.npy", (1, 9, 8, 2), bytes(144))
        self.expect(4, "8", "encrypt", "net.plan", "--secret", "secret.key", "--images", "large.npy", "-o", "none.ct")

    def test_an_interrupted_command_leaves_nothing(self):
        # a toy takes a fraction of a second: too early, no handler is installed yet; too late, the command has finished
        statuses = []
        for delay in [0.02 * k for k in range(1, 40)]:
            process = subprocess.Popen(
                [OBSCURA, "infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "request.ct", "-o", "late.ct"],
                cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ, OBSCURA_ISA="scalar"))
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
            statuses.append(process.returncode)
            self.assertIn(process.returncode, (-signal.SIGINT, 0, 130))
            self.assertEqual(list(self.folder.glob("*.partial")), [])
            if process.returncode == 130:
                self.assertFalse((self.folder / "late.ct").exists())
                return
            (self.folder / "late.ct").unlink(missing_ok=True)
        self.fail(f"no run was interrupted while it worked: {statuses}")

    def encrypt_many(self, name):
        self.ok("encrypt", "net.plan", "--secret", "secret.key", "--images", "x.npy", "--count", MANY, "--repeat", "-o", name,
                "--json", "encrypt.json")
        self.assertEqual((self.load("encrypt.json")["groups"], self.load("encrypt.json")["images"]), (3, MANY))
        return ["infer", "net.plan", "--evaluation", "evaluation.keys", "--request", name, "--threads", 2]

    def test_several_groups_give_the_scores_of_their_images(self):
        infer = self.encrypt_many("many.ct")
        self.ok(*infer, "-o", "many.response", "--json", "many.json")
        report = self.load("many.json")
        self.assertEqual((report["images"], report["groups"], report["groups_resumed"]), (MANY, 3, 0))
        self.ok("decrypt", "net.plan", "--secret", "secret.key", "--response", "many.response", "-o", "many.csv")
        self.decrypt("-o", "few.csv")
        many, few = ([line.split(",") for line in (self.folder / name).read_text().splitlines()[1:]] for name in ("many.csv", "few.csv"))
        self.assertEqual([int(row[0]) for row in many], list(range(MANY)))
        same = sum(row[1] == few[i % IMAGES][1] for i, row in enumerate(many))
        self.assertGreaterEqual(same / MANY, 0.9)  # but for near ties under noise
        for i, row in enumerate(many):
            for a, b in zip(row[3:], few[i % IMAGES][3:]):
                self.assertAlmostEqual(float(a), float(b), delta=0.5)

    def test_everything_through_pipes(self):
        commands = [["encrypt", "net.plan", "--secret", "secret.key", "--images", "x.npy", "--count", MANY, "--repeat", "-o", "-"],
                    ["infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "-", "-o", "-", "--json"],
                    ["decrypt", "net.plan", "--secret", "secret.key", "--response", "-", "-o", "piped.csv"]]
        source, processes = None, []
        for command in commands:
            process = subprocess.Popen([OBSCURA, *map(str, command)], cwd=self.folder, stdin=source, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            if source:
                source.close()
            source = process.stdout
            processes.append(process)
        text = processes[-1].communicate(timeout=120)[0].decode()
        errors = [process.stderr.read().decode() for process in processes[:-1]]
        for process in processes:
            process.stderr.close()
            self.assertEqual(process.wait(timeout=120), 0, errors)
        # the results are on standard output; what is for people, or scripts, is not among them
        self.assertIn(f"{MANY} encrypted images in 3 groups", errors[0])
        self.assertEqual(json.loads(errors[1][errors[1].index("{"):])["groups"], 3)
        self.assertIn(f"{MANY} images:", text)
        self.assertEqual(len((self.folder / "piped.csv").read_text().splitlines()), MANY + 1)

    def test_a_killed_run_is_gone_on_with(self):
        infer = self.encrypt_many("killed.ct")
        self.ok(*infer, "-o", "whole.response")
        whole = (self.folder / "whole.response").read_bytes()
        partial = self.folder / "killed.response.partial"
        for ending in [signal.SIGKILL, signal.SIGINT, signal.SIGTERM]:
            process = subprocess.Popen([OBSCURA, *map(str, infer), "-o", "killed.response"], cwd=self.folder,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ, OBSCURA_ISA="scalar"))
            while process.poll() is None and (not partial.exists() or partial.stat().st_size < len(whole) // 3):
                time.sleep(0.002)
            process.send_signal(ending)
            message = process.communicate(timeout=120)[1].decode()
            self.assertEqual(process.returncode, -ending if ending == signal.SIGKILL else 130, message)
            if ending != signal.SIGKILL:
                self.assertIn("kept in killed.response.partial", message)
            kept = partial.read_bytes()
            self.assertGreaterEqual(len(kept), len(whole) // 3)
            self.assertTrue(whole.startswith(kept))
            self.assertFalse((self.folder / "killed.response").exists())
            self.ok(*infer, "-o", "killed.response", "--json", "killed.json")
            self.assertEqual((self.folder / "killed.response").read_bytes(), whole)
            self.assertEqual(self.load("killed.json")["groups_resumed"], len(kept) // (len(whole) // 3))
            self.assertFalse(partial.exists())
            (self.folder / "killed.response").unlink()

    def test_a_partial_response_to_another_request_is_status_4(self):
        infer = self.encrypt_many("first.ct")
        self.encrypt_many("second.ct")
        self.ok(*infer, "-o", "first.response")
        shutil.copy(self.folder / "first.response", self.folder / "second.response.partial")
        command = ["second.ct" if word == "first.ct" else word for word in infer] + ["-o", "second.response"]
        result = obscura(*command, folder=self.folder)
        self.assertEqual(result.returncode, 4)
        self.assertIn("answers another request", result.stderr)
        self.assertIn("--restart", result.stderr)
        self.assertFalse((self.folder / "second.response").exists())
        self.ok(*command, "--restart")
        self.assertFalse((self.folder / "second.response.partial").exists())

    def test_an_interrupt_ends_waiting_for_a_pipe(self):
        process = subprocess.Popen([OBSCURA, "infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "-", "-o", "waiting.ct"],
                                   cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not (self.folder / "waiting.ct.partial").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=30), 130)
        process.stdin.close()
        process.stderr.close()
        self.assertEqual(list(self.folder.glob("waiting.ct*")), [])

    def test_every_kernel_variant_finds_the_same_classes(self):
        self.decrypt("-o", "best.csv")
        expected = [line.split(",")[1] for line in (self.folder / "best.csv").read_text().splitlines()]
        for variant in ["scalar", "avx2", "avx512", "avx512ifma"]:
            result = subprocess.run(
                [OBSCURA, "infer", "net.plan", "--evaluation", "evaluation.keys", "--request", "request.ct", "-o", "variant.ct"],
                cwd=self.folder, capture_output=True, text=True, env=dict(os.environ, OBSCURA_ISA=variant), timeout=300)
            if result.returncode == 2 and "not available" in result.stderr:
                continue
            self.assertEqual(result.returncode, 0, result.stderr)
            self.ok("decrypt", "net.plan", "--secret", "secret.key", "--response", "variant.ct", "-o", "variant.csv")
            found = [line.split(",")[1] for line in (self.folder / "variant.csv").read_text().splitlines()]
            self.assertEqual(found, expected, variant)

    def test_demo_and_bench_report_what_is_promised(self):
        (self.folder / "x.labels").write_bytes(bytes(IMAGES))
        self.addCleanup(os.remove, self.folder / "x.labels")
        self.ok("demo", "--model", "net.plan", "--data", "x.npy", "--calibrate", "x.npy", "--images", 6, "--threads", 1,
                "--output", "out")
        report = self.load("out/report.json")
        self.assertEqual([field for field in REPORT_FIELDS if field not in report], [])
        self.assertEqual((report["images"], report["threads"], report["ring_degree"]), (6, 1, 1024))
        self.assertGreater(report["server_peak_bytes"], 1_000_000)
        self.assertEqual((self.folder / "out/predictions.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(sorted(os.listdir(self.folder / "out/server")),
                         ["evaluation.keys", "network.plan", "report.json", "request.ct", "response.ct"])
        self.ok("bench", "e2e", "--model", "net.plan", "--images", "x.npy", "--calibrate", "x.npy", "--batch", 4, "--threads", 1,
                "--json", "bench.json", "--quiet")
        bench = self.load("bench.json")
        self.assertEqual([field for field in REPORT_FIELDS if field not in bench], [])
        self.assertEqual((bench["images"], bench["groups"], bench["distinct_images"]), (4, 1, 4))
        self.assertEqual([run["seconds_total"] for run in bench["server_runs"]], [bench["seconds_total"]])

    def test_bench_reports_the_run_that_takes_the_median_time(self):
        self.expect(2, "--runs", "bench", "e2e", "--model", "net.plan", "--runs", 0)
        out = self.ok("bench", "e2e", "--model", "net.plan", "--images", "x.npy", "--labels", "y.npy", "--calibrate",
                      "x.npy", "--batch", 4, "--threads", 1, "--runs", 3, "--json", "bench.json").stdout
        for run in (1, 2, 3):
            self.assertIn(f"run {run} of 3", out)
        self.assertIn("the median of 3 runs", out)
        bench = self.load("bench.json")
        seconds = [run["seconds_total"] for run in bench["server_runs"]]
        self.assertEqual(seconds, sorted(seconds))
        self.assertEqual(bench["seconds_total"], seconds[1])
        self.assertEqual(bench["seconds"]["infer"], seconds[1])
        self.assertEqual(bench["server"]["seconds"], bench["server_runs"][1]["seconds"])
        self.assertEqual(bench["server_peak_bytes"], max(run["peak_bytes"] for run in bench["server_runs"]))

    def test_bench_repeats_images_to_fill_several_groups(self):
        one = self.load("infer.json")
        self.ok("bench", "e2e", "--model", "net.plan", "--images", "x.npy", "--labels", "y.npy", "--calibrate", "x.npy", "--batch",
                MANY, "--threads", 2, "--json", "bench.json", "--quiet")
        bench = self.load("bench.json")
        self.assertEqual((bench["images"], bench["groups"], bench["distinct_images"]), (MANY, 3, IMAGES))
        self.assertEqual(bench["request_bytes"], 3 * one["request_bytes"])
        self.assertEqual(bench["response_bytes"], 3 * one["response_bytes"])
        self.assertAlmostEqual(bench["seconds_per_image"], bench["seconds_total"] / MANY)
        self.assertGreater(bench["predicted_seconds"], 0)
        self.assertGreater(bench["predicted_server_bytes"], bench["server"]["peak_limb_bytes"])
        self.assertGreaterEqual(bench["agreement"], 0.9)

    def test_lost_images_are_told_of_once(self):
        """Calibrated on almost black images, so that some of black and white pixels drive values out of range."""
        write_npy(self.folder / "dark.npy", (IMAGES, 8, 8, 2), bytes(random.Random(2).choices([0, 1], k=IMAGES * 128)))
        speckled = bytes(random.Random(3).choices([0, 255], k=IMAGES * 128))
        write_npy(self.folder / "speckled.npy", (IMAGES, 8, 8, 2), speckled)
        (self.folder / "speckled.labels").write_bytes(bytes(IMAGES))
        self.ok("compile", NETWORK, "-o", "dark.plan", "--calibrate", "dark.npy", "--log-degree", 10, "--insecure-for-tests", "--run-length", 8)
        result = obscura("demo", "--model", "dark.plan", "--data", "speckled.npy", "--images", IMAGES, "--output", "lost", folder=self.folder)
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertEqual((result.stdout + result.stderr).count("images 0 to 23: these scores are noise"), 1)
        report = self.load("lost/report.json")
        self.assertEqual(report["images_lost"], IMAGES)
        self.assertIsNone(report["logit_error_rms"])
        decrypt = ["decrypt", "dark.plan", "--secret", "lost/client/secret.key", "--response", "lost/server/response.ct", "-o", "lost.csv"]
        self.expect(7, "images 0 to 23", *decrypt)
        with open(self.folder / "lost.csv", newline="") as file:
            self.assertEqual([row["class"] for row in csv.DictReader(file)], ["-1"] * IMAGES)
        self.expect(0, f"{IMAGES} lost", *decrypt, "--accept-lost")

    def test_a_failing_step_gives_its_status_to_the_demo(self):
        write_npy(self.folder / "tall.npy", (1, 9, 8, 2), bytes(144))
        self.expect(4, "9 x 8", "demo", "--model", "net.plan", "--data", "tall.npy", "--calibrate", "x.npy", "--output", "fails")


if __name__ == "__main__":
    unittest.main()
