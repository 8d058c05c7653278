"""The columns of documents before and after each stage.

Knows which columns stages declare to add and remove; does not know rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipeline.plan.recipe import Recipe, located
from stages.base import Stage, StageConfig


def output_columns(schema: pa.Schema, cls: type[Stage], settings: StageConfig) -> pa.Schema:
    """The columns after an annotating, generating or global stage."""
    for field in cls.added(settings):
        index = schema.get_field_index(field.name)
        schema = schema.append(field) if index < 0 else schema.set(index, field)
    return pa.schema([field for field in schema if field.name not in cls.consumes])


def output_schema(schema: pa.Schema, steps: Sequence[Recipe]) -> pa.Schema:
    """The columns after all steps of a segment."""
    for recipe in steps:
        if recipe.role in ("annotate", "generate"):
            schema = output_columns(schema, *located(recipe))
    return schema
