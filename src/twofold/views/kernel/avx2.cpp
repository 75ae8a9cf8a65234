// The core for processors with AVX2 and FMA.
#include "standard.hpp"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define LANES 8
#include "core.hpp"

void twofold::render_avx2(const Batch& batch) { render(batch); }

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
