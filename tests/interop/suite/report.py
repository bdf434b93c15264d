"""What was checked, and how it went."""

import contextlib
import json
import time
import traceback


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.results = []
        self._where = []

    def check(self, what, holds, detail=""):
        """Counts one promise. `detail` is shown when it does not hold."""
        name = ": ".join([*self._where, what])
        self.results.append({"name": name, "passed": bool(holds), "detail": None if holds else str(detail)})
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"  FAILED {name}\n         {detail}", flush=True)
        return bool(holds)

    def equal(self, what, found, expected):
        return self.check(what, found == expected, f"found {found!r}, expected {expected!r}")

    @contextlib.contextmanager
    def part(self, name):
        """Checks below a name. What goes wrong in between is a failure of this part, and the others go on."""
        self._where.append(name)
        before, start = (self.passed, self.failed), time.monotonic()
        try:
            yield
        except Exception:
            self.check("runs to its end", False, traceback.format_exc())
        finally:
            passed, failed = self.passed - before[0], self.failed - before[1]
            took = time.monotonic() - start
            print(f"{': '.join(self._where)}: {passed} passed, {failed} failed ({took:.1f} s)", flush=True)
            self._where.pop()

    def write(self, path):
        path.write_text(json.dumps(self.results, indent=1) + "\n")
