"""Results of the checks."""

import contextlib
import json
import time
import traceback


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self._results = []
        self._groups = []

    def check(self, name, passed, detail=""):
        """Records one check. A failed check prints `detail`."""
        name = ": ".join([*self._groups, name])
        self._results.append({"name": name, "passed": bool(passed), "detail": None if passed else str(detail)})
        if passed:
            self.passed += 1
        else:
            self.failed += 1
            print(f"  FAILED {name}\n         {detail}", flush=True)
        return bool(passed)

    def equal(self, name, actual, expected):
        return self.check(name, actual == expected, f"got {actual!r}, expected {expected!r}")

    @contextlib.contextmanager
    def group(self, name):
        """Puts the checks in its block under a name. An exception fails the group and does not end the run."""
        self._groups.append(name)
        before, start = (self.passed, self.failed), time.monotonic()
        try:
            yield
        except Exception:
            self.check("completes without an exception", False, traceback.format_exc())
        finally:
            passed, failed = self.passed - before[0], self.failed - before[1]
            seconds = time.monotonic() - start
            print(f"{': '.join(self._groups)}: {passed} passed, {failed} failed ({seconds:.1f} s)", flush=True)
            self._groups.pop()

    def write(self, path):
        path.write_text(json.dumps(self._results, indent=1) + "\n")
