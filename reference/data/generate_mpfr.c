/* Writes mpfr.csv: correctly rounded values by GNU MPFR, which the oracle's tests compare with.
 *
 * Rerun in this folder (Debian: gcc libmpfr-dev libgmp-dev):
 *     gcc -O2 -o generate_mpfr generate_mpfr.c -lmpfr -lgmp -lm && ./generate_mpfr > mpfr.csv && rm generate_mpfr
 *
 * A row is: function, three inputs, f64 result, f32 result; numbers as the hexadecimal bits of the IEEE
 * format. Inputs that a function does not take are 0. Every step is done with 4,000 bits, enough for any sum of
 * two doubles with 1,800 bits to spare; mpfr_get_d and mpfr_get_flt then round once, subnormals and overflow
 * included. The formulas are those of textbooks, written out here on their own.
 */
#include <inttypes.h>
#include <math.h>
#include <mpfr.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BITS 4000

static uint64_t state = 20240607;

static uint64_t random_bits(void) { /* SplitMix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(double low, double high) {
    return low + (high - low) * (double)(random_bits() >> 11) * 0x1p-53;
}

static double log_uniform(double low, double high) {
    double x = exp2(uniform(low, high));
    return random_bits() & 1 ? x : -x;
}

static double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double any(void) { /* every exponent, either sign */
    uint64_t exponent = random_bits() % 2047;
    return from_bits((random_bits() & ~(0x7ffull << 52)) | exponent << 52);
}

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* A function of three doubles, the result in r. */
typedef void function(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c);

static mpfr_t t, u, v, w;

static void exp_(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) { mpfr_exp(r, a, MPFR_RNDN); }
static void exp_m1(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) { mpfr_expm1(r, a, MPFR_RNDN); }
static void ln(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) { mpfr_log(r, a, MPFR_RNDN); }
static void ln_1p(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) { mpfr_log1p(r, a, MPFR_RNDN); }

/* 1/(1 + e^-a) */
static void sigmoid(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_neg(r, a, MPFR_RNDN);
    mpfr_exp(r, r, MPFR_RNDN);
    mpfr_add_ui(r, r, 1, MPFR_RNDN);
    mpfr_ui_div(r, 1, r, MPFR_RNDN);
}

/* log(1 + e^a); beyond MPFR's exponent range it is a */
static void softplus(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    if (mpfr_cmp_d(a, 1e9) > 0) {
        mpfr_set(r, a, MPFR_RNDN);
        return;
    }
    mpfr_exp(r, a, MPFR_RNDN);
    mpfr_log1p(r, r, MPFR_RNDN);
}

static void log_sigmoid(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_neg(t, a, MPFR_RNDN);
    softplus(r, t, b, c);
    mpfr_neg(r, r, MPFR_RNDN);
}

/* log(a/(1 - a)) */
static void logit(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_ui_sub(t, 1, a, MPFR_RNDN);
    mpfr_div(r, a, t, MPFR_RNDN);
    mpfr_log(r, r, MPFR_RNDN);
}

static void win_probability(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_sub(t, a, b, MPFR_RNDN);
    sigmoid(r, t, b, c);
}

static void win_probability_from_strengths(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_add(t, a, b, MPFR_RNDN);
    mpfr_div(r, a, t, MPFR_RNDN);
}

/* Chosen a, rejected b, margin c: S(-z), -s(-z), s(z) s(-z) of z = a - b - c. */
static void margin(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_sub(r, a, b, MPFR_RNDN); /* inexact only where 4,000 bits do not matter */
    mpfr_sub(r, r, c, MPFR_RNDN);
}

static void logistic_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    margin(u, a, b, c);
    log_sigmoid(r, u, b, c);
    mpfr_neg(r, r, MPFR_RNDN);
}

static void logistic_grad(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    margin(u, a, b, c);
    mpfr_neg(u, u, MPFR_RNDN);
    sigmoid(r, u, b, c);
    mpfr_neg(r, r, MPFR_RNDN);
}

static void logistic_hess(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    margin(u, a, b, c);
    sigmoid(v, u, b, c);
    mpfr_neg(u, u, MPFR_RNDN);
    sigmoid(r, u, b, c);
    mpfr_mul(r, r, v, MPFR_RNDN);
}

/* Margin a, parameter b. */
static void exponential_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_neg(t, a, MPFR_RNDN);
    mpfr_exp(r, t, MPFR_RNDN);
}

static void squared_hinge_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_sub(r, b, a, MPFR_RNDN);
    if (mpfr_sgn(r) < 0) mpfr_set_ui(r, 0, MPFR_RNDN);
    mpfr_sqr(r, r, MPFR_RNDN);
}

static void ipo_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_mul_ui(t, b, 2, MPFR_RNDN);
    mpfr_ui_div(t, 1, t, MPFR_RNDN);
    mpfr_sub(r, a, t, MPFR_RNDN);
    mpfr_sqr(r, r, MPFR_RNDN);
}

static void robust_slope(mpfr_t r, const mpfr_t epsilon) { /* e/(1 - 2e) */
    mpfr_mul_ui(t, epsilon, 2, MPFR_RNDN);
    mpfr_ui_sub(t, 1, t, MPFR_RNDN);
    mpfr_div(r, epsilon, t, MPFR_RNDN);
}

static void robust_logistic_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    robust_slope(v, b);
    mpfr_mul(v, v, a, MPFR_RNDN);
    log_sigmoid(r, a, b, c);
    mpfr_neg(r, r, MPFR_RNDN);
    mpfr_sub(r, r, v, MPFR_RNDN);
}

static void robust_logistic_grad(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    robust_slope(v, b);
    mpfr_neg(u, a, MPFR_RNDN);
    sigmoid(r, u, b, c);
    mpfr_add(r, r, v, MPFR_RNDN);
    mpfr_neg(r, r, MPFR_RNDN);
}

/* Probabilities of Rao and Kupper in terms of u = e^a and v = e^b: u/(u + v), 1/(1 + uv), the rest for a tie. */
static void rao_kupper_win_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_exp(u, a, MPFR_RNDN);
    mpfr_exp(v, b, MPFR_RNDN);
    mpfr_add(v, u, v, MPFR_RNDN);
    mpfr_div(r, u, v, MPFR_RNDN);
    mpfr_log(r, r, MPFR_RNDN);
    mpfr_neg(r, r, MPFR_RNDN);
}

static void rao_kupper_tie_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_exp(u, a, MPFR_RNDN);
    mpfr_exp(v, b, MPFR_RNDN);
    mpfr_add(t, u, v, MPFR_RNDN);
    mpfr_div(t, u, t, MPFR_RNDN); /* win */
    mpfr_mul(w, u, v, MPFR_RNDN);
    mpfr_add_ui(w, w, 1, MPFR_RNDN);
    mpfr_ui_div(w, 1, w, MPFR_RNDN); /* loss */
    mpfr_ui_sub(r, 1, t, MPFR_RNDN);
    mpfr_sub(r, r, w, MPFR_RNDN);
    mpfr_log(r, r, MPFR_RNDN);
    mpfr_neg(r, r, MPFR_RNDN);
}

/* s(a + b) - s(b - a) */
static void rao_kupper_tie_grad(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    mpfr_add(t, a, b, MPFR_RNDN);
    sigmoid(u, t, b, c);
    mpfr_sub(t, b, a, MPFR_RNDN);
    sigmoid(r, t, b, c);
    mpfr_sub(r, u, r, MPFR_RNDN);
}

/* Davidson: u = win, v = loss, w = tie probability, from e^(a/2), e^(-a/2) and b. */
static void davidson(const mpfr_t a, const mpfr_t b) {
    mpfr_div_ui(t, a, 2, MPFR_RNDN);
    mpfr_exp(u, t, MPFR_RNDN);
    mpfr_neg(t, t, MPFR_RNDN);
    mpfr_exp(v, t, MPFR_RNDN);
    mpfr_add(t, u, v, MPFR_RNDN);
    mpfr_add(t, t, b, MPFR_RNDN);
    mpfr_div(u, u, t, MPFR_RNDN);
    mpfr_div(v, v, t, MPFR_RNDN);
    mpfr_div(w, b, t, MPFR_RNDN);
}

static void davidson_win_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    davidson(a, b);
    mpfr_log(r, u, MPFR_RNDN);
    mpfr_neg(r, r, MPFR_RNDN);
}

static void davidson_tie_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    davidson(a, b);
    mpfr_log(r, w, MPFR_RNDN);
    mpfr_neg(r, r, MPFR_RNDN);
}

/* (win - loss - 1)/2 */
static void davidson_win_grad(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    davidson(a, b);
    mpfr_sub(r, u, v, MPFR_RNDN);
    mpfr_sub_ui(r, r, 1, MPFR_RNDN);
    mpfr_div_ui(r, r, 2, MPFR_RNDN);
}

/* (win + loss - (win - loss)^2)/4 */
static void davidson_hess(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    davidson(a, b);
    mpfr_sub(r, u, v, MPFR_RNDN);
    mpfr_sqr(r, r, MPFR_RNDN);
    mpfr_add(u, u, v, MPFR_RNDN);
    mpfr_sub(r, u, r, MPFR_RNDN);
    mpfr_div_ui(r, r, 4, MPFR_RNDN);
}

/* Logistic loss, scale 0.3, margin 0.5, smoothing c, label b, weight 2.5, at a: 2.5 (b F(a) + (1 - b) F(-a))
 * with F(z) = (1 - c) G(t) + c G(-t), t = 0.3 (z - 0.5). Of the four arguments each G is S(-t), -s(-t) or
 * s(t) s(-t); derivatives bring a factor 0.3 each, and the sign of what multiplies z. */
static void tuned_logistic(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c, int order) {
    mpfr_t sum, share;
    mpfr_inits2(BITS, sum, share, (mpfr_ptr)0);
    mpfr_set_ui(sum, 0, MPFR_RNDN);
    for (int side = 0; side < 4; side++) {
        int flip_z = side & 1, flip_t = side >> 1;
        if (flip_z) mpfr_neg(w, a, MPFR_RNDN);
        else mpfr_set(w, a, MPFR_RNDN);
        mpfr_sub_d(w, w, 0.5, MPFR_RNDN);
        mpfr_mul_d(w, w, 0.3, MPFR_RNDN);
        if (flip_t) mpfr_neg(w, w, MPFR_RNDN);
        if (flip_z) mpfr_ui_sub(share, 1, b, MPFR_RNDN);
        else mpfr_set(share, b, MPFR_RNDN);
        if (flip_t) mpfr_set(v, c, MPFR_RNDN);
        else mpfr_ui_sub(v, 1, c, MPFR_RNDN);
        mpfr_mul(share, share, v, MPFR_RNDN);
        if (order == 0) {
            log_sigmoid(u, w, b, c);
            mpfr_neg(u, u, MPFR_RNDN);
        } else {
            mpfr_neg(t, w, MPFR_RNDN);
            sigmoid(u, t, b, c);
            if (order == 1) {
                mpfr_mul_d(u, u, flip_z ^ flip_t ? 0.3 : -0.3, MPFR_RNDN);
            } else {
                sigmoid(v, w, b, c);
                mpfr_mul(u, u, v, MPFR_RNDN);
                mpfr_mul_d(u, u, 0.3, MPFR_RNDN);
                mpfr_mul_d(u, u, 0.3, MPFR_RNDN);
            }
        }
        mpfr_mul(u, u, share, MPFR_RNDN);
        mpfr_add(sum, sum, u, MPFR_RNDN);
    }
    mpfr_mul_d(r, sum, 2.5, MPFR_RNDN);
    mpfr_clears(sum, share, (mpfr_ptr)0);
}

static void tuned_logistic_value(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    tuned_logistic(r, a, b, c, 0);
}
static void tuned_logistic_grad(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    tuned_logistic(r, a, b, c, 1);
}
static void tuned_logistic_hess(mpfr_t r, const mpfr_t a, const mpfr_t b, const mpfr_t c) {
    tuned_logistic(r, a, b, c, 2);
}

static void row(const char *name, function *f, double a, double b, double c) {
    static mpfr_t x, y, z, r;
    static int ready = 0;
    if (!ready) {
        mpfr_inits2(BITS, x, y, z, r, (mpfr_ptr)0);
        ready = 1;
    }
    mpfr_set_d(x, a, MPFR_RNDN);
    mpfr_set_d(y, b, MPFR_RNDN);
    mpfr_set_d(z, c, MPFR_RNDN);
    f(r, x, y, z);
    double d = mpfr_get_d(r, MPFR_RNDN);
    float s = mpfr_get_flt(r, MPFR_RNDN);
    uint32_t single;
    memcpy(&single, &s, sizeof single);
    printf("%s,%016" PRIx64 ",%016" PRIx64 ",%016" PRIx64 ",%016" PRIx64 ",%08" PRIx32 "\n", name, bits_of(a),
           bits_of(b), bits_of(c), bits_of(d), single);
}

/* Where functions of one number change character: zero, ties, saturation, subnormal results, underflow, overflow. */
static const double edges[] = {
    0x0p+0, 0x1p-1074, 0x1p-1022, 0x1p-200, 0x1p-60, 0x1p-53, 0x1p-52, 0x1p-30, 0x1p-24, 0x1p-23,
    0x1.8p-20, 0x1p-12, 0x1p-8, 0.25, 0.5, 0.6931471805599453, 1.0, 2.0, 5.0, 16.6, 17.33, 18.0,
    36.7, 37.0, 64.0, 87.33, 88.72, 88.73, 103.27, 103.28, 103.97, 103.98, 104.0, 708.3, 708.4,
    709.78, 709.79, 744.44, 745.13, 745.14, 746.0, 1000.0, 16383.0, 16385.0, 0x1p100, 1e300,
    0x1.fffffffffffffp1023,
};

static void unary(const char *name, function *f, int positive, int samples) {
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        if (!positive || edges[i] > 0) row(name, f, edges[i], 0, 0);
        if (!positive) row(name, f, -edges[i], 0, 0);
    }
    for (int i = 0; i < samples; i++) {
        double kinds[] = {any(), uniform(-40, 40), uniform(-746, 746), log_uniform(-60, 10)};
        double x = kinds[i % 4];
        row(name, f, positive ? fabs(x) : x, 0, 0);
        if (i % 4 == 1) row(name, f, (float)(positive ? fabs(x) : x), 0, 0);
    }
}

static void fraction(const char *name, function *f, double low, int samples) { /* arguments in (low, 1) */
    double tiny[] = {0x1p-1074, 0x1p-1022, 0x1p-149, 0x1p-54, 0x1p-3, 0.25, 0.5, 0x1.0000000000001p-1,
                     0x1.fffffffffffffp-2, 0x1.fffffep-1, 0x1.fffffffffffffp-1};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++) row(name, f, tiny[i], 0, 0);
    for (int i = 0; i < samples; i++) {
        row(name, f, i % 2 ? uniform(low, 1) : fabs(log_uniform(-1000, 0)), 0, 0);
        row(name, f, 1 - 0x1p-53 * (double)(1 + random_bits() % 1000), 0, 0);
        row(name, f, 0.5 + uniform(-1, 1) * exp2(uniform(-50, -2)), 0, 0);
    }
}

static void pairs(const char *name, function *f, int samples) {
    double most = 0x1.fffffffffffffp1023, tiny = 0x1p-1074;
    row(name, f, most, -most, 0);
    row(name, f, -most, most, 0);
    row(name, f, most, most, 0);
    row(name, f, 1, tiny, 1);
    row(name, f, tiny, -tiny, 0);
    row(name, f, 1e16, 1, 1e16);
    for (int i = 0; i < samples; i++) {
        double a = uniform(-50, 50), b = uniform(-50, 50), c = i % 3 ? 0 : uniform(-1, 1);
        row(name, f, a, b, c);
        row(name, f, (float)a, (float)b, (float)c);
        double large = log_uniform(0, 60);
        row(name, f, large, large + log_uniform(-5, 10), uniform(-2, 2)); /* cancellation */
        row(name, f, 400 + uniform(-5, 5), i % 2 ? -333 : 1120, c);      /* next to underflow */
        row(name, f, any(), any(), 0);
    }
}

static void parametric(const char *name, function *f, double low, double high, int samples) {
    for (int i = 0; i < samples; i++) {
        double b = uniform(low, high);
        row(name, f, i % 2 ? uniform(-30, 30) : log_uniform(-40, 9.5), b, 0);
        row(name, f, (float)uniform(-8, 8), (float)b, 0);
    }
    row(name, f, 0, 0.25 * (low + high), 0);
    row(name, f, 740, high, 0);
    row(name, f, -740, high, 0);
}

static void tuned(const char *name, function *f, int samples) {
    for (int i = 0; i < samples; i++) {
        row(name, f, uniform(-50, 50), uniform(0, 1), uniform(0, 1));
        row(name, f, log_uniform(-30, 11), i % 2, i % 3 ? 0.1 : 0); /* labels 0 and 1, no smoothing */
    }
}

static void strengths(const char *name, function *f, int samples) {
    double most = 0x1.fffffffffffffp1023, tiny = 0x1p-1074;
    row(name, f, most, most, 0);
    row(name, f, tiny, tiny, 0);
    row(name, f, tiny, most, 0);
    row(name, f, most, tiny, 0);
    row(name, f, 0, 3, 0);
    row(name, f, 3 * tiny, 2, 0); /* 1.5 of the smallest subnormal: a tie but for the 3*2^-1074 in the sum */
    row(name, f, 1, 3, 0);
    for (int i = 0; i < samples; i++) {
        row(name, f, fabs(any()), fabs(any()), 0);
        row(name, f, uniform(0, 10), uniform(0, 10), 0);
        row(name, f, fabs(log_uniform(-1074, -1000)), uniform(0.5, 4), 0);
    }
}

int main(void) {
    mpfr_inits2(BITS, t, u, v, w, (mpfr_ptr)0);
    printf("function,a,b,c,f64,f32\n");
    unary("exp", exp_, 0, 40);
    unary("exp_m1", exp_m1, 0, 40);
    unary("ln", ln, 1, 60);
    unary("ln_1p", ln_1p, 1, 40);
    unary("sigmoid", sigmoid, 0, 80);
    unary("log_sigmoid", log_sigmoid, 0, 80);
    unary("softplus", softplus, 0, 80);
    fraction("logit", logit, 0, 20);
    fraction("ln", ln, 0, 10);
    pairs("win_probability", win_probability, 10);
    strengths("win_probability_from_strengths", win_probability_from_strengths, 25);
    pairs("logistic_value", logistic_value, 20);
    pairs("logistic_grad", logistic_grad, 20);
    pairs("logistic_hess", logistic_hess, 20);
    tuned("tuned_logistic_value", tuned_logistic_value, 15);
    tuned("tuned_logistic_grad", tuned_logistic_grad, 15);
    tuned("tuned_logistic_hess", tuned_logistic_hess, 15);
    parametric("exponential_value", exponential_value, 0, 1, 10);
    parametric("squared_hinge_value", squared_hinge_value, -2, 2, 10);
    parametric("ipo_value", ipo_value, 0.01, 1, 10);
    parametric("robust_logistic_value", robust_logistic_value, 0, 0.49, 10);
    parametric("robust_logistic_grad", robust_logistic_grad, 0, 0.49, 10);
    parametric("rao_kupper_win_value", rao_kupper_win_value, 0, 3, 10);
    parametric("rao_kupper_tie_value", rao_kupper_tie_value, 0.01, 3, 10);
    parametric("rao_kupper_tie_grad", rao_kupper_tie_grad, 0.01, 3, 10);
    parametric("davidson_win_value", davidson_win_value, 0, 3, 10);
    parametric("davidson_tie_value", davidson_tie_value, 0.01, 3, 10);
    parametric("davidson_win_grad", davidson_win_grad, 0, 3, 10);
    parametric("davidson_hess", davidson_hess, 0, 3, 10);
    return 0;
}
