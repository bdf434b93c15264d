"""Locations of the programs, packages and output folders of one run."""

import os
import shutil
from pathlib import Path


class Paths:
    def __init__(self):
        self.interop = Path(__file__).resolve().parent.parent
        self.repository = self.interop.parent.parent
        self.installed = Path(os.environ["INTEROP_INSTALLED"])
        self.binaries = Path(os.environ["INTEROP_BINARIES"])
        self.node = os.environ["INTEROP_NODE"]
        self.python = os.environ["INTEROP_PYTHON"]
        self.artifacts = self.repository / "artifacts/interop"
        self.scratch = self.installed / "run"

    def clear_output(self):
        """Deletes the output of the previous run."""
        for folder in (self.scratch, self.artifacts):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def node_command(self, script):
        """Returns the command for a JavaScript file of this suite, in the copy that can import the npm packages."""
        return (self.node, self.installed / "js" / script)

    def npm_file(self, path):
        """Returns the path of a file in an installed npm package."""
        return self.installed / "js/node_modules" / path
