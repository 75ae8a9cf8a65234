// Finished pixels into the caller's memory, in its type and order.
#pragma once

namespace twofold {
namespace {

inline void put(float& to, float value) { to = value; }

// bfloat16: the upper half of a float32, rounded to nearest even.
inline void put(std::uint16_t& to, float value) {
    std::uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    to = std::uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <typename Value>
void write_as(const Batch& batch, Int row, Block block, Int start) {
    const Int area = batch.side * batch.side;
    Value* view = static_cast<Value*>(batch.out) + row * area * batch.channels;
    if (batch.planar || batch.channels == 1) {
        for (Int c = 0; c < batch.channels; ++c) {
            Value* __restrict to = view + c * area + start;
            const float* __restrict values = block.planes[c];
            for (Int i = 0; i < block.size; ++i) put(to[i], values[i]);
        }
        return;
    }
    Value* __restrict to = view + 3 * start;
    const float *__restrict red = block.planes[0], *__restrict green = block.planes[1], *__restrict blue = block.planes[2];
    for (Int i = 0; i < block.size; ++i) {
        put(to[3 * i], red[i]);
        put(to[3 * i + 1], green[i]);
        put(to[3 * i + 2], blue[i]);
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
