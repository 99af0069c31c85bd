"""A load test: a bank of its own, and as many agents as asked for, over the wire as it is.

It never meets a bank's data: it makes a home and a server for itself, and takes both away again. So what it says of a
machine and its disk, it says without anybody's records at risk.
"""
