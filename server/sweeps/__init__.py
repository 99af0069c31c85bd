"""Sweeps of networks by agents: asked for by one person of head office, approved by another, and only then sent."""
