"""Ten writes under ten different hosts' habits give one digest."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import io, os, random, sys
sys.path.insert(0, sys.argv[3])
os.umask(int(sys.argv[1], 8))
from layer_samples import small_tree
from whit.layer.write import write_layer
from whit.model.image import Compression, Effort, Format
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.model.tree import Bytes, File, Tree
from whit.oci.assemble import assemble
nodes = {**small_tree().as_dict(), **{f"/n/{i}": File(Bytes(b"%d" % i * 9999)) for i in range(90)}}
pairs = list(nodes.items())
random.Random(int(sys.argv[2])).shuffle(pairs)
labels = [("a", "1"), ("b", "2"), ("c", "3")]
random.Random(int(sys.argv[2])).shuffle(labels)
for form in Format:
    for effort in Effort:
        layer = write_layer(Tree.of(dict(pairs)), Compression(form, effort), io.BytesIO())
        config = RunConfig(Platform("linux", "amd64"), labels=tuple(labels))
        print(layer.digest, layer.compressor, assemble((layer,), config).manifest_digest)
"""


def test_ten_writes_one_digest(tmp_path: Path):
    seen = set()
    umasks, zones = ("022", "077", "000"), ("UTC", "Asia/Kolkata", "America/St_Johns")
    for number in range(10):
        place = tmp_path / str(number)
        place.mkdir()
        env = {
            **os.environ,
            "TZ": zones[number % 3],
            "PYTHONHASHSEED": str(number),
            "LC_ALL": ("C", "C.UTF-8")[number % 2],
        }
        arguments = [umasks[number % 3], str(number), str(Path(__file__).parents[1])]
        every = os.sched_getaffinity(0)
        processors = {min(every)} if number % 2 else every
        answer = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=place, env=env, check=True, capture_output=True, text=True,
            preexec_fn=lambda chosen=processors: os.sched_setaffinity(0, chosen),
        )  # fmt: skip
        seen.add(answer.stdout)
    assert len(seen) == 1
    assert seen.pop().count("sha256:") == 12
