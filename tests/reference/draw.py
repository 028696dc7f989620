"""Design 4.4 in plain Python: from a pmf to the action drawn and the propensity logged."""

from __future__ import annotations

from hashlib import blake2b

WHOLE = 4294967296


def served_integers(integers, eligible, eta):
    """Steps 2 to 4: eligible renormalised, mixed with the uniform pmf, rounded to integers that sum to 2**32."""
    width = len(integers)
    allowed = [a for a in range(width) if eligible[a]]
    mass = 0.0
    for a in allowed:
        mass = mass + integers[a] / WHOLE
    mixed = [0.0] * width
    for a in allowed:
        renormalised = integers[a] / WHOLE / mass if mass > 0 else 1.0 / len(allowed)
        mixed[a] = (1.0 - eta) * renormalised + eta / len(allowed)
    return with_minimum(largest_remainder(mixed), allowed, eta)


def largest_remainder(pmf):
    """Integers that sum to 2**32: floors, then one unit each to the largest remainders, ties to the lowest index."""
    result, rests = [], []
    for a, probability in enumerate(pmf):
        scaled = probability * WHOLE
        whole = int(scaled // 1)
        result.append(whole)
        rests.append((-(scaled - whole), a))
    rests.sort()
    missing = WHOLE - sum(result)
    for _, a in rests[:missing]:
        result[a] += 1
    return result


def with_minimum(integers, allowed, eta):
    """A minimum of 1 for every eligible action, each unit taken from the largest (ties to the lowest index)."""
    result = list(integers)
    if eta > 0:
        for a in allowed:
            if result[a] == 0:
                donor = 0
                for b in range(len(result)):
                    if result[b] > result[donor]:
                        donor = b
                result[donor] -= 1
                result[a] = 1
    return result


def user_word(user):
    """The eight bytes that stand for a user."""
    return blake2b(f"{user}".encode(), digest_size=8).digest()


def number(word, period, salt, scope):
    """Step 5: the uniform in [0, 2**32) of a decision."""
    key = blake2b(salt.encode() + b"\x1f" + scope.encode(), digest_size=32).digest()
    hashed = blake2b(word + period.to_bytes(8, "little", signed=True), key=key, digest_size=8).digest()
    return int.from_bytes(hashed, "little") >> 32


def choose(integers, u):
    """Step 6: the first action whose cumulative integer exceeds u."""
    for a in range(len(integers)):
        if sum(integers[: a + 1]) > u:
            return a
    return None


def arm_of(user, control, uniform, salt):
    """The sticky arm of a user: its own keyed number, and the shares cut off from below."""
    u = number(user_word(user), 0, f"arms:{salt}", "sticky") / WHOLE
    return "control" if u < control else "uniform" if u < control + uniform else "policy"


def decision(policy, user, period, path, eligible=None):
    """(arm, action index, propensity, integers) of a table policy, from its plain fields alone."""
    width = policy.actions.k
    eligible = [True] * width if eligible is None else eligible
    arm = arm_of(user, policy.arms.control, policy.arms.uniform, policy.arms.salt)
    while path not in policy.segments.paths:
        path = path.rpartition("/")[0]
    row, eta = policy.shares[policy.segments.paths.index(path)].tolist(), policy.uniform
    if arm == "control":
        row, eta = [WHOLE * (name == "none") for name in policy.actions.names], 0.0
    if arm == "uniform":
        row, eta = [0] * width, 0.0
    integers = served_integers(row, eligible, eta)
    a = choose(integers, number(user_word(user), period, policy.salt, policy.scope))
    return arm, a, integers[a] / WHOLE, integers
