#!/usr/bin/env python3
"""A browser without a window that opens a URL, logs a user in and submits the consent page, or that of an approval.

Clients start it through the `BROWSER` variable with the URL as its only argument. It continues in the background, as a
browser does, and keeps its cookies. `INTEROP_BROWSER_FOLDER` names the folder of its files:

    user.json      who logs in and what they choose; written by suite/browser_driver.py
    cookies.txt    the cookies of earlier visits
    visits.jsonl   one record per visit: what was requested, what was chosen, where the browser was redirected
    closed         exists once the client has exited: the browser stops retrying the redirect URI
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import MozillaCookieJar
from pathlib import Path

MAX_PAGES = 10
# In seconds. A client may start to listen only after it has opened the browser.
REDIRECT_TIMEOUT = 10
APPROVAL_PATH = "/approve/"
# Class of the consent page's part with the requested scopes that the role does not hold, and the elements that have it.
UNAVAILABLE_CLASS = "refused"
UNAVAILABLE_TAGS = ("details", "section")


class Page(HTMLParser):
    """The form of a page, and the scopes that the page shows as not available to the role."""

    def __init__(self, html):
        super().__init__()
        self.action = None
        self.hidden, self.checkboxes, self.buttons, self.unavailable = [], [], [], []
        self.heading = ""
        self._unavailable_depth = 0
        self._open_tags = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.action = values.get("action")
        elif tag == "input" and values.get("type") == "hidden":
            self.hidden.append((values["name"], values.get("value", "")))
        elif tag == "input" and values.get("type") == "checkbox":
            self.checkboxes.append((values["name"], values["value"]))
        elif tag == "button" and "name" in values and "disabled" not in values:
            self.buttons.append((values["name"], values["value"]))
        elif tag in UNAVAILABLE_TAGS:
            if self._unavailable_depth or UNAVAILABLE_CLASS in values.get("class", ""):
                self._unavailable_depth += 1
        if tag in ("h1", "code"):
            self._open_tags.append(tag)
            if tag == "code" and self._unavailable_depth:
                self.unavailable.append("")

    def handle_endtag(self, tag):
        if tag in ("h1", "code") and self._open_tags:
            self._open_tags.pop()
        elif tag in UNAVAILABLE_TAGS and self._unavailable_depth:
            self._unavailable_depth -= 1

    def handle_data(self, text):
        if "h1" in self._open_tags:
            self.heading += text
        elif "code" in self._open_tags and self._unavailable_depth:
            self.unavailable[-1] += text


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    def __init__(self, folder):
        self.closed = folder / "closed"
        self.user = json.loads((folder / "user.json").read_text())
        self.cookies = MozillaCookieJar(str(folder / "cookies.txt"))
        if os.path.exists(self.cookies.filename):
            self.cookies.load(ignore_discard=True)
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), NoRedirect, urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self.visit = {"pages": [], "offered": [], "checked": [], "unavailable": []}

    def request(self, url, form=None):
        """Returns the response's status, the URL that it redirects to, and its body."""
        body, headers = None, {}
        if form is not None:
            body, headers["origin"] = urllib.parse.urlencode(form).encode(), urllib.parse.urljoin(url, "/").rstrip("/")
        try:
            response = self.opener.open(urllib.request.Request(url, data=body, headers=headers), timeout=20)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            location = response.headers.get("location")
            text = response.read().decode(errors="replace")
            return response.status, location and urllib.parse.urljoin(url, location), text

    def log_in(self, url):
        """Submits the forms of the pages from `url` on, until one redirects to the client."""
        start = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(start.query))
        self.visit["requested"] = sorted(query.get("scope", "").split())
        self.visit["resource"] = query.get("resource")
        self.visit["authorization_endpoint"] = url.split("?")[0]
        form = None
        for _ in range(MAX_PAGES):
            status, location, text = self.request(url, form)
            form = None
            if location and urllib.parse.urlsplit(location).netloc != start.netloc:
                return self.open_redirect_uri(location)
            if location:
                url = location
                continue
            page = Page(text)
            if status != 200 or page.action is None:
                raise RuntimeError(f"expected a page with a form, got status {status}: {page.heading or text[:200]}")
            url, form = urllib.parse.urljoin(url, page.action), page.hidden + self.choose(page)
        raise RuntimeError(f"no redirect to the client after {MAX_PAGES} pages")

    def approve(self, url):
        """Submits the forms of the pages from `url` on, on every host, until one has no form."""
        form = None
        for _ in range(2 * MAX_PAGES):
            _, location, text = self.request(url, form)
            form = None
            if location:
                url = location
                continue
            page = Page(text)
            if page.action is None:
                self.visit["heading"] = page.heading
                return
            url, form = urllib.parse.urljoin(url, page.action), page.hidden + self.choose(page)
        raise RuntimeError(f"no page without a form after {2 * MAX_PAGES} pages")

    def choose(self, page):
        """Returns the form fields that the user's choices add to this page."""
        if ("decision", "approve") in page.buttons:
            self.visit["pages"].append("approval")
            return [("decision", self.user.get("approval", "approve"))]
        login_button = ("person", self.user["user_id"])
        if login_button in page.buttons:
            self.visit["pages"].append("login")
            return [login_button]
        self.visit["pages"].append("consent")
        scopes = self.user.get("scopes")
        checked = [(name, value) for name, value in page.checkboxes if scopes is None or value in scopes]
        # A page without a scope to grant has only a button that denies.
        decisions = [value for name, value in page.buttons if name == "decision"]
        decision = self.user.get("decision", "allow")
        decision = decision if decision in decisions else decisions[0]
        self.visit.update(
            heading=page.heading,
            offered=sorted(value for _, value in page.checkboxes),
            checked=sorted(value for _, value in checked),
            unavailable=sorted(page.unavailable),
            decision=decision,
        )
        return [*checked, ("decision", decision)]

    def open_redirect_uri(self, url):
        parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        self.visit["parameters"] = {key: value for key, value in parameters.items() if key not in ("code", "state")}
        self.visit["has_code"] = "code" in parameters
        self.visit["redirect_uri"] = url.split("?")[0]
        deadline = time.monotonic() + REDIRECT_TIMEOUT
        while True:
            try:
                self.visit["redirect_status"], _, _ = self.request(url)
                return
            except urllib.error.URLError:
                if time.monotonic() > deadline or self.closed.exists():
                    raise
                time.sleep(0.05)


def main():
    folder = Path(os.environ["INTEROP_BROWSER_FOLDER"])
    browser = Browser(folder)
    try:
        url = sys.argv[1]
        if urllib.parse.urlsplit(url).path.startswith(APPROVAL_PATH):
            browser.approve(url)
        else:
            browser.log_in(url)
    except Exception as error:  # the checks read every error from the visit's record
        browser.visit["error"] = f"{type(error).__name__}: {error}"
    browser.cookies.save(ignore_discard=True)
    with (folder / "visits.jsonl").open("a") as log:
        log.write(json.dumps(browser.visit) + "\n")


if __name__ == "__main__":
    if os.fork() == 0:
        os.setsid()
        with open(os.devnull, "r+b") as null:
            for stream in (0, 1, 2):
                os.dup2(null.fileno(), stream)
        main()
        os._exit(0)
