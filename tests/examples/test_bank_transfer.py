"""The example of an adapter that fills a bank's files passes its own tests, with the kit's among them."""

import importlib
import sys
from pathlib import Path

_FOLDER = str(Path(__file__).resolve().parents[2] / "examples" / "payments-bank-transfer")
sys.path.insert(0, _FOLDER)
try:
    _tests = vars(importlib.import_module("test_bank_transfer"))
finally:
    sys.path.remove(_FOLDER)
globals().update({name: each for name, each in _tests.items() if name.startswith("test_")})
