// Finished pixels into the caller's memory, in its type and order.
#pragma once

namespace twofold {
namespace {

typedef std::uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef std::uint32_t Bits __attribute__((vector_size(4 * LANES)));

inline Lanes rounded(Lanes values, const float*) { return values; }

// bfloat16: the upper half of a float32, rounded to nearest even.
inline Halves rounded(Lanes values, const std::uint16_t*) {
    const Bits bits = (Bits)values;
    return __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, Halves);
}

template <typename Value>
void write_as(const Batch& batch, Int row, Block block, Int start) {
    const Int area = batch.side * batch.side;
    const bool planar = batch.planar || batch.channels == 1;
    Value* view = static_cast<Value*>(batch.out) + row * area * batch.channels + (planar ? 1 : 3) * start;
    const Int next = planar ? area : LANES, width = planar ? LANES : 3 * LANES;
    constexpr Int vector = LANES * Int(sizeof(Value));
    const bool aligned = (std::uintptr_t(view) | std::uintptr_t(next * Int(sizeof(Value)))) % vector == 0;
    for (Int i = 0; i < block.size; i += LANES, view += width) {
        Lanes values[3] = {};
        for (Int c = 0; c < batch.channels; ++c) values[c] = load(block.planes[c] + i);
        if (!planar) interleave(values);
        const Int left = block.size - i;  // pixels
        for (Int c = 0; c < batch.channels; ++c) {
            const auto finished = rounded(values[c], view);
            const Int some = planar ? left : 3 * left - c * LANES;
            Value* to = view + c * next;
            if (some >= LANES && aligned)
                stream(to, finished);
            else if (some > 0)
                store_some(to, finished, some);
        }
    }
}

void write(const Batch& batch, Int row, Block block, Int start) {
    if (batch.half)
        write_as<std::uint16_t>(batch, row, block, start);
    else
        write_as<float>(batch, row, block, start);
}

}  // namespace
}  // namespace twofold
