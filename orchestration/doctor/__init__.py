"""What a person would check before and after a refresh: what lands, what came of it, the rules, and
the machine.

It reads and never writes. What belongs here: finding what is wrong or missing, and saying what to
do about it. What does not: how findings are printed (commands/doctor.py), and mending anything.
"""
