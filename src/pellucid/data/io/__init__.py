"""Read and write images; one file a format, and no format's package is imported before it is needed."""

from pellucid.data.io.checking import check, finite_block
from pellucid.data.io.dtypes import to_dtype
from pellucid.data.io.paths import expand, output_path
from pellucid.data.io.reading import read
from pellucid.data.io.writing import Writer, create, writable, write

__all__ = [
    "Writer",
    "check",
    "create",
    "expand",
    "finite_block",
    "output_path",
    "read",
    "to_dtype",
    "writable",
    "write",
]
