"""What help says about environment variables. Texts only."""

HOST = ("OLLAMA_HOST", "IP Address for the corral server (default 127.0.0.1:11434)")

CLIENT = (HOST,)

RUN = (
    HOST,
    ("OLLAMA_NOHISTORY", "Do not preserve readline history"),
)

SERVE = (
    ("OLLAMA_DEBUG", "Show additional debug information (e.g. OLLAMA_DEBUG=1)"),
    HOST,
    ("OLLAMA_CONTEXT_LENGTH", "Context length to use unless otherwise specified"),
    ("OLLAMA_KEEP_ALIVE", 'The duration that models stay loaded in memory (default "5m")'),
    ("OLLAMA_MAX_LOADED_MODELS", "Maximum number of loaded models"),
    ("OLLAMA_MAX_QUEUE", "Maximum number of queued requests"),
    ("OLLAMA_MODELS", "The path to the models directory"),
    ("OLLAMA_NUM_PARALLEL", "Maximum number of parallel requests"),
    ("OLLAMA_NOPRUNE", "Do not prune model blobs on startup"),
    ("OLLAMA_ORIGINS", "A comma separated list of allowed origins"),
    ("OLLAMA_FLASH_ATTENTION", "Enabled flash attention"),
    ("OLLAMA_KV_CACHE_TYPE", "Quantization type for the K/V cache (default: f16)"),
    (
        "OLLAMA_LOAD_TIMEOUT",
        'How long to allow model loads to stall before giving up (default "5m")',
    ),
    ("CORRAL_CACHE_DISK", "Most bytes of saved prompt state on disk, 0 for none (default: 20 GiB)"),
    ("CORRAL_CACHE_RAM", "Most bytes of prompt state per model in memory (default: automatic)"),
    ("CORRAL_IDLE_EXIT", "Exit after serving nothing for this long (default: never)"),
)
