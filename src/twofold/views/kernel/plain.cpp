// The core for any processor.
#include "standard.hpp"

#define LANES 4
#include "core.hpp"

void twofold::render_plain(const Batch& batch) { render(batch); }
