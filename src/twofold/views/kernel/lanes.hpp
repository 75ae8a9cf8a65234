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

inline Lanes widen(const std::uint8_t* from) {
    Lanes values;
    for (int lane = 0; lane < LANES; ++lane) values[lane] = float(from[lane]);
    return values;
}

constexpr Int window = Int(1) << 30;  // any place can be read

inline Lanes pick(const float* from, Places at) {
    Lanes values;
    for (int lane = 0; lane < LANES; ++lane) values[lane] = from[at[lane]];
    return values;
}

inline Lanes pick(Lanes one, Lanes two, Lanes three, Places at) {
    float all[3 * LANES];
    store(all, one);
    store(all + LANES, two);
    store(all + 2 * LANES, three);
    return pick(all, at);
}

#endif

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

}  // namespace
}  // namespace twofold
