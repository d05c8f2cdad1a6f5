"""Writes v1/f32.csv and v1/f64.csv: what every function and loss gives, by GNU MPFR.

    pip install gmpy2 && python3 golden/generate.py

Reproducible to the byte. Formulas are those of textbooks, with 4,200 bits; each result is rounded once, subnormals and
overflow included. gmpy2 is MPFR's wrapper for Python. `golden/README.md` describes the columns.
"""

import random
import struct
from pathlib import Path

import gmpy2
from gmpy2 import mpfr

EXACT = gmpy2.context(precision=4200, emax=1 << 30, emin=-(1 << 30))
AWAY = gmpy2.context(EXACT, round=gmpy2.RoundAwayZero)
gmpy2.set_context(EXACT)

INF, NAN = mpfr("inf"), mpfr("nan")


# Formats

class Format:
    def __init__(self, name, bits, precision, emax, end, edges):
        self.name, self.bits, self.precision, self.end, self.edges = name, bits, precision, end, edges
        self.emin = 2 - emax - precision + 1  # of the smallest subnormal
        self.codes = {32: ("<f", "<I"), 64: ("<d", "<Q")}[bits]
        self.context = gmpy2.ieee(bits)
        self.biggest, self.tiny, self.normal = (
            self.number((0x7F7FFFFF, 1, 1 << 23)[i] if bits == 32 else (0x7FEFFFFFFFFFFFFF, 1, 1 << 52)[i])
            for i in range(3))

    def number(self, bits):
        return struct.unpack(self.codes[0], struct.pack(self.codes[1], bits))[0]

    def hex(self, x):
        bits = struct.unpack(self.codes[1], struct.pack(self.codes[0], x))[0]
        return f"{bits:0{self.bits // 4}x}"

    def near(self, x):
        """The nearest number of the format."""
        if self.bits == 64 or x != x or abs(x) == float("inf"):
            return x
        with gmpy2.context(self.context):
            return float(+mpfr(x))

    def step(self, x, steps):
        return self.number(int(self.hex(self.near(x)), 16) + steps)

    def round(self, x):
        with gmpy2.context(self.context):
            return +x

    def unit(self, x):
        """Exponent of the unit in the last place."""
        if x == 0:
            return self.emin
        with gmpy2.context(EXACT):
            return max(gmpy2.get_exp(mpfr(x)) - self.precision, self.emin)


F32 = Format("f32", 32, 24, 128, 106.0, [16.635532, 17.0, 87.336548, 88.722839, 103.27893, 103.97208])
F64 = Format("f64", 64, 53, 1024, 750.0, [36.7, 37.42995, 708.3964185322641, 709.782712893384, 744.4400719213812,
                                          745.1332191019412])


# Formulas. A number of a jet is (number, largest term of the sum that it is).

def exp(x):
    """e^x; far out a number that is as good as 0 beside anything, or infinity."""
    if x > 1e8:
        return INF
    return gmpy2.exp(x if x > -1e8 else mpfr(-1e8))


def add(x, y):
    """A sum; of two of one sign rounded away from zero, so that a small one still breaks a tie."""
    if x * y > 0:
        with gmpy2.context(AWAY):
            return x + y
    return x + y


def softplus(x):
    return add(x if x > 0 else mpfr(0), gmpy2.log1p(exp(-abs(x))))


def sigmoid(x):
    t = exp(-abs(x))
    return (1 if x > 0 else t) / (1 + t)


def one(*jet):
    return [(mpfr(x), abs(mpfr(x))) for x in jet]


def differ(a, b):
    return (a - b, max(abs(a), abs(b)))


def logistic(z):
    if gmpy2.is_infinite(z):
        return one(0, 0, 0) if z > 0 else one(INF, -1, 0)
    return one(softplus(-z), -sigmoid(-z), sigmoid(z) * sigmoid(-z))


def robust_logistic(z, epsilon):
    slope = mpfr(epsilon) / (1 - 2 * mpfr(epsilon))
    if gmpy2.is_infinite(z):
        return one(-INF, -slope, 0) if z > 0 else one(INF, -1 - slope, 0)
    value, gradient, hessian = logistic(z)
    return [differ(value[0], z * slope), one(gradient[0] - slope)[0], hessian]


def hinge(z, margin):
    if gmpy2.is_infinite(z):
        return one(0, 0, 0) if z > 0 else one(INF, -1, 0)
    gap = margin - z
    return one(gap, -1, 0) if gap > 0 else one(0, 0, 0)


def squared_hinge(z, margin):
    if gmpy2.is_infinite(z):
        return one(0, 0, 0) if z > 0 else one(INF, -INF, 2)
    gap = margin - z
    return one(gap * gap, -2 * gap, 2) if gap > 0 else one(0, 0, 0)


def exponential(z):
    if gmpy2.is_infinite(z):
        return one(0, 0, 0) if z > 0 else one(INF, -INF, INF)
    return one(exp(-z), -exp(-z), exp(-z))


def ipo(z, beta):
    if gmpy2.is_infinite(z):
        return one(INF, z, 2)
    target = 1 / (2 * mpfr(beta))
    gap, largest = differ(z, target)
    return [(gap * gap, abs(gap) * largest), (2 * gap, 2 * largest), one(2)[0]]


def rao_kupper_win(z, eta):
    return logistic(z - eta)


def rao_kupper_tie(z, eta):
    if gmpy2.is_infinite(z):
        return one(INF, 1 if z > 0 else -1, 0)
    value = add(softplus(eta - z), softplus(eta + z)) - gmpy2.log(gmpy2.expm1(2 * mpfr(eta)))
    curvature = sigmoid(eta - z) * sigmoid(z - eta) + sigmoid(eta + z) * sigmoid(-z - eta)
    return [one(value)[0], differ(sigmoid(z - eta), sigmoid(-z - eta)), one(curvature)[0]]


def davidson(z, nu):
    """log(e^(z/2) + e^(-z/2) + nu) - |z|/2; then P of a win, a tie, a loss."""
    t, tie = exp(-abs(z)), nu * exp(-abs(z) / 2)
    win, loss = (1, t) if z > 0 else (t, 1)
    return gmpy2.log1p(t + tie), [x / (1 + t + tie) for x in (win, tie, loss)]


def davidson_win(z, nu):
    if gmpy2.is_infinite(z):
        return one(0, 0, 0) if z > 0 else one(INF, -1, 0)
    log_sum, (win, tie, loss) = davidson(z, nu)
    return one(add(-z if z < 0 else mpfr(0), log_sum), -loss - tie / 2, win * loss + tie * (win + loss) / 4)


def davidson_tie(z, nu):
    if gmpy2.is_infinite(z):
        return one(INF, 0.5 if z > 0 else -0.5, 0)
    log_sum, (win, tie, loss) = davidson(z, nu)
    return [one(add(abs(z) / 2, log_sum) - gmpy2.log(mpfr(nu)))[0], differ(win / 2, loss / 2),
            one(win * loss + tie * (win + loss) / 4)[0]]


def times(term, w):
    """Weight 0 contributes 0, even of an infinite term."""
    return (mpfr(0), mpfr(0)) if w == 0 else (term[0] * w, term[1] * abs(w))


def mix(loss, z, p):
    """p L(z) + (1 - p) L(-z)."""
    q = 1 - mpfr(p)
    here, there = loss(z), loss(-z)
    there[1] = (-there[1][0], there[1][1])
    parts = [(times(a, p), times(b, q)) for a, b in zip(here, there)]
    return [(add(a[0], b[0]), max(a[1], b[1])) for a, b in parts]


def tuned(loss, z, scale, margin, smoothing):
    s = mpfr(scale)
    value, gradient, hessian = mix(loss, s * (z - margin), 1 - mpfr(smoothing))
    return [value, times(gradient, s), times(hessian, s * s)]


# Cases

FUNCTIONS = {
    "sigmoid": "x",
    "log_sigmoid": "x",
    "softplus": "x",
    "logit": "p",
    "win_probability": "pair",
    "log_win_probability": "pair",
    "win_probability_from_strengths": "strengths",
}

LOSSES = {
    "logistic": logistic,
    "logistic_with_columns": logistic,
    "robust_logistic": lambda z: robust_logistic(z, 0.1),
    "hinge": lambda z: hinge(z, 1.0),
    "squared_hinge": lambda z: squared_hinge(z, 0.75),
    "exponential": exponential,
    "ipo": lambda z: ipo(z, 0.1),
    "rao_kupper_win": lambda z: rao_kupper_win(z, 0.3),
    "rao_kupper_tie": lambda z: rao_kupper_tie(z, 0.3),
    "davidson_win": lambda z: davidson_win(z, 0.7),
    "davidson_tie": lambda z: davidson_tie(z, 0.7),
    "tuned_logistic": lambda z: tuned(logistic, z, 0.1, 0.5, 0.0625),
    "tuned_squared_hinge": lambda z: tuned(lambda t: squared_hinge(t, 0.75), z, 0.5, -0.25, 0.125),
}


def function(case, a, b):
    """Special values first: mathematical limits, NaN where there is none."""
    if case == "win_probability_from_strengths":
        if not (a >= 0 and b >= 0) or a == b and (a == 0 or a == INF):
            return NAN
        if INF in (a, b):
            return mpfr(a == INF)
        return mpfr(a) / (mpfr(a) + mpfr(b))
    if case == "logit":
        if not 0 <= a <= 1:
            return NAN
        if a in (0, 1):
            return -INF if a == 0 else INF
        return gmpy2.log(mpfr(a)) - gmpy2.log1p(-mpfr(a))
    x = mpfr(a) - mpfr(b)
    if gmpy2.is_nan(x):
        return NAN
    if gmpy2.is_infinite(x):
        limits = {"softplus": (INF, 0), "sigmoid": (1, 0), "win_probability": (1, 0)}
        return mpfr(limits.get(case, (0, -INF))[x < 0])
    if case == "softplus":
        return softplus(x)
    return sigmoid(x) if case in ("sigmoid", "win_probability") else -softplus(-x)


def loss(case, a, b, m, w, p):
    if w == 0:
        return one(0, 0, 0)
    z = mpfr(a) - mpfr(b) - mpfr(m)
    if gmpy2.is_nan(z):
        return one(NAN, NAN, NAN)
    return [times(x, w) for x in mix(LOSSES[case], z, p)]


# Points. Strata are explained in README.md.

# From searches: the largest errors of one implementation, and numbers beside ties of rounding.
WORST = """
sigmoid f32 34000000
log_sigmoid f32 3f3a2106
softplus f32 3f46c39f
logit f32 3ebc33cf
win_probability f32 b7610000 26420f6a
log_win_probability f32 c270ea0c c1d74a77
win_probability_from_strengths f32 1046199d 1606ebad
logistic f32 c270ea0c c1d74a77
logistic f32 4295d77c bf17061c
logistic_with_columns f32 c2080a9b 00000000 bf3936a0 3f800000 3f800000
logistic_with_columns f32 42ac6f8f 303379aa 3733a878 3f800000 3f800000
logistic_with_columns f32 c2160000 a1292d25 00000000 41bb6c60 3f800000
logistic_with_columns f32 bf23e513 bf33754d 00000000 3e987380 3f800000
logistic_with_columns f32 c21f5355 00000000 00000000 454c451b 3f800000
logistic_with_columns f32 427ac6c7 41eb5c99 00000000 3f800000 094ad232
logistic_with_columns f32 3dc8bc72 a3ba20ac 00000000 3f800000 3f7ffea7
logistic_with_columns f32 4295d77c bf17061c 00000000 3f800000 3e4ccccd
logistic_with_columns f32 42caf9e0 43e2be78 a70e8e15 3aaabfb4 3f000000
logistic_with_columns f32 3fa3a9c8 00000000 3fbb511e 4453415c 3ee00596
logistic_with_columns f32 c01d05a3 c01cc4f7 2bc63729 48ecff9b 3f000000
tuned_logistic f32 c4228003 292935e2
tuned_logistic f32 3ee19b98 b6a32727
tuned_logistic f32 c0fb3977 00000000
robust_logistic f32 4209091c c1edc7d9
robust_logistic f32 b955a000 2b46ef86
robust_logistic f32 4295d77c bf17061c
hinge f32 3ed0e2e5 a4bd9b35
squared_hinge f32 3f3fb12c 2332489d
squared_hinge f32 bf0025cf a53cbf71
exponential f32 b380d218 afd21837
ipo f32 c3f6a0b4 c3fba914
ipo f32 c01e0663 a63cbed9
sigmoid f64 c008de1e3673aad0
log_sigmoid f64 40787424e327696c
softplus f64 c07f14b364f2a076
logit f64 3fe1f6d5345e3202
win_probability f64 c07715653e4beb76 bfd086e5d1008966
log_win_probability f64 3ffbb9d3beb454f4 bdd1cd6267d662e7
win_probability_from_strengths f64 6ff6db6e3345c873 6ff6db6e3345c878
logistic f64 3ffbb9d3beb454f4 bdd1cd6267d662e7
logistic f64 4014774af15a595b c00123335f022ffb
logistic f64 c07715653e4beb76 bfd086e5d1008966
logistic_with_columns f64 3ffbb9d3beb8c86f 0000000000000000 3f8597f402591612 3ff0000000000000 3ff0000000000000
logistic_with_columns f64 4032000000000161 0000000000000000 bff06d7648fbdd06 3ff0000000000000 3ff0000000000000
logistic_with_columns f64 c01b23b29a77dbe8 403eb71359620908 bffd14620bf36c46 3ff0000000000000 3ff0000000000000
logistic_with_columns f64 4029a26b9432f697 0000000000000000 0000000000000000 3f01ab868868dcc3 3ff0000000000000
logistic_with_columns f64 4062517a0b264520 bfa311f8f4377d1e 0000000000000000 4003373acce867c1 3ff0000000000000
logistic_with_columns f64 400929f6e550bfb0 3f9b34d8e98dbca9 0000000000000000 40d081648c189ccb 3ff0000000000000
logistic_with_columns f64 c03b845619e5c7a0 c03a7a2af5f20ce9 0000000000000000 3ff0000000000000 3ea5cb87b768d2ea
logistic_with_columns f64 40598ed33a7c3725 40594cc50b2d77af 0000000000000000 3ff0000000000000 3fdfffffffffecfb
logistic_with_columns f64 c07715653e4beb76 bfd086e5d1008966 0000000000000000 3ff0000000000000 3fe8000000000000
logistic_with_columns f64 c043db3808b385a0 c043db3808b38491 3ff0969a10359aa2 3f307772395648c5 19e0dd13881d9f73
logistic_with_columns f64 3fcb1c8e276830e0 3fe1de4509572930 be4946707739556b 3f6517cb3b0d8432 3fd0000000000000
logistic_with_columns f64 c02075073e3b48d8 0000000000000000 3ff1d424cca3940c 4104dd60f6da75c7 3fec5dbd9c0ffb26
tuned_logistic f64 c0065b435cb1819c 0000000000000000
tuned_logistic f64 4031e0c768c83a56 3fb6d141b05a0d0d
tuned_logistic f64 4067e25413582c2a 3ea2dd26a7bd8fb9
robust_logistic f64 3ff07840e10f53a5 0000000000000000
robust_logistic f64 c043a5b42c6399b4 c0442790d4ab03ff
robust_logistic f64 c07715653e4beb76 bfd086e5d1008966
hinge f64 bd11a00000000000 0000000000000000
squared_hinge f64 bfd5146964f94caa bfd5146964f94cac
squared_hinge f64 bff7df950c8d74e9 0000000000000000
exponential f64 c00387e2caedcb84 0000000000000000
ipo f64 3fce53d6f9d048bb 3fce53d6f9d048e5
ipo f64 bfdd5507f48739ef bfdd5507f4874552
logistic f64 40325df29ea1871f bcd3571b78df5c02
logistic f64 403523e06ce8d606 0000000000000000
logistic f64 4012044e7d4654d4 0000000000000000
logistic f64 c04394cfe2e4c868 bce60eaafdc6d7e4
logistic f64 4043ecf99fdc0a99 bcb959cfa969e3a5
exponential f64 c03e26f56e443dcc 3c9e60031f7882be
exponential f64 400e7d8b68daca53 bc81f62939bd7f2a
logistic f64 3ff575fc071d91a7 bc904e1225dcc020
logistic f64 3ff628d26b1dae3c bc8032a5a052bd6e
log_sigmoid f64 3ff5803e215d3382
log_sigmoid f64 405643b1dffec1d0
robust_logistic f64 c0454c333f40053c c045cfce420d1ceb
tuned_logistic f64 4061d1eee3d2114c 0000000000000000
logistic f64 4029a4c721a19905 0000000000000000
exponential f64 bfd71f47c2397d99 bc55ded6b319ff1d
log_sigmoid f32 398b9622
softplus f32 398b9622
"""

KINKS = [1.0, 0.75, 5.0, 0.3, 1.029806, 27.580502, 0.5 + 0.5 * 0.75, 0.25]


def numbers(f, rng):
    """(stratum, x)"""
    for x in (0.0, -0.0, float("inf"), float("-inf"), float("nan")):
        yield "special", x
    for x in (f.tiny, f.normal, f.step(f.normal, -1), f.biggest, 1e-30, 0.5, 1.0, 2.0 ** -f.precision):
        yield from (("boundary", f.near(s * x)) for s in (1, -1))
    for x in f.edges + [0.34657359, 1.0397208]:
        for steps in (-2, -1, 0, 1, 2):
            yield from (("boundary", s * f.step(x, steps)) for s in (1, -1))
    for _ in range(16):  # sigmoid is next to the middle of two numbers
        odd = 2 * rng.randrange(1 << 7) + 1
        yield "midpoint", rng.choice((1, -1)) * odd * 2.0 ** -(f.precision - rng.randrange(2))
    for _ in range(90):
        kind = rng.randrange(5)
        x = (rng.uniform(0, 4), rng.uniform(0, 40), rng.uniform(0, f.end), 2.0 ** rng.uniform(-60, 6),
             abs(f.number(rng.getrandbits(f.bits - 1) % (0x7F800000 if f.bits == 32 else 0x7FF << 52))))[kind]
        yield "random", f.near(rng.choice((1, -1)) * x)


def pairs(f, rng):
    """(stratum, chosen, rejected)"""
    inf, nan, big = float("inf"), float("nan"), f.biggest
    for c, r in ((inf, 0), (0, inf), (-inf, 0), (0, -inf), (inf, inf), (-inf, -inf), (inf, -inf), (-inf, inf),
                 (nan, 0), (0, nan), (nan, inf), (0, 0), (0, -0.0), (-0.0, 0)):
        yield "special", float(c), float(r)
    for c, r in ((big, -big), (-big, big), (big, big), (big, f.tiny), (f.tiny, big), (f.tiny, -f.tiny),
                 (f.tiny, 0.0), (0.0, f.tiny), (f.normal, f.step(f.normal, -1))):
        yield "boundary", c, r
    for x in f.edges:
        for steps in (-1, 0, 1):
            yield from (("boundary", s * f.step(x, steps), 0.0) for s in (1, -1))
    for x in KINKS:
        for steps in (-1, 0, 1):
            y = f.step(x, steps)
            yield "boundary", y, 0.0
            yield "boundary", -y, 0.0
    for x in (0.1, 1.0, -3.7, 1e10):
        yield "equal", f.near(x), f.near(x)
    for _ in range(20):  # chosen - rejected is the middle of two numbers
        c = rng.choice((1, -1)) * 2.0 ** rng.randrange(-3, 7) * (1 + rng.random())
        c = f.near(c)
        half = 2.0 ** (f.unit(c) - 1)
        yield "midpoint", c, rng.choice((1, -1)) * half
    for _ in range(24):  # what is left of two scores that nearly cancel
        r = f.near(rng.choice((1, -1)) * 2.0 ** rng.uniform(-3, 12))
        yield "cancel", f.near(r + rng.choice((1, -1)) * 2.0 ** rng.uniform(-30, 6)), r
    for x in KINKS:
        r = f.near(rng.uniform(-30, 30))
        yield "cancel", f.near(r + x), r
        yield "cancel", f.near(x + 2.0 ** rng.uniform(-20, -2)), 0.0
    for _ in range(16):  # one is lost beside the other, if the difference is rounded
        c = f.near(rng.choice((1, -1)) * rng.uniform(0.5, 60))
        r = f.near(rng.choice((1, -1)) * abs(c) * 2.0 ** -rng.uniform(f.precision - 4, f.precision + 40))
        yield "absorbed", c, r
    for _ in range(110):
        kind = rng.randrange(4)
        z = (rng.uniform(0, 4), rng.uniform(0, 40), rng.uniform(0, f.end), 2.0 ** rng.uniform(-60, 6))[kind]
        r = f.near(rng.choice((0.0, rng.uniform(-1, 1), rng.uniform(-50, 50))))
        yield "random", f.near(r + rng.choice((1, -1)) * z), r
    for _ in range(12):
        yield "random", *(f.number(rng.getrandbits(f.bits) & ~(1 << f.bits - 2)) for _ in range(2))


def columns(f, rng):
    """(stratum, chosen, rejected, margin, weight, label)"""
    inf, nan = float("inf"), float("nan")
    for row in ((nan, 0, 0, 0, 1), (inf, inf, nan, 0, 0.5), (nan, 0, 0, 1, 1), (1, 0, nan, 1, 1), (1, 0, inf, 1, 1),
                (1, 0, -inf, 1, 1), (inf, 0, inf, 1, 1), (inf, 0, 0, 2, 1), (inf, 0, 0, 2, 0), (-inf, 0, 0, 2, 0.5),
                (-inf, 0, 0, 2, 0), (inf, 0, 0, 2, 0.25)):
        yield "special", *map(float, row)
    for row in ((1, 0, 1, 1, 1), (1, 0, 0, f.biggest, 1), (40, 0, 0, f.tiny, 1), (3, 1, 0, f.tiny, 0.5),
                (-f.biggest, 0, f.biggest, f.tiny, 1), (100, 0, 0, 2.0 ** 100, 1), (-1, 0, 0, 1, f.tiny)):
        yield "boundary", *map(float, row)
    for i in range(240):
        kind = rng.randrange(3)
        z = (rng.uniform(0, 4), rng.uniform(0, 40), 2.0 ** rng.uniform(-60, 6))[kind] * rng.choice((1, -1))
        r = f.near(rng.choice((0.0, rng.uniform(-1, 1), rng.uniform(-50, 50))))
        c = f.near(r + z)
        if i % 3 == 0:
            m, stratum = (c - r) * (1 + 2.0 ** rng.uniform(-30, -1)), "cancel"
        else:
            m, stratum = rng.choice((rng.uniform(-2, 2), 2.0 ** rng.uniform(-60, 4))), "random"
        w = 2.0 ** rng.uniform(-20, 20)
        p = rng.choice((0.0, 0.5, 1.0, rng.random(), rng.random(), 2.0 ** rng.uniform(-60, 0),
                        1 - 2.0 ** rng.uniform(-20, 0)))
        yield stratum, c, r, f.near(m), f.near(w), f.near(p)


def probabilities(f, rng):
    for x in (0.0, -0.0, 1.0, float("nan"), -1.0, 2.0, float("inf")):
        yield "special", x
    for x in (f.tiny, f.normal, f.step(f.normal, -1), f.step(1.0, -1), f.step(1.0, -2), 0.5, f.step(0.5, 1),
              f.step(0.5, -1), 0.25, f.step(0.25, 1), 0.75):
        yield "boundary", x
    for _ in range(160):
        kind = rng.randrange(4)
        x = (rng.random(), 2.0 ** rng.uniform(f.emin, 0), 1 - 2.0 ** rng.uniform(1 - f.precision, 0),
             0.5 + rng.choice((1, -1)) * 2.0 ** rng.uniform(-f.precision, -1))[kind]
        yield "random", f.near(x)


def strengths(f, rng):
    inf, nan, big = float("inf"), float("nan"), f.biggest
    for a, b in ((0, 0), (inf, inf), (inf, 1), (1, inf), (0, 1), (1, 0), (nan, 1), (1, nan), (-1, 1), (1, -1),
                 (0, inf), (inf, 0), (-0.0, 1)):
        yield "special", float(a), float(b)
    for a, b in ((big, big), (f.tiny, f.tiny), (big, f.tiny), (f.tiny, big), (f.tiny, 1.0), (1.0, f.tiny),
                 (f.normal, f.tiny), (1.0, 2.0 ** -f.precision), (3.0, 1.0)):
        yield "boundary", a, b
    for i in range(160):
        limit = 0x7F800000 if f.bits == 32 else 0x7FF << 52
        a = f.number(rng.randrange(limit))
        b = (f.number(rng.randrange(limit)), a * 2.0 ** rng.uniform(-20, 20), f.step(a, rng.randrange(9)))[i % 3]
        if f.near(b) != float("inf"):
            yield "random", a, f.near(b)


def points(case, f):
    """(stratum, a, b, margin, weight, label)"""
    rng = random.Random(f"{case} {f.name}")
    kind = FUNCTIONS.get(case, "columns" if case == "logistic_with_columns" else "pair")
    stream = {"x": numbers, "p": probabilities, "pair": pairs, "strengths": strengths, "columns": columns}[kind]
    seen = set()
    worst = [line.split() for line in WORST.split("\n") if line]
    worst = [["worst"] + [f.number(int(x, 16)) for x in row[2:]] for row in worst if row[:2] == [case, f.name]]
    for stratum, *values in [*stream(f, rng), *worst]:
        values = [*values, *(0.0, 0.0, 0.0, 1.0, 1.0)[len(values):]]
        key = tuple(map(f.hex, values))
        if key not in seen:
            seen.add(key)
            yield stratum, values


# Rows

HEADER = ("case,stratum,a,b,margin,weight,label,value,gradient,hessian,"
          "value_rest,gradient_rest,hessian_rest,value_terms,gradient_terms")


def output(f, x, largest):
    """Bits of the nearest number, how far the true value is beyond it, and how much larger the largest term is."""
    if gmpy2.is_nan(x):
        return "7fc00000" if f.bits == 32 else "7ff8000000000000", "", ""
    nearest = f.round(x)
    if gmpy2.is_infinite(nearest):
        return f.hex(float(nearest)), "", ""
    unit = f.unit(nearest)
    rest = (x - nearest) / gmpy2.exp2(unit)
    terms = f.unit(largest) - unit
    return f.hex(float(nearest)), "0" if rest == 0 else f"{float(rest):.5f}", str(terms) if terms > 0 else ""


def rows(f):
    yield HEADER
    for case in [*FUNCTIONS, *LOSSES]:
        for stratum, values in points(case, f):
            a, b, *rest = values
            if case in FUNCTIONS:
                inputs = [a] if FUNCTIONS[case] in "xp" else [a, b]
                x = function(case, a, b)
                jet = [output(f, x, abs(x))] + [("", "", "")] * 2
            else:
                inputs = values if case == "logistic_with_columns" else [a, b]
                jet = [output(f, *x) for x in loss(case, a, b, *rest)]
            inputs = [f.hex(x) for x in inputs] + [""] * (5 - len(inputs))
            bits, rests, terms = zip(*jet)
            yield ",".join([case, stratum, *inputs, *bits, *rests, *terms[:2]])


if __name__ == "__main__":
    folder = Path(__file__).parent / "v1"
    for f in (F32, F64):
        (folder / f"{f.name}.csv").write_text("\n".join(rows(f)) + "\n")
