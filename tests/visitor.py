"""A signed-in person without a browser: fills in the forms of our pages, with their CSRF tokens."""

import re

import requests

from tests.running import Panal


class Visitor:
    def __init__(self, panal: Panal, email: str, password: str) -> None:
        self.base, self.session = panal.url, requests.Session()
        self.post("/accounts/login/", login=email, password=password)

    def post(self, path: str, form_path: str = "", **form: str) -> requests.Response:
        """Open the page and send its form, or the one that goes to `form_path`; the page that follows."""
        page = path if path.startswith("http") else self.base + path
        url = self.base + form_path if form_path else page
        sent = {**form, "csrfmiddlewaretoken": token_in(self.session.get(page).text)}
        answer = self.session.post(url, sent, headers={"Referer": page})
        assert answer.ok, f"{url}: {answer.status_code}"
        return answer


def token_in(html: str) -> str:
    found = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', html)
    assert found, html[:500]
    return found[1]
