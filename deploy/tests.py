#!/usr/bin/env python3
"""Checks the files of this folder against the program: runs their command lines, and compares their exit codes.

    tests.py        with IIIF_PUBLISH, ENDPOINT, SHELLCHECK and the credentials of an S3 server in the environment
"""

import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

import boto3
import botocore.config
import yaml

HERE = pathlib.Path(__file__).resolve().parent
PUBLIC_URL = "https://cdn.example.org"
PARTS, IMAGES = 8, 9


class Template(yaml.SafeLoader):
    """CloudFormation's `!Ref Name` and the like become `Ref Name`."""


Template.add_multi_constructor("!", lambda loader, tag, node: f"{tag} {node.value}" if isinstance(node.value, str) else None)


def documents(path):
    return [document for document in yaml.load_all((HERE / path).read_text(), Template) if document]


def kubernetes_jobs():
    """The specification of each job by its file."""
    for path in ("nightly", "parallel", "finish"):
        [found] = documents(f"kubernetes/{path}.yaml")
        yield path, found["spec"].get("jobTemplate", found)["spec"]


def batch_definitions():
    """The properties of each job definition by its name."""
    resources = documents("aws/batch.yaml")[0]["Resources"]
    return {name: resource["Properties"] for name, resource in resources.items()
            if resource["Type"] == "AWS::Batch::JobDefinition"}


def unit(name):
    """Returns the settings of a unit. A repeated setting has several values."""
    settings = {}
    for line in (HERE / "systemd" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings


def of_systemd(command, variables):
    """The words of a command, as systemd makes them: `${NAME}` stays one word, `$NAME` becomes as many as it has."""
    words = []
    for word in command.split():
        whole = re.fullmatch(r"\$(\w+)", word)
        words += variables[whole[1]].split() if whole else [re.sub(r"\$\{(\w+)\}", lambda name: variables[name[1]], word)]
    return words


def steps_that_run(path="github/publish-images.yml"):
    """Returns the scripts of a workflow or an action."""
    [document] = documents(path)
    jobs = [document["runs"]] if "runs" in document else document["jobs"].values()
    return [step for job in jobs for step in job["steps"] if "run" in step]


def step_named(path, name):
    return next(step for step in steps_that_run(path) if step.get("name") == name)


def package():
    return tomllib.loads((HERE.parent / "Cargo.toml").read_text())["package"]


def release(folder, *targets, program="/bin/sh"):
    """Makes a release: an archive for each target, and the installers."""
    for target in targets:
        tree = folder / f"iiif-publish-{package()['version']}-{target}"
        tree.mkdir(parents=True)
        shutil.copy(program, tree / "iiif-publish")
        for name in ("NOTICES.txt", "LICENSE-MIT", "LICENSE-APACHE", "iiif-publish.cyclonedx.json"):
            (tree / name).write_text("text\n")
        subprocess.run([sys.executable, HERE / "release/archive.py", tree], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, HERE / "release/installers.py", folder], check=True)


class ExitCodes(unittest.TestCase):
    """Retries exit codes that a retry can fix, and leaves all others to a person."""

    STOP, AGAIN = {2, 3}, {1, 4, 143}

    def test_they_are_those_of_the_program(self):
        source = (HERE.parent / "src/cli/exit.rs").read_text()
        [body] = re.findall(r"fn code\(self\) -> u8 \{(.*?)\n    \}", source, re.DOTALL)
        codes = {int(code) for code in re.findall(r"Self::\w+ => (\d+),", body)}
        self.assertEqual(codes, self.STOP | self.AGAIN | {0, 5, 130})

    def test_kubernetes(self):
        for path, job in kubernetes_jobs():
            with self.subTest(path):
                actions = {}
                for rule in job["podFailurePolicy"]["rules"]:
                    for code in rule.get("onExitCodes", {}).get("values", []):
                        self.assertNotIn(code, actions, "the first rule decides")
                        actions[code] = rule["action"]
                self.assertEqual({code for code, action in actions.items() if action == "FailJob"}, self.STOP)
                self.assertEqual(actions.keys() - self.STOP, self.AGAIN | {137})
                # Without a limit of its own, an ignored failure would restart forever.
                self.assertIn("activeDeadlineSeconds", job)

    def test_batch(self):
        definitions = batch_definitions()
        self.assertEqual(definitions.keys(), {"Part", "Finish"})
        for name, definition in definitions.items():
            with self.subTest(name):
                rules = definition["RetryStrategy"]["EvaluateOnExit"]
                action = {code: next(rule["Action"] for rule in rules if rule.get("OnExitCode") == str(code) or "OnReason" in rule)
                          for code in self.STOP | self.AGAIN}
                self.assertEqual(action, {code: "EXIT" if code in self.STOP else "RETRY" for code in action})

    def test_systemd(self):
        settings = unit("iiif-publish.service")
        codes = {key: {int(code) for value in settings[key] for code in value.split()}
                 for key in ("SuccessExitStatus", "RestartPreventExitStatus")}
        # 4, 5 and 143 are not failures: the next night continues.
        self.assertEqual(codes, {"SuccessExitStatus": {4, 5, 143}, "RestartPreventExitStatus": self.STOP})
        self.assertEqual(settings["Restart"], ["on-failure"])

    def test_slurm(self):
        requeued = {(code, restarts): self.is_requeued(code, restarts)
                    for code in (0, 1, 2, 3, 4, 137, 143) for restarts in (0, 1, 10)}
        self.assertEqual({case for case, is_requeued in requeued.items() if is_requeued},
                         {(1, 0), (4, 0), (4, 1), (137, 0), (137, 1)})

    def test_slurm_requeues_when_the_time_is_over_but_not_what_somebody_has_ended(self):
        ends_well = "trap 'exit 143' TERM\n"
        self.assertTrue(self.is_requeued(143, 0, ends_well + "kill -USR1 $PPID\nfor turn in $(seq 100); do sleep 0.05; done"))
        self.assertFalse(self.is_requeued(143, 10, ends_well + "kill -USR1 $PPID\nfor turn in $(seq 100); do sleep 0.05; done"))
        # Slurm itself signals all processes of the task.
        for code in (143, 137, 4):
            self.assertFalse(self.is_requeued(code, 0, f"kill -TERM $PPID\nsleep 0.2\nexit {code}"))

    def is_requeued(self, code, restarts, program=None):
        """Runs the script itself, with a program that only exits, and a `scontrol` that records its calls."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for command, text in {"program": program or f"exit {code}", "scontrol": f'echo "$*" >> {folder}/asked'}.items():
                (folder / command).write_text(f"#!/bin/sh\n{text}\n")
                (folder / command).chmod(0o755)
            environment = os.environ | {
                "PATH": f"{folder}:{os.environ['PATH']}", "IIIF_PUBLISH": f"{folder}/program", "IIIF_PUBLISH_REPORTS": name,
                "SLURM_ARRAY_TASK_ID": "3", "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": str(restarts), "SLURM_MEM_PER_NODE": "8192"}
            ended = subprocess.run(["bash", HERE / "slurm/iiif-publish.sbatch"], env=environment, stderr=subprocess.DEVNULL)
            self.assertEqual(ended.returncode, code)
            asked = folder / "asked"
            self.assertIn(asked.read_text() if asked.exists() else None, (None, "requeue 7\n"))
            return asked.exists()


class CommandLines(unittest.TestCase):
    """Runs each command line as written in its file, with other folders, into its own bucket."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "masters").mkdir()
        (self.folder / "reports").mkdir()
        for number in range(IMAGES):
            image = b"P6 150 100 255\n" + bytes([number]) * (150 * 100 * 3)
            (self.folder / "masters" / f"image-{number}.ppm").write_bytes(image)
        rows = "".join(f"image-{number}.ppm,object-{number // 2}\n" for number in range(IMAGES))
        (self.folder / "masters/images.csv").write_text("source,object\n" + rows)
        self.bucket = "".join(letter if letter.isalnum() else "-" for letter in self.id().rsplit(".", 1)[1]).removeprefix("test-")
        config = botocore.config.Config(s3={"addressing_style": "path"})
        self.s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], config=config)
        self.s3.create_bucket(Bucket=self.bucket)
        self.environment = os.environ | {"AWS_ENDPOINT_URL_S3": os.environ["ENDPOINT"]}

    def run_program(self, words, **variables):
        words = [word.replace("/srv/masters", "/masters").replace("/masters", f"{self.folder}/masters")
                     .replace("/reports", f"{self.folder}/reports") for word in words]
        ended = subprocess.run([os.environ["IIIF_PUBLISH"], *words], env=self.environment | variables, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, f"{shlex.join(words)}\n{ended.stderr}")

    def expect_published(self):
        keys = {entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket)["Contents"]}
        infos = {key for key in keys if key.endswith("/info.json")}
        self.assertEqual(len(infos), IMAGES)
        self.assertIn("collection.json", keys)
        body = self.s3.get_object(Bucket=self.bucket, Key="collection.json")["Body"].read()
        self.assertTrue(json.loads(body)["id"].startswith(f"{PUBLIC_URL}/"))

    def expect_reported(self, *names):
        lines = [line for name in names for line in (self.folder / "reports" / name).read_text().splitlines()]
        self.assertEqual(sum('"published"' in line for line in lines), IMAGES)

    def of_kubernetes(self, name, index=0):
        [container] = dict(kubernetes_jobs())[name]["template"]["spec"]["containers"]
        variables = {"BUCKET": self.bucket, "PUBLIC_URL": PUBLIC_URL, "JOB_COMPLETION_INDEX": str(index)}
        words = [re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], word) for word in container["args"]]
        set_here = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        self.run_program(words, JOB_COMPLETION_INDEX=str(index), **set_here)

    def test_kubernetes_nightly(self):
        self.of_kubernetes("nightly")
        self.expect_published()
        self.expect_reported("report.jsonl")

    def test_kubernetes_parallel(self):
        job = dict(kubernetes_jobs())["parallel"]
        self.assertEqual(job["completions"], PARTS)
        for index in range(PARTS):
            self.of_kubernetes("parallel", index)
        self.of_kubernetes("finish")
        self.expect_published()
        self.expect_reported(*(f"part-{index}.jsonl" for index in range(PARTS)))

    def test_batch(self):
        definitions = batch_definitions()
        variables = {"Ref BucketName": self.bucket, "Ref PublicUrl": PUBLIC_URL}
        words = {name: [variables.get(word, word) for word in definition["ContainerProperties"]["Command"]]
                 for name, definition in definitions.items()}
        for index in range(PARTS):
            self.run_program(words["Part"], AWS_BATCH_JOB_ARRAY_INDEX=str(index), AWS_BATCH_JOB_ARRAY_SIZE=str(PARTS))
        self.run_program(words["Finish"])
        self.expect_published()

    def test_systemd(self):
        configuration = (HERE / "systemd/iiif-publish.toml").read_text().replace("/srv/masters", f"{self.folder}/masters")
        (self.folder / "iiif-publish.toml").write_text(configuration.replace('"art-tiles"', f'"{self.bucket}"'))
        [command] = unit("iiif-publish.service")["ExecStart"]
        program, *words = of_systemd(command, {"STATE_DIRECTORY": "/reports"})
        self.assertEqual(program, "/usr/local/bin/iiif-publish")
        words[words.index("--config") + 1] = str(self.folder / "iiif-publish.toml")
        self.run_program(words)
        self.expect_published()
        self.expect_reported("report.jsonl")

    def test_github(self):
        """Uses a fake `docker` that runs the program itself with the arguments after the name of the image."""
        docker = self.folder / "bin/docker"
        docker.parent.mkdir()
        docker.write_text('#!/usr/bin/env bash\nwhile [[ $1 != "$IMAGE" ]]; do shift; done\nshift\n'
                          'exec "$IIIF_PUBLISH" "${@/#\\/reports/reports}"\n')
        docker.chmod(0o755)
        for file in (self.folder / "masters").iterdir():
            file.rename(self.folder / file.name)
        (self.folder / "reports").rmdir()
        summary = self.folder / "summary.md"
        variables = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "IMAGE": "an/image:1", "BUCKET": self.bucket,
                     "PUBLIC_URL": PUBLIC_URL, "GITHUB_STEP_SUMMARY": str(summary)}
        for step in steps_that_run():
            subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=self.folder, env=self.environment | variables,
                           check=True, capture_output=True)
        self.expect_published()
        self.expect_reported("report.jsonl")
        self.assertIn(f"{IMAGES} images: {IMAGES} published", summary.read_text())


    def test_action(self):
        """Installs from a release on this machine, as if GitHub was a folder, and publishes."""
        version = package()["version"]
        downloads = self.folder / f"server/releases/download/v{version}"
        release(downloads, f"{platform.machine()}-unknown-linux-gnu", program=os.environ["IIIF_PUBLISH"])
        (self.folder / "masters/images.csv").unlink()
        variables = {
            "REPOSITORY": f"file://{self.folder}/server", "REF": f"v{version}", "VERSION": "", "RUNNER_TEMP": str(self.folder),
            "FOLDER": "masters", "BUCKET": self.bucket, "OUTPUT": "", "PUBLIC_URL": PUBLIC_URL, "MAX_DURATION": "600",
            "MORE": "--label Maps --tile-size 256", "IIIF_PUBLISH_DOWNLOAD_URL": downloads.as_uri(),
            **{name: str(self.folder / name) for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}}
        for step in steps_that_run("github/publish/action.yml"):
            path = self.folder / "GITHUB_PATH"
            variables["PATH"] = ":".join([*(path.read_text().split() if path.exists() else []), os.environ["PATH"]])
            subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=self.folder,
                           env=self.environment | variables, check=True, capture_output=True)
        self.expect_published()
        outputs = dict(line.split("=", 1) for line in (self.folder / "GITHUB_OUTPUT").read_text().splitlines())
        self.assertEqual(outputs["collection"], f"{PUBLIC_URL}/collection.json")
        self.assertEqual(len(pathlib.Path(outputs["report"]).read_text().splitlines()), 2 * IMAGES)
        self.assertIn(f"{IMAGES} images: {IMAGES} published", (self.folder / "GITHUB_STEP_SUMMARY").read_text())


class Release(unittest.TestCase):
    """Runs the steps of the release workflow that need only this machine."""

    PATH = "../.github/workflows/release.yml"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_step(self, name, **variables):
        step = step_named(self.PATH, name)
        return subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=self.folder, env=os.environ | variables,
                              capture_output=True, text=True)

    def test_the_tag_and_the_address_must_be_those_of_the_program(self):
        name, version, address = "The tag is the version, and the address is this repository", package()["version"], package()["repository"]
        shutil.copy(HERE.parent / "Cargo.toml", self.folder)
        (self.folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {version} - 2026-12-01\n")
        self.assertEqual(self.run_step(name, TAG=f"v{version}", REPOSITORY=address).returncode, 0)
        self.assertNotEqual(self.run_step(name, TAG="v99.0.0", REPOSITORY=address).returncode, 0)
        self.assertNotEqual(self.run_step(name, TAG=f"v{version}", REPOSITORY="https://github.com/other/fork").returncode, 0)
        (self.folder / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
        self.assertNotEqual(self.run_step(name, TAG=f"v{version}", REPOSITORY=address).returncode, 0)

    def test_the_container_gets_its_files(self):
        release(self.folder / "dist", "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
        self.assertEqual(self.run_step("Unpack the programs").returncode, 0)
        copied = re.findall(r"\$\{TARGETARCH\}/(\S+)", (HERE / "release/Dockerfile").read_text())
        self.assertIn("iiif-publish", copied)
        for processor in ("amd64", "arm64"):
            for pattern in copied:
                self.assertTrue(list((self.folder / "image" / processor).glob(pattern)), pattern)

    def test_the_formula_and_the_installers_name_every_archive(self):
        targets = [f"{processor}-{system}" for processor in ("x86_64", "aarch64") for system in ("apple-darwin", "unknown-linux-gnu")]
        release(self.folder, *targets, "x86_64-pc-windows-msvc")
        formula = (self.folder / "iiif-publish.rb").read_text()
        self.assertEqual({target for target in targets if f"-{target}.tar.gz" in formula}, set(targets))
        for name in ("install.sh", "install.ps1", "iiif-publish.rb"):
            text = (self.folder / name).read_text()
            self.assertEqual(re.findall("@[A-Z_0-9]+@", text), [], name)
            self.assertIn(package()["repository"], text)


class Scripts(unittest.TestCase):
    def test_the_address_of_the_repository_is_in_one_place(self):
        owner = package()["repository"].removeprefix("https://github.com/").split("/")[0]
        listed = subprocess.check_output(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=HERE.parent, text=True)
        texts = {path: (HERE.parent / path).read_bytes() for path in listed.splitlines() if (HERE.parent / path).is_file()}
        named = {path for path, text in texts.items() if f"github.com/{owner}/".encode() in text}
        self.assertEqual(named, {"Cargo.toml"})

    def test_steps_of_workflows_are_clean_shell(self):
        for path in ("github/publish-images.yml", "github/publish/action.yml", Release.PATH):
            for step in steps_that_run(path):
                checked = subprocess.run([os.environ["SHELLCHECK"], "--shell=bash", "-"], input=step["run"], capture_output=True, text=True)
                self.assertEqual(checked.stdout, "", step["name"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
