// Mean logistic loss and its gradients, fused by hand into one pass: with -DSVML over Intel's vector functions, without it
// the plain loop, which the compiler vectorises over libmvec.

#include <cmath>
#include <cstddef>
#include <cstring>

// Losses are added up in their own format over a block and in double over blocks.
constexpr size_t BLOCK = 1024;

#ifdef SVML

#ifdef __AVX512F__
#define SVML_F32(name) __svml_##name##f16
#define SVML_F64(name) __svml_##name##8
constexpr size_t BYTES = 64;
#else
#define SVML_F32(name) __svml_##name##f8
#define SVML_F64(name) __svml_##name##4
constexpr size_t BYTES = 32;
#endif

typedef float F32s __attribute__((vector_size(BYTES)));
typedef double F64s __attribute__((vector_size(BYTES)));

extern "C" {
F32s SVML_F32(exp)(F32s);
F32s SVML_F32(log1p)(F32s);
F64s SVML_F64(exp)(F64s);
F64s SVML_F64(log1p)(F64s);
}

static F32s exp(F32s x) { return SVML_F32(exp)(x); }
static F32s log1p(F32s x) { return SVML_F32(log1p)(x); }
static F64s exp(F64s x) { return SVML_F64(exp)(x); }
static F64s log1p(F64s x) { return SVML_F64(log1p)(x); }

template <class T> struct Lanes;
template <> struct Lanes<float> { typedef F32s Vector; };
template <> struct Lanes<double> { typedef F64s Vector; };

// Four vectors at a time: their calls overlap in the processor.
constexpr size_t VECTORS = 4;

template <class V, class T>
static V group(const T *chosen, const T *rejected, T *d_chosen, T *d_rejected, T scale) {
    const V zero = {}, one = zero + T(1);
    V z[VECTORS], t[VECTORS], sum = zero;
    for (size_t k = 0; k < VECTORS; k++) {
        V c, r;
        memcpy(&c, chosen + k * BYTES / sizeof(T), BYTES);
        memcpy(&r, rejected + k * BYTES / sizeof(T), BYTES);
        z[k] = c - r;
    }
    for (size_t k = 0; k < VECTORS; k++) t[k] = exp(z[k] > zero ? -z[k] : z[k]);
    for (size_t k = 0; k < VECTORS; k++) sum += (z[k] < zero ? -z[k] : zero) + log1p(t[k]);
    for (size_t k = 0; k < VECTORS; k++) {
        const V gradient = scale * (z[k] > zero ? t[k] : one) / (one + t[k]);
        const V negated = -gradient;
        memcpy(d_chosen + k * BYTES / sizeof(T), &gradient, BYTES);
        memcpy(d_rejected + k * BYTES / sizeof(T), &negated, BYTES);
    }
    return sum;
}

template <class T>
static T block(const T *chosen, const T *rejected, T *d_chosen, T *d_rejected, size_t len, T scale) {
    typedef typename Lanes<T>::Vector V;
    constexpr size_t step = VECTORS * BYTES / sizeof(T);
    V sum = {};
    size_t i = 0;
    for (; i + step <= len; i += step) {
        sum += group<V>(chosen + i, rejected + i, d_chosen + i, d_rejected + i, scale);
    }
    if (i < len) {
        // The last group is filled up with pairs whose loss is 0.
        const size_t bytes = (len - i) * sizeof(T);
        T c[step], r[step] = {}, d_c[step], d_r[step];
        for (T &score : c) score = T(1e4);
        memcpy(c, chosen + i, bytes);
        memcpy(r, rejected + i, bytes);
        sum += group<V>(c, r, d_c, d_r, scale);
        memcpy(d_chosen + i, d_c, bytes);
        memcpy(d_rejected + i, d_r, bytes);
    }
    T total = 0;
    for (size_t lane = 0; lane < BYTES / sizeof(T); lane++) total += sum[lane];
    return total;
}

#else

template <class T>
static T block(const T *__restrict chosen, const T *__restrict rejected, T *__restrict d_chosen,
               T *__restrict d_rejected, size_t len, T scale) {
    T t[BLOCK], sum = 0;
    for (size_t i = 0; i < len; i++) t[i] = std::exp(-std::abs(chosen[i] - rejected[i]));
    for (size_t i = 0; i < len; i++) {
        const T z = chosen[i] - rejected[i];
        sum += (z < 0 ? -z : T(0)) + std::log1p(t[i]);
        const T gradient = scale * (z > 0 ? t[i] : T(1)) / (1 + t[i]);
        d_chosen[i] = gradient;
        d_rejected[i] = -gradient;
    }
    return sum;
}

#endif

// Repeats are counted here: a call from Python costs more than a short batch.
template <class T>
static double steps(const T *chosen, const T *rejected, T *d_chosen, T *d_rejected, size_t len,
                    size_t repeats) {
    const T scale = T(-1) / T(len);
    double loss = 0;
    for (size_t repeat = 0; repeat < repeats; repeat++) {
        double sum = 0;
        for (size_t i = 0; i < len; i += BLOCK) {
            const size_t part = len - i < BLOCK ? len - i : BLOCK;
            sum += block(chosen + i, rejected + i, d_chosen + i, d_rejected + i, part, scale);
        }
        loss = sum / len;
        __asm__ volatile("" : : "r"(chosen), "r"(d_chosen), "g"(&loss) : "memory");
    }
    return loss;
}

extern "C" double f32(const float *chosen, const float *rejected, float *d_chosen, float *d_rejected,
                      size_t len, size_t repeats) {
    return steps(chosen, rejected, d_chosen, d_rejected, len, repeats);
}

extern "C" double f64(const double *chosen, const double *rejected, double *d_chosen,
                      double *d_rejected, size_t len, size_t repeats) {
    return steps(chosen, rejected, d_chosen, d_rejected, len, repeats);
}
