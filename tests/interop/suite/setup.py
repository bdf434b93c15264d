"""Where things are, for one run."""

import os
import shutil
from pathlib import Path

from .client import Client

LEGACY, MODERN = "2025-11-25", "2026-07-28"


class Setup:
    def __init__(self):
        self.here = Path(__file__).resolve().parent.parent
        self.root = self.here.parent.parent
        self.installed = Path(os.environ["INTEROP_INSTALLED"])
        self.binaries = Path(os.environ["INTEROP_BINARIES"])
        self.node = os.environ["INTEROP_NODE"]
        self.python = os.environ["INTEROP_PYTHON"]
        self.artifacts = self.root / "artifacts/interop"
        # What the last run left says nothing about this one.
        self.scratch = self.installed / "run"
        for folder in (self.scratch, self.artifacts):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def binary(self, name):
        return self.binaries / name

    def script(self, name):
        """A JavaScript file of this folder, from where it finds the installed packages."""
        return (self.node, self.installed / "js" / name)

    def package(self, path):
        """A file of an installed npm package."""
        return self.installed / "js/node_modules" / path

    def clients(self):
        """The clients under test, with what they were measured to do; README.md says it in words."""
        fastmcp = (self.python, self.here / "clients/fastmcp_client.py")
        sdk_v1 = self.script("clients/sdk_v1.mjs")
        sdk_v2 = self.script("clients/sdk_v2.mjs")
        rmcp = (self.binary("toolgate-interop-rmcp"),)
        forgetful, modern = {"forgetRefreshTokens": True}, {"negotiation": "auto"}
        clients = [
            Client("fastmcp", fastmcp, MODERN, asks="all"),
            Client("sdk-v1", sdk_v1, LEGACY, steps_up=False, strict=False),
            Client("sdk-v1-forgetful", sdk_v1, LEGACY, asks="challenge", strict=False, options=forgetful),
            Client("sdk-v2", sdk_v2, LEGACY),
            Client("sdk-v2-modern", sdk_v2, MODERN, options=modern),
            Client("rmcp", rmcp, LEGACY),
            Client("rmcp-modern", rmcp, MODERN, options=modern),
        ]
        return {client.name: client for client in clients}
