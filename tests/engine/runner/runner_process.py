"""A runner process driven through its pipes, as the scheduler does it, with deadlines."""

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from engine import frames
from tests.conftest import ROOT, TINY_MODEL

DEADLINE_S = 20.0
GREEDY = frames.Sampling(temperature=0)


def chat_prompt(question: str) -> str:
    """The bundled model's format (ChatML)."""
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


@dataclass
class Answer:
    """All that a request came to."""

    text: str = ""
    chunks: list[frames.Chunk] = field(default_factory=list)
    finished: frames.Finished | None = None
    failed: frames.Failed | None = None

    @property
    def end(self) -> frames.Finished:
        assert self.finished is not None, self.failed
        return self.finished


class RunnerProcess:
    """Use as a context manager: it is killed at the end if it has not gone by itself."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self.reports: queue.Queue[frames.Report | None] = queue.Queue()
        self.stderr = b""
        self._next_id = 1
        self._threads = [
            threading.Thread(target=self._read_reports, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_reports(self) -> None:
        assert self.process.stdout is not None
        splitter = frames.FrameSplitter()
        while data := self.process.stdout.read1(65536):
            for body in splitter.feed(data):
                self.reports.put(frames.decode_report(body))
        self.reports.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        while data := self.process.stderr.read1(65536):
            self.stderr += data

    def __enter__(self) -> "RunnerProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def send(self, *commands: frames.Command) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(frames.encode(*commands))
        self.process.stdin.flush()

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def load(self, model: Path = TINY_MODEL, **settings: object) -> frames.Ready:
        """Raises AssertionError if it fails."""
        report = self.try_load(model, **settings)
        assert isinstance(report, frames.Ready), report
        return report

    def try_load(self, model: Path, **settings: object) -> frames.Ready | frames.LoadFailed:
        # One thread: two that wait for each other crawl when something else keeps a core busy.
        defaults: dict[str, object] = {"num_ctx": 2048, "num_parallel": 4, "num_threads": 1}
        self.send(frames.Load(model_path=str(model), **(defaults | settings)))  # type: ignore[arg-type]
        while True:
            report = self.next_report()
            if isinstance(report, frames.Ready | frames.LoadFailed):
                return report
            assert isinstance(report, frames.Loading), report

    def next_report(self) -> frames.Report:
        """The next report; fails when the process ends or the deadline passes."""
        report = self.reports.get(timeout=DEADLINE_S)
        assert report is not None, f"the runner ended: {self.stderr.decode()}"
        return report

    def start(self, prompt: str | tuple[int, ...], **settings: object) -> int:
        """Send a `Generate`, greedy unless told otherwise; returns its id."""
        request_id = self._next_id
        self._next_id += 1
        settings = {"sampling": GREEDY} | settings
        self.send(frames.Generate(request_id=request_id, prompt=prompt, **settings))  # type: ignore[arg-type]
        return request_id

    def follow(self, *request_ids: int) -> dict[int, Answer]:
        """Collect until all of these requests have ended. Other reports are an error."""
        answers = {request_id: Answer() for request_id in request_ids}
        for report in self.stream():
            assert isinstance(report, frames.Chunk | frames.Finished | frames.Failed), report
            answer = answers[report.request_id]
            match report:
                case frames.Chunk():
                    answer.chunks.append(report)
                    answer.text += report.text
                case frames.Finished():
                    answer.finished = report
                case frames.Failed():
                    answer.failed = report
            if all(answer.finished or answer.failed for answer in answers.values()):
                return answers
        raise AssertionError("unreachable")

    def stream(self) -> Iterator[frames.Report]:
        while True:
            yield self.next_report()

    def answer(self, prompt: str | tuple[int, ...], **settings: object) -> Answer:
        request_id = self.start(prompt, **settings)
        return self.follow(request_id)[request_id]

    def ask(self, command_type: type, *args: object, **settings: object) -> frames.Report:
        """A command with one answer; the runner must be otherwise quiet."""
        request_id = self._next_id
        self._next_id += 1
        self.send(command_type(request_id, *args, **settings))
        return self.next_report()

    def status(self) -> frames.Status:
        report = self.ask(frames.GetStatus)
        assert isinstance(report, frames.Status), report
        return report

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        return self.process.wait(timeout_s)
