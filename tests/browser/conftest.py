import pytest
from playwright.async_api import expect

from tests.browser.support import found

NO_BROWSER = "No browser is here: install chromium, or name one in the variable CHROMIUM."


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    if not found():
        pytest.exit(NO_BROWSER, returncode=1)
    expect.set_options(timeout=60_000)  # as long as a page is waited for
