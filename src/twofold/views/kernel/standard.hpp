// The standard headers of all that follows. They come before any target is chosen, so that no function
// of theirs is compiled for a processor that may not be there. For the same reason the core uses no
// template of the standard library: the linker keeps one copy of those, of whatever target.
#pragma once

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <new>

#include "batch.hpp"
