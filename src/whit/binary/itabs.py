"""Types and pointers in, the interface tables among the data out. Pure.

    itab   0 interface type, 8 type, 16 hash of the type, 24 entries of its methods
Two pointers to types in a row, an interface first, and then the hash of the second: that proves it.
"""

import numpy as np

from whit.binary.elf import Elf
from whit.binary.ledger import Numbers
from whit.binary.targets import References, words_at

INTERFACE = 20


def itabs_among(
    elf: Elf, words: References, addresses: Numbers, kinds: Numbers, hashes: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """(address of the table, index of the interface's type, of the other), of types that are
    sorted by address.
    """
    none = np.zeros(0, np.int64)
    if not len(addresses) or not len(words.places):
        return none, none, none
    order = np.argsort(words.places, kind="stable")
    places, targets = words.places[order], words.targets[order]
    index = np.searchsorted(addresses, targets)
    index[index == len(addresses)] = 0
    is_type = addresses[index] == targets
    pair = is_type[:-1] & is_type[1:] & (places[1:] - places[:-1] == 8)
    pair &= kinds[index[:-1]] == INTERFACE
    at = np.flatnonzero(pair)
    found = words_at(elf, places[at] + 16) & 0xFFFFFFFF
    at = at[found == hashes[index[at + 1]]]
    return places[at], index[at], index[at + 1]
