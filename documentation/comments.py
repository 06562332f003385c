"""Lets the reference show a field's comment if the field has no docstring."""

from __future__ import annotations

import griffe

__all__ = ["FieldComments"]


class FieldComments(griffe.Extension):
    """Takes the comment at the end of a field's line for its docstring."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: object) -> None:
        """Give a field of a class what its line says; griffe calls it for each attribute."""
        is_field = attr.parent is not None and attr.parent.is_class
        if is_field and attr.docstring is None and attr.lines:
            before, mark, comment = attr.lines[-1].partition("  # ")
            if before.strip() and mark:
                attr.docstring = griffe.Docstring(comment.strip(), parent=attr)
