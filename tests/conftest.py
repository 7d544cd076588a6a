import os
import signal

import pytest

# Before any test module imports litellm, which else asks the network for its price map.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
# Hundreds of tests start a process; where bytecode is not kept, each compiles the package anew, at 0.8 s of CPU.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Give SIGINT its meaning back where the suite was started in the background, which has it ignored."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
