// Vectors of LANES floats, and the moves of values between lanes that compilers do not find by themselves.
#pragma once

namespace twofold {
namespace {

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef std::int32_t Places __attribute__((vector_size(4 * LANES)));

template <typename Vector = Lanes, typename Value>
Vector load(const Value* from) {
    static_assert(sizeof(Value) == sizeof(Vector) / LANES, "a vector of these values");
    Vector values;
    memcpy(&values, from, sizeof values);
    return values;
}

template <typename Vector, typename Value>
void store(Value* to, Vector values) {
    static_assert(sizeof(Value) == sizeof(Vector) / LANES, "a vector of these values");
    memcpy(to, &values, sizeof values);
}

// The first few of them, or all. Few are copied first, so that others need not leave their register.
template <typename Vector, typename Value>
void store_some(Value* to, Vector values, Int some) {
    static_assert(sizeof(Value) == sizeof(Vector) / LANES, "a vector of these values");
    if (some >= LANES) return store(to, values);
    const Vector copy = values;
    memcpy(to, &copy, size_t(some) * sizeof(Value));
}

// Past the caches, which hold better things than finished pixels; `to` is aligned to the vector.
template <typename Vector, typename Value>
void stream(Value* to, Vector values) {
#if LANES == 16
    if constexpr (sizeof(Vector) == 64) return _mm512_stream_ps((float*)to, (__m512)values);
#endif
#if LANES >= 8
    if constexpr (sizeof(Vector) == 32) return _mm256_stream_ps((float*)to, (__m256)values);
#endif
#if defined(__x86_64__)
    if constexpr (sizeof(Vector) == 16) return _mm_stream_ps((float*)to, (__m128)values);
#endif
    store(to, values);
}

// After the last of them, before another thread looks.
inline void end_stream() {
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

#if LANES == 16

inline Lanes least(Lanes one, Lanes other) { return (Lanes)_mm512_min_ps((__m512)one, (__m512)other); }
inline Lanes most(Lanes one, Lanes other) { return (Lanes)_mm512_max_ps((__m512)one, (__m512)other); }

// `yes` where one == other, or where one < other, else `no`.
inline Lanes if_equal(Lanes one, Lanes other, Lanes yes, Lanes no) {
    return (Lanes)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)one, (__m512)other, _CMP_EQ_OQ), (__m512)no, (__m512)yes);
}
inline Lanes if_below(Lanes one, Lanes other, Lanes yes, Lanes no) {
    return (Lanes)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)one, (__m512)other, _CMP_LT_OQ), (__m512)no, (__m512)yes);
}

// 1 / values, to the last bit or two, in a third of a division's time.
inline Lanes inverse(Lanes values) {
    const Lanes near = (Lanes)_mm512_rcp14_ps((__m512)values);
    return near * (2.f - values * near);
}

inline Lanes widen(const std::uint8_t* from) {
    return (Lanes)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)from)));
}

constexpr Int window = 2 * LANES;

// Values of a window at these places; a place beyond it counts from the start of its own window.
inline Lanes pick(const float* from, Places at) {
    return (Lanes)_mm512_permutex2var_ps((__m512)load(from), (__m512i)at, (__m512)load(from + LANES));
}

// Values of three vectors, one after the other, at these places.
inline Lanes pick(Lanes one, Lanes two, Lanes three, Places at) {
    const __m512 near = _mm512_permutex2var_ps((__m512)one, (__m512i)at, (__m512)two);
    const __mmask16 far = _mm512_cmpge_epi32_mask((__m512i)at, _mm512_set1_epi32(2 * LANES));
    return (Lanes)_mm512_mask_permutexvar_ps(near, far, (__m512i)at, (__m512)three);
}

#elif LANES == 8

inline Lanes least(Lanes one, Lanes other) { return (Lanes)_mm256_min_ps((__m256)one, (__m256)other); }
inline Lanes most(Lanes one, Lanes other) { return (Lanes)_mm256_max_ps((__m256)one, (__m256)other); }

inline Lanes if_equal(Lanes one, Lanes other, Lanes yes, Lanes no) {
    return (Lanes)_mm256_blendv_ps((__m256)no, (__m256)yes, _mm256_cmp_ps((__m256)one, (__m256)other, _CMP_EQ_OQ));
}
inline Lanes if_below(Lanes one, Lanes other, Lanes yes, Lanes no) {
    return (Lanes)_mm256_blendv_ps((__m256)no, (__m256)yes, _mm256_cmp_ps((__m256)one, (__m256)other, _CMP_LT_OQ));
}

inline Lanes inverse(Lanes values) {
    const Lanes near = (Lanes)_mm256_rcp_ps((__m256)values);
    return near * (2.f - values * near);
}

inline Lanes widen(const std::uint8_t* from) {
    return (Lanes)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)from)));
}

constexpr Int window = 2 * LANES;

inline __m256 permuted(Lanes values, Places at) {
    return _mm256_permutevar8x32_ps((__m256)values, (__m256i)at);
}

inline Lanes pick(const float* from, Places at) {
    const Places upper = at << 28;  // whether a place is in the upper half, where a blend looks for it
    return (Lanes)_mm256_blendv_ps(permuted(load(from), at), permuted(load(from + LANES), at), (__m256)upper);
}

inline Lanes pick(Lanes one, Lanes two, Lanes three, Places at) {
    const __m256 near = _mm256_blendv_ps(permuted(one, at), permuted(two, at), (__m256)(at >= LANES));
    return (Lanes)_mm256_blendv_ps(near, permuted(three, at), (__m256)(at >= 2 * LANES));
}

#else

inline Lanes least(Lanes one, Lanes other) { return one < other ? one : other; }
inline Lanes most(Lanes one, Lanes other) { return one > other ? one : other; }
inline Lanes if_equal(Lanes one, Lanes other, Lanes yes, Lanes no) { return one == other ? yes : no; }
inline Lanes if_below(Lanes one, Lanes other, Lanes yes, Lanes no) { return one < other ? yes : no; }
inline Lanes inverse(Lanes values) { return 1.f / values; }

inline Lanes widen(const std::uint8_t* from) {
#if defined(__SSE2__)
    std::int32_t bytes;
    memcpy(&bytes, from, sizeof bytes);
    const __m128i zero = _mm_setzero_si128(), shorts = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), zero);
    return (Lanes)_mm_cvtepi32_ps(_mm_unpacklo_epi16(shorts, zero));
#else
    typedef std::uint8_t Bytes __attribute__((vector_size(LANES)));
    return __builtin_convertvector(load<Bytes>(from), Lanes);
#endif
}

inline void interleave(Lanes* values) {
    const Lanes r = values[0], g = values[1], b = values[2];
    values[0] = Lanes{r[0], g[0], b[0], r[1]};
    values[1] = Lanes{g[1], b[1], r[2], g[2]};
    values[2] = Lanes{b[2], r[3], g[3], b[3]};
}

#endif

inline Lanes all(float value) { return Lanes{} + value; }
inline Lanes absolute(Lanes values) { return (Lanes)((Places)values & 0x7fffffff); }

#if LANES > 4

// Places that never change. They are known when this is compiled: nothing may run while the library loads,
// on a processor that may lack these vectors.
struct Orders {
    std::int32_t count[LANES] = {}, apart[3 * LANES] = {}, together[3 * LANES] = {};

    constexpr Orders() {
        for (int i = 0; i < LANES; ++i) count[i] = i;
        for (int i = 0; i < 3 * LANES; ++i) {
            apart[i % 3 * LANES + i / 3] = i;
            together[i] = LANES * (i % 3) + i / 3;
        }
    }
};

constexpr Orders orders;

inline Places lane_numbers() { return load<Places>(orders.count); }

inline void exchange(Lanes* values, const std::int32_t* at) {
    const Lanes one = values[0], two = values[1], three = values[2];
    for (int i = 0; i < 3; ++i) values[i] = pick(one, two, three, load<Places>(at + i * LANES));
}

// Pixels of three channels side by side to a vector a channel, and back.
inline void separate(Lanes* values) { exchange(values, orders.apart); }
inline void interleave(Lanes* values) { exchange(values, orders.together); }

#endif

}  // namespace
}  // namespace twofold
