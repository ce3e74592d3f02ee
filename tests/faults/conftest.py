"""The scheduler's fixtures serve here as well."""

from tests.engine.scheduler.conftest import models, start

__all__ = ["models", "start"]
