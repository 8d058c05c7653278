"""Readers: what is stored (WARC, Parquet, JSONL) becomes documents and rejects.

Readers know file formats, compression, HTTP and character sets. They know nothing of what is done
with a document afterwards, nor where storage keeps its bytes.
"""
