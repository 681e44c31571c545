#!/bin/sh
# Answers OpenSSH with the password that the test put into the environment.
printf "%s\n" "$ANSWER"
