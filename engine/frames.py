"""The messages between scheduler and runner, and how they are framed on a pipe.

A frame is a little-endian uint32 length followed by that many bytes of msgpack, which hold one
member of a closed tagged union. The scheduler writes `Command`s to the runner's standard input,
the runner writes `Report`s to its standard output. Durations are nanoseconds.

The first command is always `Load`; the runner answers with `Loading` any number of times and
then `Ready` or `LoadFailed` (after which it exits). Every `Generate` ends in exactly one
`Finished` or `Failed`; every `Embed`, `Rerank`, `Tokenize`, `Detokenize` and `GetStatus` in one
answer, in `Failed`, or in `Finished` if it was cancelled.
"""

import struct
from typing import Literal

import msgspec

MAX_FRAME_BYTES = 256 * 1024 * 1024
"""A longer frame means that the stream is corrupt: reading stops."""

FinishReason = Literal["stop", "length", "cancelled"]
FailureKind = Literal["invalid", "internal"]
Priority = Literal[0, 1, 2]
ConstraintKind = Literal["json", "json_schema", "regex", "lark", "gbnf"]

_LENGTH = struct.Struct("<I")


class Frame(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of all messages; subclasses are told apart by their class name on the wire."""


class Sampling(msgspec.Struct, frozen=True, gc=False):
    """Sampler settings of one request (spec 2.1). The defaults are Ollama's."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = -1
    """Negative: a fresh random seed."""


class Constraint(msgspec.Struct, frozen=True, gc=False):
    """A language that the output must belong to."""

    kind: ConstraintKind
    text: str = ""
    """The schema, expression or grammar; empty for "json" (any JSON object)."""
    after: str = ""
    """The constraint starts right behind the first occurrence of this text in the output (the
    end of thinking); empty: with the first token."""
    opening: str = ""
    """Only with `after`: the output is made to begin with this text (the start of thinking);
    empty where the prompt ends with it."""
    within: int = 0
    """Only with `after`: once the output has so many tokens, `after` is forced upon it, so that
    there is room for the rest; 0: never."""


class TokenLogprob(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A token's log-probability under the model, before any sampler had its say."""

    text: str
    data: bytes
    logprob: float
    top: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens at this place, best first; as many as were asked for."""


# --- scheduler -> runner ---------------------------------------------------------------------


class Load(Frame, frozen=True, tag=True):
    """Load this model. Sent once, first."""

    model_path: str
    num_ctx: int
    """Context of one sequence, in tokens; capped by the runner to what the model was trained on."""
    num_parallel: int = 1
    """Slots: sequences that decode together."""
    num_cells: int = 0
    """Tokens that all slots together may hold, at least `num_ctx`; what exceeds them waits in
    host memory. 0: enough for all slots to be full."""
    adapter_paths: tuple[str, ...] = ()
    num_batch: int = 512
    num_gpu_layers: int = -1
    """Negative: as many as fit."""
    main_gpu: int | None = None
    use_mmap: bool | None = None
    num_threads: int = 0
    """0: chosen by the runner."""
    flash_attention: bool | None = None
    kv_cache_type: str = "f16"
    model_digest: str = ""
    """Names the contents of all files that are loaded; states on disk are kept under it. Empty:
    none are."""
    cache_ram_bytes: int = 0
    """Most host memory for states of sequences that the context has no place for."""
    cache_folder: str = ""
    """Where states are saved to be found again after a restart; empty: nowhere."""
    cache_disk_bytes: int = 0
    """Most that all states in that folder may take, free space permitting."""
    embedding: bool = False
    """Answer `Embed` and `Rerank` (and no `Generate`) with this model."""


class Generate(Frame, frozen=True, tag=True):
    """Complete a prompt."""

    request_id: int
    prompt: str | tuple[int, ...]
    """Text is tokenised with special tokens parsed and BOS added where the model wants it (a
    BOS that the text already starts with is not doubled); token ids are taken as they are."""
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    num_predict: int = -1
    """Most tokens to generate; negative: ten times the context (spec 0.2)."""
    num_keep: int = 4
    shift: bool = True
    """Context full: drop half of what follows the first `num_keep` tokens and go on."""
    truncate: bool = True
    """Prompt too long: drop its middle (only with `shift`), else fail with kind "invalid"."""
    visible_tokens: tuple[str, ...] = ()
    """Control tokens that come out as text (a parser needs them); all others are hidden."""
    constraint: Constraint | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token, value added to its logit) pairs; -100 or less: never, as OpenAI defines it."""
    top_logprobs: int = -1
    """Report log-probabilities of the output's tokens and of so many alternatives; negative:
    none."""
    priority: Priority = 1
    """0: somebody is watching (the chat window), 1: a client of the server, 2: background."""
    speculate: bool = True
    """Allow drafting ahead where it pays. Never changes greedy output."""


class Embed(Frame, frozen=True, tag=True):
    """Turn texts into vectors. Answered by one `Embedded`."""

    request_id: int
    inputs: tuple[str | tuple[int, ...], ...]
    """Texts get the model's special tokens; token ids are taken as they are."""
    truncate: bool = True
    """Input too long: drop its end; else fail with kind "invalid" (spec 1.7)."""
    normalize: bool = True
    """Scale vectors to length 1."""
    dimensions: int = 0
    """Keep so many leading values (before normalising); 0, or more than there are: all."""


class Rerank(Frame, frozen=True, tag=True):
    """Score documents by how well they answer a query. Answered by one `Reranked`."""

    request_id: int
    query: str
    documents: tuple[str, ...]
    truncate: bool = True
    """Query and document too long together: drop the document's end; else fail."""


class Cancel(Frame, frozen=True, tag=True):
    """Stop a request within one decode step. It still ends in `Finished`, reason cancelled."""

    request_id: int


class Tokenize(Frame, frozen=True, tag=True):
    """Ask for the tokens of a text."""

    request_id: int
    text: str
    add_special: bool = True
    parse_special: bool = True


class Detokenize(Frame, frozen=True, tag=True):
    """Ask for the text of some tokens."""

    request_id: int
    tokens: tuple[int, ...]


class GetStatus(Frame, frozen=True, tag=True):
    """Ask what the runner is doing; also the health check."""

    request_id: int


class Shutdown(Frame, frozen=True, tag=True):
    """Cancel everything and exit with status 0."""


Command = Load | Generate | Embed | Rerank | Cancel | Tokenize | Detokenize | GetStatus | Shutdown


# --- runner -> scheduler ---------------------------------------------------------------------


class Loading(Frame, frozen=True, tag=True):
    """Load progress, 0 to 1."""

    progress: float


class Ready(Frame, frozen=True, tag=True):
    """The model is loaded; what it turned out to be."""

    num_ctx: int
    """Context of one sequence, after capping."""
    num_ctx_train: int
    num_parallel: int
    vocab_size: int
    bos_text: str
    eos_text: str
    size_bytes: int
    """Weights, KV cache and compute buffers, all devices."""
    size_gpu_bytes: int
    load_ns: int
    system_info: str
    """llama.cpp's own line about the instruction sets in use."""


class LoadFailed(Frame, frozen=True, tag=True):
    """The model could not be loaded. The runner exits."""

    message: str


class Chunk(Frame, frozen=True, tag=True):
    """Text that a request produced in one step. Never splits a UTF-8 character."""

    request_id: int
    text: str
    num_tokens: int
    logprobs: tuple[TokenLogprob, ...] = ()
    """One per token of `text`, if they were asked for."""


class Finished(Frame, frozen=True, tag=True):
    """A request's end."""

    request_id: int
    reason: FinishReason
    prompt_tokens: int
    """The whole prompt, cached part included."""
    cached_tokens: int
    """How many of them needed no work because their state was still known: in the context, in
    host memory or on disk."""
    generated_tokens: int
    truncated_tokens: int
    """Prompt tokens that were dropped because the prompt was too long."""
    queue_ns: int
    prompt_ns: int
    eval_ns: int
    tokens: tuple[int, ...]
    """Prompt and output as token ids (the deprecated `context` of /api/generate)."""


class Embedded(Frame, frozen=True, tag=True):
    """Answer to `Embed`."""

    request_id: int
    vectors: bytes
    """Little-endian float32, one vector after the other in the order of the inputs."""
    dimensions: int
    """Values in each vector."""
    prompt_tokens: int
    """Of all inputs, special tokens included."""
    truncated_tokens: int
    """Tokens dropped from inputs that were too long."""


class Reranked(Frame, frozen=True, tag=True):
    """Answer to `Rerank`."""

    request_id: int
    scores: tuple[float, ...]
    """In the order of the documents; 0 to 1, higher is better."""
    prompt_tokens: int
    truncated_tokens: int


class Failed(Frame, frozen=True, tag=True):
    """A request's end, if it went wrong. `invalid`: the caller's fault."""

    request_id: int
    kind: FailureKind
    message: str


class Tokens(Frame, frozen=True, tag=True):
    """Answer to `Tokenize`."""

    request_id: int
    tokens: tuple[int, ...]


class Text(Frame, frozen=True, tag=True):
    """Answer to `Detokenize`."""

    request_id: int
    text: str


class Status(Frame, frozen=True, tag=True):
    """Answer to `GetStatus`."""

    request_id: int
    slots_total: int
    slots_busy: int
    queued: int
    kv_tokens: int
    """Tokens held in the KV cache, idle prefixes included."""
    steps: int
    """llama_decode calls since the start."""


Report = (
    Loading
    | Ready
    | LoadFailed
    | Chunk
    | Finished
    | Embedded
    | Reranked
    | Failed
    | Tokens
    | Text
    | Status
)

_encoder = msgspec.msgpack.Encoder()
_command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_report_decoder: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


class FrameError(Exception):
    """The bytes on the pipe are not frames of ours."""


def encode(*frames: Frame) -> bytes:
    """Frames ready for one write."""
    parts: list[bytes] = []
    for frame in frames:
        body = _encoder.encode(frame)
        parts += (_LENGTH.pack(len(body)), body)
    return b"".join(parts)


class FrameSplitter:
    """Cuts a byte stream into frame bodies, whatever the sizes of the reads."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Bodies completed by `data`, in order. Raises FrameError for an impossible length."""
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        position = 0
        while len(buffer) - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, position)
            if length > MAX_FRAME_BYTES:
                raise FrameError(f"frame of {length} bytes")
            end = position + _LENGTH.size + length
            if len(buffer) < end:
                break
            bodies.append(bytes(buffer[position + _LENGTH.size : end]))
            position = end
        del buffer[:position]
        return bodies


def decode_command(body: bytes) -> Command:
    """Raises FrameError if the body is no command."""
    try:
        return _command_decoder.decode(body)
    except msgspec.MsgspecError as exc:
        raise FrameError(f"not a command: {exc}") from exc


def decode_report(body: bytes) -> Report:
    """Raises FrameError if the body is no report."""
    try:
        return _report_decoder.decode(body)
    except msgspec.MsgspecError as exc:
        raise FrameError(f"not a report: {exc}") from exc
