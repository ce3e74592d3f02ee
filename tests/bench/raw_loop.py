"""The ceiling: llama.cpp's own decode loop, one sequence, greedy, nothing around it.

`python -m tests.bench.raw_loop MODEL TOKENS [THREADS]` prints one line of JSON. A process of its
own, so that it competes with nothing of ours.
"""

import ctypes
import json
import sys
import time

import llama_cpp.llama_cpp as llama


def main(model_path: str, num_tokens: int, threads: int) -> None:
    """Decode `num_tokens` tokens after a short prompt and print tokens per second."""
    llama.llama_backend_init()
    quiet = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(quiet, ctypes.c_void_p(0))
    model = llama.llama_model_load_from_file(
        model_path.encode(), llama.llama_model_default_params()
    )
    settings = llama.llama_context_default_params()
    settings.n_ctx = num_tokens + 64
    settings.n_batch = 512
    settings.n_threads = settings.n_threads_batch = threads
    settings.no_perf = True
    context = llama.llama_init_from_model(model, settings)
    sampler = llama.llama_sampler_init_greedy()
    prompt = list(range(100, 116))
    tokens = (llama.llama_token * len(prompt))(*prompt)
    if llama.llama_decode(context, llama.llama_batch_get_one(tokens, len(prompt))):
        raise SystemExit("llama_decode failed")
    single = (llama.llama_token * 1)()
    single[0] = llama.llama_sampler_sample(sampler, context, -1)
    produced = []
    started = time.perf_counter()
    for _ in range(num_tokens):
        if llama.llama_decode(context, llama.llama_batch_get_one(single, 1)):
            raise SystemExit("llama_decode failed")
        single[0] = llama.llama_sampler_sample(sampler, context, -1)
        produced.append(single[0])
    seconds = time.perf_counter() - started
    sys.stdout.write(
        json.dumps({"tokens_per_s": num_tokens / seconds, "first_tokens": produced[:8]}) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2)
