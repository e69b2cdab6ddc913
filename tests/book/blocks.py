"""Runs the console blocks of README.md and the book."""

import dataclasses
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from book import samples
from book.servers import Servers

# Maximum share of blocks that need what a test machine does not have.
MAX_SKIPPED = 0.15
TIMEOUT_SECONDS = 180
ITEM = re.compile(r"((?:^<!-- (?:not run|test|setup|file|server): .*?-->\n+)*)^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIRECTIVE = re.compile(r"<!-- (not run|test|setup|file|server): (.*?) ?-->", re.DOTALL)

# A page of its own runs each command; this keeps what the command exports, defines, and where it goes.
COMMAND = """\
if [ -f "$STATE" ]; then source "$STATE"; fi
{command}
status=$?
{{ export -p; declare -f; printf 'cd %q\\n' "$PWD"; }} >"$STATE"
exit $status
"""
# The programs are built already: the first command of the README would compile for minutes.
CARGO = """\
#!/bin/sh
case "$*" in "run --release -- "*) shift 3; exec iiif-publish "$@" ;; esac
echo "this test does not run \\`cargo $*\\`" >&2
exit 1
"""


@dataclasses.dataclass
class Block:
    """A fenced block with the comments above it."""

    language: str
    text: str
    line: int
    not_run: str | None
    file: str | None
    setup: list
    exit: int
    serves: bool

    def commands(self):
        """Returns the commands with the lines of output below each."""
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append([line[2:], []])
            elif found and (found[-1][0].endswith("\\") and not found[-1][1]):
                found[-1][0] += "\n" + line
            elif found:
                found[-1][1].append(line)
        return found


def run(root, program, tools, only, verbose):
    source = root / "docs/src"
    pages = [root / "README.md", *(source / link for link in re.findall(r"\]\(([^)]+\.md)\)", (source / "SUMMARY.md").read_text()))]
    parsed = {page: blocks(page.read_text()) for page in pages}
    problems = problems_of_skipped(parsed, root)
    if only:
        parsed = {page: found for page, found in parsed.items() if str(page).endswith(only)}
    count = 0
    with Servers(root) as servers, tempfile.TemporaryDirectory(prefix="iiif-book-") as scratch:
        scratch = pathlib.Path(scratch)
        shims(scratch / "bin", program, tools)
        samples.make(scratch / "samples", program)
        servers.serve(scratch / "samples")
        for page, found in parsed.items():
            if any(block.language == "console" and not block.not_run for block in found):
                session = Session(scratch, servers, page, verbose)
                count += session.run(found)
                problems += [f"{page.relative_to(root)}:{problem}" for problem in session.problems]
    print(f"{count} blocks run")
    return problems


def blocks(text):
    found = []
    for match in ITEM.finditer(text):
        directives = DIRECTIVE.findall(match[1])
        of = {name: value for name, value in directives}
        tests = [value for name, value in directives if name == "test"]
        code = next((int(value.split()[1]) for value in tests if value.startswith("exit ")), 0)
        found.append(Block(match[2], match[3], text.count("\n", 0, match.start(2)) + 1, of.get("not run"), of.get("file"),
                           [value for name, value in directives if name == "setup"], code, "serves" in tests))
    return found


def problems_of_skipped(parsed, root):
    """Counts the blocks that do not run. The files that they name must exist."""
    consoles = [(page, block) for page, found in parsed.items() for block in found if block.language == "console"]
    fenced = sum(page.read_text().count("\n```console\n") for page in parsed)
    skipped = [(page, block) for page, block in consoles if block.not_run is not None]
    problems = []
    if fenced != len(consoles):
        problems.append(f"{fenced} console blocks, but {len(consoles)} were understood")
    for page, block in skipped:
        place = f"{page.relative_to(root)}:{block.line}"
        print(f"not run: {place}: {block.not_run}")
        if not block.not_run.strip():
            problems.append(f"{place}: no reason why it does not run")
        for path in re.findall(r"(?<![\w/.])(?:deploy|tests|localstack)/[\w./{},-]+", block.text):
            if "{" not in path and not (root / path).exists():
                problems.append(f"{place}: there is no {path}")
    print(f"{len(consoles)} console blocks, {len(skipped)} of them not run ({len(skipped) / len(consoles):.0%})")
    if len(skipped) > MAX_SKIPPED * len(consoles):
        problems.append(f"more than {MAX_SKIPPED:.0%} of the blocks are not run")
    return problems


def shims(folder, program, tools):
    folder.mkdir()
    (folder / "iiif-publish").symlink_to(program)
    (folder / "aws").symlink_to(tools / "aws")
    (folder / "cargo").write_text(CARGO)
    (folder / "cargo").chmod(0o755)


class Session:
    """A reader who types the commands of one page."""

    def __init__(self, scratch, servers, page, verbose):
        self.folder = scratch / "-".join(page.parts[-2:])
        shutil.copytree(scratch / "samples", self.folder)
        self.server = servers.of(page)
        self.verbose, self.problems, self.is_ready = verbose, [], False
        self.environment = {
            "PATH": f"{scratch / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder), "LANG": "C.UTF-8", "NO_PROXY": "*",
            "STATE": str(scratch / f"{self.folder.name}.state"), "PYTHONUNBUFFERED": "1", "AWS_PAGER": "", **self.server.environment}

    def run(self, found):
        count = 0
        try:
            for block in found:
                if block.file:
                    path = self.folder / block.file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(self.server.stand_in(block.text))
                if block.language == "console" and block.not_run is None:
                    self.run_block(block)
                    count += 1
        finally:
            self.server.clear(self.environment)
        return count

    def run_block(self, block):
        for command in block.setup:
            code, output = self.execute(command, False)
            if code:
                self.problems.append(f"{block.line}: the setup `{command}` ended with {code}:\n{output}")
        commands = block.commands()
        for number, (command, expected) in enumerate(commands):
            is_last = number + 1 == len(commands)
            if block.serves and is_last:
                self.serve(block, command)
                continue
            code, output = self.execute(command, any("[y/N] y" in line for line in expected))
            wanted = block.exit if is_last else 0
            missing = first_missing(self.server.expected(expected), output)
            if code != wanted:
                self.problems.append(f"{block.line}: `{command}` ended with {code}, not {wanted}:\n{output}")
            elif missing:
                self.problems.append(f"{block.line}: `{command}` did not print `{missing}`, but:\n{output}")

    def execute(self, command, confirms):
        """Runs a command to its end, with a terminal that answers yes if it is going to ask."""
        arguments = self.arguments(command)
        keyboard, terminal = pty.openpty() if confirms else (None, os.open(os.devnull, os.O_RDONLY))
        if confirms:
            os.write(keyboard, b"y\n")
        try:
            ended = subprocess.run(arguments, cwd=self.folder, env=self.environment, stdin=terminal, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, text=True, errors="replace")
            code, output = ended.returncode, ended.stdout
        except subprocess.TimeoutExpired as error:
            code, output = "a timeout", (error.stdout or b"").decode(errors="replace")
        os.close(terminal)
        if confirms:
            os.close(keyboard)
        self.show(command, code, output)
        return code, output.replace("[y/N] ", "[y/N] y\n")

    def arguments(self, command):
        return ["bash", "-c", COMMAND.format(command=self.server.stand_in(command))]

    def serve(self, block, command):
        """Runs a command until it has printed its address, requests that, and interrupts the command."""
        process = subprocess.Popen(self.arguments(command), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        address, output = None, ""
        for line in process.stdout:
            output += line
            port = re.search(r"http://(?:localhost|0\.0\.0\.0):(\d+)/", line)
            if port:
                address = f"http://localhost:{port[1]}/"
                break
        status = None
        if address:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=TIMEOUT_SECONDS) as response:
                status = response.status
            os.killpg(process.pid, signal.SIGINT)
        output += process.stdout.read()
        code = process.wait(TIMEOUT_SECONDS)
        self.show(command, code, output)
        if status != 200 or code not in (0, 130, -signal.SIGINT):
            self.problems.append(f"{block.line}: `{command}` served {address} with {status}, and ended with {code}:\n{output}")

    def show(self, command, code, output):
        if self.verbose:
            print(f"$ {command}\n{output}(exit code {code})")


def first_missing(expected, output):
    """Returns the first expected line that the output does not have. The order of images is that in which they are complete."""
    lines = [normal(line) for line in output.splitlines()]
    for line in expected:
        if not line.strip() or line.strip() == "…":
            continue
        pattern = re.compile(".*".join(re.escape(normal(part)) for part in line.split("…")))
        found = next((have for have in lines if pattern.fullmatch(have)), None)
        if found is None:
            return line
        lines.remove(found)
    return None


def normal(line):
    """Returns a line without what differs from run to run: times, names of versions, test objects."""
    line = re.sub(r"\s+", " ", line).strip()
    line = re.sub(r"\b\d+(\.\d+)? s\b", "T", line)
    return re.sub(r"\b(v?)[0-9a-f]{12,32}\b", r"\1HEX", line)
