"""Short ways to use a scheduler in tests."""

from engine.frames import Chunk, Finished, Generate, Sampling
from engine.options import Options

DEFAULT = Options(num_thread=1)  # the tests share the processors with others
GREEDY = Sampling(temperature=0.0)


def ask(prompt="Once upon a time", num_predict=16, **changes):
    return Generate(0, prompt, sampling=GREEDY, num_predict=num_predict, **changes)


async def complete(lease, command):
    reports = [report async for report in lease.generate(command)]
    assert isinstance(reports[-1], Finished)
    assert all(isinstance(report, Chunk) for report in reports[:-1])
    return "".join(report.text for report in reports[:-1]), reports[-1]


def names(scheduler):
    return sorted(one.model.name.model for one in scheduler.loaded())


async def use(scheduler, model, options=DEFAULT, keep_alive_s=None):
    """Load (if needed) and let go. Returns the runner's pid."""
    async with scheduler.lease(model, options, keep_alive_s):
        (pid,) = [one.pid for one in scheduler.loaded() if one.model == model]
    return pid
