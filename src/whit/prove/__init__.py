"""A plan and what was seen of it in, a Verdict out: does the image run, and how is that known.

paths     a Tree as the kernel would walk it (pure)
verdict   plan + facts + observations -> Verdict (pure)
observe   a run in the sandbox -> Observation (door)
"""
