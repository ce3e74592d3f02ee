"""A FAKE runner: speaks the frame protocol, knows no model, and misbehaves as its arguments say.

For faults that the real runner cannot be made to produce. Each token is a word "w<i> " of the
request whose prompt says nothing to it; a request gets `num_predict` of them, one per beat.
Ends itself after a minute whatever happens.
"""

import argparse
import os
import queue
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

from engine import frames

LIFE_S = 60


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", default="", help="append a line 'pid model' at each load")
    parser.add_argument("--load-s", type=float, default=0.0, help="load for that long")
    parser.add_argument("--progress", action="store_true", help="report progress while loading")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--load-fails", default="", help="fail with this message")
    parser.add_argument("--fails-beside", default="", help="only fail if this folder has a file")
    parser.add_argument("--die-loading", default="", help="last words; exit status 7")
    parser.add_argument("--die-when-ready", action="store_true", help="exit right after loading")
    parser.add_argument("--beat-s", type=float, default=0.005, help="between two tokens")
    parser.add_argument("--exit-at", type=int, default=-1, help="exit status 9 at that token")
    parser.add_argument("--garbage-at", type=int, default=-1)
    parser.add_argument("--half-frame-at", type=int, default=-1, help="half a frame, then exit")
    parser.add_argument("--close-at", type=int, default=-1, help="close the output, live on")
    parser.add_argument("--freeze-at", type=int, default=-1, help="stop like SIGSTOP at that token")
    parser.add_argument("--freeze-file", default="", help="stop when this file appears")
    parser.add_argument("--silent-s", type=float, default=0.0, help="before the first token")
    parser.add_argument("--finish-twice", action="store_true")
    parser.add_argument("--cancel-all", action="store_true", help="finish all as cancelled")
    parser.add_argument("--fail-kind", default="", help="fail requests with this kind")
    parser.add_argument("--ignore-cancel", action="store_true")
    parser.add_argument("--ignore-shutdown", action="store_true", help="and SIGTERM, and EOF")
    return parser.parse_args(arguments)


@dataclass
class Request:
    command: frames.Generate
    started: float
    sent: int = 0
    cancelled: bool = False


@dataclass
class FakeRunner:
    settings: argparse.Namespace
    inbox: "queue.Queue[frames.Command | None]" = field(default_factory=queue.Queue)
    requests: dict[int, Request] = field(default_factory=dict)
    steps: int = 0

    def send(self, *reports: frames.Frame) -> None:
        self.write(frames.encode(*reports))

    def write(self, data: bytes) -> None:
        os.write(1, data)

    def read_commands(self) -> None:
        splitter = frames.FrameSplitter()
        while data := os.read(0, 65536):
            for body in splitter.feed(data):
                self.inbox.put(frames.decode_command(body))
        self.inbox.put(None)

    def serve(self) -> int:
        threading.Thread(target=self.read_commands, daemon=True).start()
        load = self.inbox.get()
        assert isinstance(load, frames.Load)
        if not self.load(load):
            return 1
        next_beat = time.monotonic() + self.settings.beat_s
        while True:
            try:
                command = self.inbox.get(timeout=max(0.0, next_beat - time.monotonic()))
            except queue.Empty:
                self.beat()
                next_beat = time.monotonic() + self.settings.beat_s
                continue
            if isinstance(command, frames.Shutdown | None):
                if not self.settings.ignore_shutdown:
                    return 0
            else:
                self.obey(command)

    def load(self, load: frames.Load) -> bool:
        settings = self.settings
        if settings.journal:
            with open(settings.journal, "a") as journal:
                journal.write(f"{os.getpid()} {os.path.basename(load.model_path)}\n")
        end = time.monotonic() + (LIFE_S if settings.never_ready else settings.load_s)
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))
            if settings.progress:
                self.send(frames.Loading(1 - left / settings.load_s))
        if settings.die_loading:
            os.write(2, settings.die_loading.encode() + b"\n")
            os._exit(7)
        if settings.load_fails and self.is_crowded():
            self.send(frames.LoadFailed(settings.load_fails))
            return False
        self.send(
            frames.Ready(
                num_ctx=load.num_ctx,
                num_ctx_train=load.num_ctx,
                num_parallel=load.num_parallel,
                vocab_size=1,
                bos_text="",
                eos_text="",
                size_bytes=1_000_000,
                size_gpu_bytes=0,
                load_ns=1_000_000,
                system_info="fake",
            )
        )
        if settings.die_when_ready:
            os._exit(9)
        return True

    def is_crowded(self) -> bool:
        beside = self.settings.fails_beside
        return not beside or bool(os.listdir(beside))

    def obey(self, command: frames.Command) -> None:
        match command:
            case frames.Generate():
                self.requests[command.request_id] = Request(command, time.monotonic())
            case frames.Cancel(request_id):
                if request_id in self.requests and not self.settings.ignore_cancel:
                    self.requests[request_id].cancelled = True
            case frames.Tokenize(request_id, text):
                self.send(frames.Tokens(request_id, tuple(text.encode())))
            case frames.Detokenize(request_id, tokens):
                self.send(frames.Text(request_id, bytes(tokens).decode()))
            case frames.GetStatus(request_id):
                busy = len(self.requests)
                self.send(frames.Status(request_id, 4, busy, 0, 0, self.steps))
            case _:
                raise AssertionError(command)

    def beat(self) -> None:
        self.steps += 1
        if self.settings.freeze_file and os.path.exists(self.settings.freeze_file):
            os.kill(os.getpid(), signal.SIGSTOP)
        for request in list(self.requests.values()):
            if time.monotonic() - request.started >= self.settings.silent_s:
                self.advance(request)

    def advance(self, request: Request) -> None:
        settings, request_id = self.settings, request.command.request_id
        if settings.fail_kind:
            self.send(frames.Failed(request_id, settings.fail_kind, "as told"))
            del self.requests[request_id]
            return
        self.misbehave(request.sent)
        if request.cancelled or settings.cancel_all:
            self.finish(request, "cancelled")
        elif request.sent >= request.command.num_predict:
            self.finish(request, "length")
        else:
            self.send(frames.Chunk(request_id, f"w{request.sent} ", 1))
            request.sent += 1

    def finish(self, request: Request, reason: frames.FinishReason) -> None:
        request_id = request.command.request_id
        finished = frames.Finished(request_id, reason, 1, 0, request.sent, 0, 0, 1, 1, ())
        self.send(finished, *([finished] if self.settings.finish_twice else []))
        del self.requests[request_id]

    def misbehave(self, token: int) -> None:
        settings = self.settings
        if token == settings.exit_at:
            os.write(2, b"error: the fake was told to exit\n")
            os._exit(9)
        if token == settings.garbage_at:
            self.write(b"\xff" * 64)
        if token == settings.half_frame_at:
            self.write(frames.encode(frames.Chunk(1, "half", 1))[:7])
            os._exit(9)
        if token == settings.close_at:
            os.close(1)
            time.sleep(LIFE_S)
        if token == settings.freeze_at:
            os.kill(os.getpid(), signal.SIGSTOP)


def main() -> int:
    settings = parse_arguments(sys.argv[1:])
    life = threading.Timer(LIFE_S, os._exit, (99,))
    life.daemon = True
    life.start()
    if settings.ignore_shutdown:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return FakeRunner(settings).serve()


if __name__ == "__main__":
    os._exit(main())
