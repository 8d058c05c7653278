"""Readers: they turn stored files (WARC, Parquet, JSONL) into documents and rejects.

Readers know file formats, compression, HTTP and character sets. They do not know what is done with a document
afterwards, nor where storage keeps its bytes.
"""
