"""Messages: how long they take between pods of two machines, of one machine, inside one pod, and between plain containers."""
