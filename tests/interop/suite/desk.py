"""Where a person sits: a browser with its cookies, and what they will answer (see `browser`)."""

import json
import time


class Desk:
    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        for name in ("cookies.txt", "visits.jsonl", "left"):
            (folder / name).unlink(missing_ok=True)

    def seat(self, person, tick=None, decision="allow"):
        """Who sits here, the scopes that they leave ticked (`None`: all), and what they decide."""
        wish = {"person": person, "tick": tick, "decision": decision}
        (self.folder / "person.json").write_text(json.dumps(wish))

    def leave(self):
        """Nobody sits here any more, so that no browser goes on to look for an application that has ended."""
        (self.folder / "left").touch()

    def visits(self):
        """Every visit so far, oldest first."""
        log = self.folder / "visits.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def visits_after(self, count):
        """The visits after the first `count`; waits a moment, since the last one is written after its answer."""
        deadline = time.monotonic() + 2
        while len(self.visits()) <= count and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.visits()[count:]
