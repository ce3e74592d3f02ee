"""One measured stream: when each piece of an answer arrived. The same client for every peer."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.peers import Peer


@dataclass
class Stream:
    """Arrival times of one answer, in seconds since the request was sent."""

    arrivals: list[float] = field(default_factory=list)
    text: str = ""
    num_tokens: int = 0
    """As the server counted them."""
    final: dict[str, object] = field(default_factory=dict)

    @property
    def first_s(self) -> float:
        return self.arrivals[0]

    @property
    def tokens_per_s(self) -> float:
        """From the first token to the last, so that the prompt does not count."""
        return (self.num_tokens - 1) / (self.arrivals[-1] - self.arrivals[0])

    @property
    def gaps(self) -> list[float]:
        return [late - early for early, late in zip(self.arrivals, self.arrivals[1:], strict=False)]


Reader = Callable[[Stream, dict[str, object]], None]


def read_ollama(stream: Stream, message: dict[str, object]) -> None:
    """Take one NDJSON object of /api/generate."""
    if message.get("error"):
        raise RuntimeError(str(message["error"]))
    stream.text += str(message["response"]) + str(message.get("thinking", ""))
    if message["done"]:
        stream.num_tokens = int(str(message["eval_count"]))
        stream.final = message


def read_llama_server(stream: Stream, message: dict[str, object]) -> None:
    """Take one event of llama-server's /completion."""
    if message.get("error"):
        raise RuntimeError(str(message["error"]))
    stream.text += str(message["content"])
    if message["stop"]:
        stream.num_tokens = int(str(message["tokens_predicted"]))
        stream.final = message


async def measure(peer: Peer, path: str, body: object, read: Reader) -> Stream:
    """Post a request and note when each line of the answer comes."""
    payload = json.dumps(body).encode()
    stream = Stream()
    reader, writer = await asyncio.open_connection("127.0.0.1", peer.port, limit=1 << 24)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{peer.port}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    started = time.perf_counter()
    writer.write(head.encode() + payload)
    try:
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{peer.name}: {(await reader.read())[-500:]!r}")
        while line := await reader.readline():
            # Chunk sizes and headers fall through: a message is a line that holds an object.
            start = line.find(b"{")
            if start < 0:
                continue
            stream.arrivals.append(time.perf_counter() - started)
            read(stream, json.loads(line[start:]))
    finally:
        writer.close()
    return stream


async def generate(peer: Peer, prompt: str, num_tokens: int, **options: object) -> Stream:
    """A greedy completion of exactly the prompt, on either kind of server."""
    if peer.name == "llama-server":
        body: dict[str, object] = {"prompt": prompt, "n_predict": num_tokens, "stream": True}
        body |= {"temperature": 0, "ignore_eos": True, "cache_prompt": True, **options}
        return await measure(peer, "/completion", body, read_llama_server)
    body = {"model": "bench", "prompt": prompt, "raw": True, "stream": True}
    body["options"] = {"num_predict": num_tokens, "temperature": 0, **options}
    return await measure(peer, "/api/generate", body, read_ollama)
