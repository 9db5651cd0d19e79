"""One file, one function, one kind of instrument: reads a scan and tells what its operator is.

A file in this folder is a modality; nothing else lists it. It holds a function of its own name, which takes the path
of a scan and what the file may not say about the geometry, and returns a `Scan`. Every keyword of it is a flag of the
command line.
"""
