// What is rendered: plain numbers and pointers, all of them checked before they come here.
#pragma once

#include <cstdint>

namespace twofold {

using Int = std::int64_t;

enum Kind : std::int32_t { nothing, brightness, contrast, saturation, hue, gray, blur, solarize, shift, kinds };

struct Image {
    const std::uint8_t* pixels;  // height * width * channels, dense
    Int height, width;
};

struct Batch {
    const Image* images;        // one a view
    const Int* boxes;           // top, left, height, width of each crop
    const std::uint8_t* flip;   // whether it is mirrored
    const std::int32_t* kinds;  // `steps` of each view, in their order
    const float* amounts;       // the factor, turn, sigma in pixels, threshold or summand of each step
    Int steps, count;           // count: views
    Int side, channels;  // channels: 1 or 3
    bool cubic;          // crops are resized by Keys' cubic, else by a triangle
    bool planar;         // out is channels * side * side of each view, else side * side * channels
    bool half;           // out is bfloat16, else float32
    void* out;
};

using Render = void (*)(const Batch&);

void render_plain(const Batch&);
#if defined(__x86_64__)
void render_avx2(const Batch&);
void render_avx512(const Batch&);
#endif

}  // namespace twofold
