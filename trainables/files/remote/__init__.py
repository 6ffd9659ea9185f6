"""Runs in a bucket: its objects, and the working copy of them on this machine. fsspec is loaded where a URL is used."""
