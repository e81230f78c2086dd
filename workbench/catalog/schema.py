"""``catalogs/schema.json``: what editors need to help while a catalog is written.

python -m workbench.catalog.schema            # writes catalogs/schema.json beside the package
python -m workbench.catalog.schema FILE       # writes FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from workbench.catalog.model import Catalog

PATH = Path(__file__).resolve().parents[2] / "catalogs" / "schema.json"


def text() -> str:
    """The JSON schema of a catalog file, as it is committed."""
    schema = Catalog.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A cruise of SciOps Workbench"}
    return json.dumps({**schema, **head}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    target.write_text(text(), encoding="utf-8")
