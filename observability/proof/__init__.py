"""Proof: what is claimed is measured and checked on running processes."""
