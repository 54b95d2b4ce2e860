"""A Bloom filter whose entries fade: it may take a stranger for a member, never a member for a stranger."""

from hashlib import blake2b

SLOT_SECONDS = 900
"""Entries that expire within the same quarter of an hour are forgotten together."""
MAX_SLOTS = 12
"""What expires later than all of these is kept in the last one: three hours, and no token lives longer than one."""
FIRST_BLOCK_BITS, LAST_BLOCK_BITS = 1 << 20, 1 << 26
"""Blocks of one slot double in size, from 128 kB to 8 MB."""
BITS_PER_ENTRY = 20
"""With eight probes a full block takes one stranger in seven thousand for a member."""
_PROBES = range(8)


class _Block:
    __slots__ = ("bits", "mask", "room")

    def __init__(self, size_bits: int) -> None:
        self.bits = bytearray(size_bits // 8)
        self.mask = size_bits - 1
        self.room = size_bits // BITS_PER_ENTRY

    def add(self, first: int, step: int) -> None:
        bits, mask = self.bits, self.mask
        for _ in _PROBES:
            bit = first & mask
            bits[bit >> 3] |= 1 << (bit & 7)
            first += step
        self.room -= 1

    def may_hold(self, first: int, step: int) -> bool:
        bits, mask = self.bits, self.mask
        for _ in _PROBES:
            bit = first & mask
            if not bits[bit >> 3] & 1 << (bit & 7):
                return False
            first += step
        return True


class _Slot:
    __slots__ = ("blocks", "ends_at")

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self.ends_at = 0


class FadingFilter:
    """Holds names until they expire. Memory is about three bytes for each, whatever its length."""

    __slots__ = ("_slots", "count")

    def __init__(self) -> None:
        self._slots: dict[int, _Slot] = {}
        self.count = 0

    def add(self, name: str, expires: int, now: float) -> None:
        """Add a name until `expires`, in seconds since 1970 as `now`."""
        number = min(expires // SLOT_SECONDS, int(now) // SLOT_SECONDS + MAX_SLOTS)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = _Slot()
        if not slot.blocks or slot.blocks[-1].room <= 0:
            size = FIRST_BLOCK_BITS if not slot.blocks else min(2 * (slot.blocks[-1].mask + 1), LAST_BLOCK_BITS)
            slot.blocks.append(_Block(size))
        slot.blocks[-1].add(*_hashes(name))
        slot.ends_at = max(slot.ends_at, expires)
        self.count += 1

    def may_hold(self, name: str) -> bool:
        """Whether the name may have been added; False is certain."""
        first, step = _hashes(name)
        return any(block.may_hold(first, step) for slot in self._slots.values() for block in slot.blocks)

    def forget(self, now: float) -> None:
        """Drop the slots of which everything has expired."""
        for number, slot in list(self._slots.items()):
            if slot.ends_at <= now:
                del self._slots[number]
                self.count -= sum((block.mask + 1) // BITS_PER_ENTRY - block.room for block in slot.blocks)

    @property
    def size_bytes(self) -> int:
        """Memory of the bits."""
        return sum(len(block.bits) for slot in self._slots.values() for block in slot.blocks)


def _hashes(name: str) -> tuple[int, int]:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
