"""Texts to vectors and documents to scores: the loop of embedding and rerank models."""
