"""FunctionTable and Ledger in, every byte of pclntab booked. Pure.

header        what the table is
funcnametab   names, those of inlined functions too
cutab         per compilation unit the files it was made from
filetab       names of source files
pctab         tables from program counter to line, stack depth, …; shared where equal
functab       (entry, where the record is); records: counters, offsets into pctab and funcdata
funcdata      pointer maps, inline trees, …; since Go 1.27 behind the records

_func  0 entry, 4 name, 8 args, 12 deferreturn, 16 pcsp, 20 pcfile, 24 pcln, 28 npcdata,
       32 cuOffset, 36 start line (1.20 on), 36/40 funcID, flag, pad, nfuncdata
"""

import msgspec
import numpy as np

from whit.binary.functions import FunctionTable
from whit.binary.ledger import Ledger, Numbers
from whit.binary.packages import package_of, package_of_file

SECTION = "pclntab"
NOTHING = 0xFFFFFFFF
INLINE_TREE = 3
GENERAL = "(function tables)"


class Records(msgspec.Struct, frozen=True):
    """The functions of a program: `starts` are relative to the text, one more closes the last.

    `names` are offsets into funcnametab; `funcdata` pairs an offset from gofunc with its function;
    `trees` are those of inline trees.
    """

    starts: Numbers
    ends: Numbers
    names: Numbers
    sizes: Numbers
    units: Numbers
    pctab: tuple[Numbers, Numbers]
    funcdata: tuple[Numbers, Numbers]
    trees: Numbers
    end: int


def read_records(table: FunctionTable) -> Records | None:
    """None for a table before Go 1.18, or one that lies about itself."""
    if not table.is_relative or table.elf.order != "<":
        return None
    data, count = table.elf.data, table.count
    pairs = np.frombuffer(data, "<u4", 2 * count + 1, table.functab).astype(np.int64)
    starts, places = pairs[0::2], pairs[1::2]
    if np.any(np.diff(starts) < 0) or np.any(places % 4) or table.functab % 4:
        return None
    words_count = (len(data) - table.functab) // 4
    words = np.frombuffer(data, "<u4", words_count, table.functab)
    at = places // 4
    head = 11 if table.layout == 20 else 10
    if len(at) == 0 or int(at.max()) + head + 64 > words_count:
        return None
    pcdata = words[at + 7].astype(np.int64)
    funcdata = (words[at + head - 1] >> 24).astype(np.int64)
    sizes = 4 * (head + pcdata + funcdata) + 8
    if int((places + sizes).max()) > len(data) - table.functab or int(pcdata.max()) > 255:
        return None
    functions = np.arange(count)
    in_pctab = [words[at + k].astype(np.int64) for k in (4, 5, 6)]
    of_pctab = [functions] * 3
    for k in range(int(pcdata.max())):
        some = np.flatnonzero(pcdata > k)
        in_pctab.append(words[at[some] + head + k].astype(np.int64))
        of_pctab.append(some)
    in_data, of_data = [], []
    none = np.zeros(0, np.int64)
    trees = none
    for k in range(int(funcdata.max())):
        some = np.flatnonzero(funcdata > k)
        value = words[at[some] + head + pcdata[some] + k].astype(np.int64)
        real = value != NOTHING
        in_data.append(value[real])
        of_data.append(some[real])
        trees = value[real] if k == INLINE_TREE else trees
    return Records(
        starts=starts,
        ends=starts[1:],
        names=words[at + 1].astype(np.int64),
        sizes=sizes,
        units=words[at + 8].astype(np.int64),
        pctab=(np.concatenate(in_pctab), np.concatenate(of_pctab)),
        funcdata=(np.concatenate(in_data or [none]), np.concatenate(of_data or [none])),
        trees=trees,
        end=table.functab + int((places + sizes - 8).max()),
    )


def function_names(table: FunctionTable, records: Records) -> list[str]:
    text = table.name_bytes()
    whole = text.decode("latin-1")  # of one letter a byte, so that places stay what they are
    find = whole.find
    names = [whole[at : find("\0", at)] for at in records.names.tolist()]
    if text.isascii():
        return names
    return [
        name if name.isascii() else name.encode("latin-1").decode("utf-8", "replace")
        for name in names
    ]


def book_tables(ledger: Ledger, table: FunctionTable, records: Records, main: str) -> None:
    """Everything from the header up to `records.end`. `main` is the import path of main."""
    count = table.count
    elf, offset = table.elf, table.offset
    words = [elf.pointer(offset + 8 + i * elf.word) for i in range(8)]
    names, units, files, pctab, functab = (offset + w for w in words[3:8])
    ledger.write_one(SECTION, GENERAL, "header", names - offset)
    _book_names(ledger, table, records)
    # A unit's files: from the smallest offset of its functions up to the next unit.
    ledger.share(SECTION, 4 * records.units, np.arange(count), files - units)
    _book_files(ledger, bytes(elf.data[files:pctab]), main)
    in_pctab, of_pctab = records.pctab
    real = in_pctab > 0  # 0 says that there is no table
    ledger.share(SECTION, in_pctab[real], of_pctab[real], functab - pctab, 1)
    ledger.write_one(SECTION, GENERAL, "first byte of pctab", 1)
    ledger.write(SECTION, np.arange(count), records.sizes.astype(np.float64))
    used = int(records.sizes.sum())
    ledger.write_one(SECTION, GENERAL, "alignment", records.end - functab - used)


def _book_names(ledger: Ledger, table: FunctionTable, records: Records) -> None:
    """A name belongs to its function; one of a function that was only inlined to its package."""
    first, last = table.names
    text = np.frombuffer(table.elf.data, "u1", last - first, first)
    ends = np.flatnonzero(text == 0)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = (ends - starts + 1).astype(np.float64)
    linked, functions = np.unique(records.names, return_index=True)
    at = np.searchsorted(linked, starts)
    at[at == len(linked)] = 0
    is_linked = linked[at] == starts
    ledger.write(SECTION, functions[at[is_linked]], lengths[is_linked])
    raw = table.name_bytes()
    inlined: dict[str, float] = {}
    for start, end in zip(starts[~is_linked].tolist(), ends[~is_linked].tolist(), strict=True):
        if end > start:
            package = package_of(raw[start:end].decode("utf-8", "replace"))
            inlined[package] = inlined.get(package, 0.0) + end - start + 1
    for package, amount in inlined.items():
        ledger.write_one(SECTION, package, "(names of inlined functions)", amount)
    empty = float(lengths[(~is_linked) & (ends == starts)].sum())
    tail = float(len(text) - (int(ends[-1]) + 1 if len(ends) else 0))
    ledger.write_one(SECTION, GENERAL, "alignment", empty + tail)


def _book_files(ledger: Ledger, text: bytes, main: str) -> None:
    known = dict.fromkeys(ledger.packages, 0)
    package_in: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for raw in text.split(b"\0"):
        if not raw:
            continue
        path = raw.decode("utf-8", "replace")
        directory = path.rpartition("/")[0]
        package = package_in.get(directory)
        if package is None:
            package = package_in[directory] = package_of_file(path, known, main)
        sizes[package] = sizes.get(package, 0) + len(raw) + 1
    for package, size in sizes.items():
        ledger.write_one(SECTION, package or GENERAL, "(names of source files)", size)
    ledger.write_one(SECTION, GENERAL, "alignment", len(text) - sum(sizes.values()))
