"""A dense linear system: how much of the cores' speed reaches a program that computes and talks."""
