"""Control of a browser that a client opens: what its user chooses, and a log of what the browser did.

`scripted_browser.py` describes the files in the browser's folder.
"""

import json
import time

VISIT_LOG_TIMEOUT = 2  # seconds; the browser logs a visit after the client has received the redirect


class BrowserDriver:
    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        for name in ("cookies.txt", "visits.jsonl", "closed"):
            (folder / name).unlink(missing_ok=True)

    def set_user(self, user_id, scopes=None, decision="allow", approval="approve"):
        """Sets who logs in, the scopes that they leave checked (`None` for all), and their decisions."""
        choices = {"user_id": user_id, "scopes": scopes, "decision": decision, "approval": approval}
        (self.folder / "user.json").write_text(json.dumps(choices))

    def close(self):
        """Stops browsers that still try to reach the redirect URI of a client that has exited."""
        (self.folder / "closed").touch()

    def visits(self):
        """Returns every logged visit, oldest first."""
        log = self.folder / "visits.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def wait_for_visits(self, after):
        """Returns the visits after the first `after` ones, once there is one or the timeout has passed."""
        deadline = time.monotonic() + VISIT_LOG_TIMEOUT
        while len(self.visits()) <= after and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.visits()[after:]
