"""Fills the page's template; its own script is the only one that a browser may run."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.page.content import Content
from harness.report.page.inline_picture import ROLES, dark_colours

__all__ = ["render"]


def render(content: Content) -> str:
    """Return the page; whatever a record says is escaped."""
    environment = Environment(
        loader=PackageLoader("harness.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _source(environment, "page.js")
    return environment.get_template("page.html").render(
        content=content,
        script=Markup(script),  # noqa: S704 - a file of this package
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        style=Markup(_source(environment, "page.css")),  # noqa: S704 - likewise
        series=Markup(_series()),  # noqa: S704 - numbers of this package
    )


def _source(environment: Environment, name: str) -> str:
    """Return a file beside the template as it is."""
    if environment.loader is None:
        raise ValueError("the environment has no templates")
    return environment.loader.get_source(environment, name)[0]


def _series() -> str:
    """Write the colours of the series as custom properties; the style sheet has the greys."""
    light = {role: colour for colour, role in ROLES.items()}
    return "".join(
        f"{role}:light-dark({light[role]},{dark});" for role, dark in dark_colours().items()
    )
