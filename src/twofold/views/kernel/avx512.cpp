// The core for processors with AVX-512.
#include "standard.hpp"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma,prefer-vector-width=512")
#endif

#define LANES 16
#include "core.hpp"

void twofold::render_avx512(const Batch& batch) { render(batch); }

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
