// Operations on colours in [0, 1] that look at one pixel at a time; results are clipped to [0, 1].
// Loops are written without branches, for the compiler to make vectors of.
#pragma once

namespace twofold {
namespace {

constexpr float luma_red = 0.299f, luma_green = 0.587f, luma_blue = 0.114f;  // ITU-R BT.601

// Consecutive pixels of an image whose channels lie in planes.
struct Block {
    float* planes[3];
    Int size;
    Int channels;

    Block part(Int start, Int length) const {
        return {{planes[0] + start, planes[1] + start, planes[2] + start}, length, channels};
    }
    Block from(Int start) const { return part(start, size - start); }
};

inline float unit(float value) {
    value = value < 0.f ? 0.f : value;
    return value > 1.f ? 1.f : value;
}

inline float luma(float red, float green, float blue) {
    return luma_blue * blue + (luma_green * green + luma_red * red);
}

// Brightness, multiplied or added, and contrast: factor * value + offset.
void scale(Block block, float factor, float offset) {
    for (Int c = 0; c < block.channels; ++c) {
        float* __restrict values = block.planes[c];
        for (Int i = 0; i < block.size; ++i) values[i] = unit(factor * values[i] + offset);
    }
}

void saturate(Block block, float factor) {
    float *__restrict red = block.planes[0], *__restrict green = block.planes[1], *__restrict blue = block.planes[2];
    for (Int i = 0; i < block.size; ++i) {
        const float rest = (1 - factor) * luma(red[i], green[i], blue[i]);
        red[i] = unit(factor * red[i] + rest);
        green[i] = unit(factor * green[i] + rest);
        blue[i] = unit(factor * blue[i] + rest);
    }
}

inline Lanes unit(Lanes values) { return least(most(values, all(0)), all(1)); }

// Turns the hue of HSV; value and saturation stay. The angle is counted in sixths of a turn.
// `added` is an angle, from 0 to 6.
inline void turn(Lanes& red, Lanes& green, Lanes& blue, float added) {
    const Lanes low = least(least(red, green), blue), high = most(most(red, green), blue), chroma = high - low;
    // By the channel that is highest: 0 is red, 2 green, 4 blue. Gray pixels may have any angle.
    Lanes difference = if_equal(green, high, blue - red, red - green);
    Lanes origin = if_equal(green, high, all(added + 2), all(added + 4));
    difference = if_equal(red, high, green - blue, difference);
    origin = if_equal(red, high, all(added), origin);
    Lanes angle = difference * inverse(most(chroma, all(1e-12f))) + origin;  // in [-1, 11]
    angle = if_below(angle, all(0), angle + 6.f, angle);
    angle = if_below(angle, all(6), angle, angle - 6.f);
    // With value and saturation fixed, each channel is a trapezoid of the angle, between low and high.
    red = low + chroma * unit(absolute(angle - 3.f) - 1.f);
    green = low + chroma * unit(2.f - absolute(angle - 2.f));
    blue = low + chroma * unit(2.f - absolute(angle - 4.f));
}

void turn(Block block, float share) {
    const float added = 6 * (share - floorf(share));
    for (Int i = 0; i < block.size; i += LANES) {
        float *at_red = block.planes[0] + i, *at_green = block.planes[1] + i, *at_blue = block.planes[2] + i;
        Lanes red = load(at_red), green = load(at_green), blue = load(at_blue);
        turn(red, green, blue, added);
        const Int some = block.size - i;
        store_some(at_red, red, some);
        store_some(at_green, green, some);
        store_some(at_blue, blue, some);
    }
}

void drop_colour(Block block) {
    float *__restrict red = block.planes[0], *__restrict green = block.planes[1], *__restrict blue = block.planes[2];
    for (Int i = 0; i < block.size; ++i) red[i] = green[i] = blue[i] = luma(red[i], green[i], blue[i]);
}

void invert_above(Block block, float threshold) {
    for (Int c = 0; c < block.channels; ++c) {
        float* __restrict values = block.planes[c];
        for (Int i = 0; i < block.size; ++i) values[i] = values[i] >= threshold ? 1 - values[i] : values[i];
    }
}

// Adds the sum of each channel.
void add_up(Block block, double* sums) {
    for (Int c = 0; c < block.channels; ++c) {
        const float* values = block.planes[c];
        float lanes[LANES] = {};
        Int i = 0;
        for (; i + LANES <= block.size; i += LANES)
            for (int lane = 0; lane < LANES; ++lane) lanes[lane] += values[i + lane];
        for (int lane = 0; i + lane < block.size; ++lane) lanes[lane] += values[i + lane];
        for (const float lane : lanes) sums[c] += double(lane);
    }
}

}  // namespace
}  // namespace twofold
