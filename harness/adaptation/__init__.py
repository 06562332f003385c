"""From photos to a model: chooses a method, runs its trial, and keeps what was learned."""
