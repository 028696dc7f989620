"""Message passing on the segment tree."""
