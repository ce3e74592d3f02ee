import pytest

from engine.scheduler.settings import SchedulerSettings


@pytest.mark.parametrize(("given", "limit"), [(0, 3), (1, 1), (7, 7)])
def test_zero_models_mean_the_default(given, limit):
    assert SchedulerSettings(("x",), max_loaded_models=given).model_limit == limit
