// Gaussian blur of planes, along both axes, with the mirror image beyond the border.
#pragma once

namespace twofold {
namespace {

class Blurrer {
public:
    // Whether there is anything to do: views below 20 pixels and narrow bells stay as they are.
    // Taps that count for less than a millionth are left out.
    bool prepare(Int side, float sigma) {
        this->side = side;
        const Int radius = side / 20;
        bell.reserve(radius + 1);
        weights.reserve(radius + 1);
        double total = -1;
        for (Int d = 0; d <= radius; ++d) {
            bell[d] = exp(-0.5 * (d / double(sigma)) * (d / double(sigma)));
            total += 2 * bell[d];
        }
        double kept = -bell[0];
        for (taps = -1; taps < radius && bell[taps + 1] > 1e-6 * total; ++taps) kept += 2 * bell[taps + 1];
        for (Int d = 0; d <= taps; ++d) weights[d] = float(bell[d] / kept);
        margin = rounded_up(taps);
        line.reserve(2 * (rounded_up(side) + 2 * margin));
        rows.reserve(2 * taps + 2);
        return taps > 0;
    }

    // Two rows at a time, which share most of what they read.
    void plane(const float* from, float* to) {
        const Int length = rounded_up(side) + 2 * margin;
        float *upper = line.get() + margin, *lower = upper + length;
        for (Int y = 0; y < side; y += 2) {
            for (Int d = 0; d < 2 * taps + 2; ++d) rows[d] = from + side * mirrored(y - taps + d);
            for (Int x = 0; x < side; x += LANES) down(smaller(x, side - LANES), upper, lower);
            across(upper, to + side * y);
            if (y + 1 < side) across(lower, to + side * (y + 1));
        }
    }

private:
    Int mirrored(Int y) const { return y < 0 ? -y : y >= side ? 2 * (side - 1) - y : y; }

    // Blurred views are longer than a vector, so the last one may overlap the one before it.
    void down(Int x, float* upper, float* lower) const {
        const float* const* middle = rows.get() + taps;
        Lanes above = load(middle[0] + x), below = load(middle[1] + x);
        Lanes one = above * weights[0], other = below * weights[0];
        Lanes last = above;
        for (Int d = 1; d <= taps; ++d) {
            const Lanes before = load(middle[-d] + x), after = load(middle[d + 1] + x);
            one += (before + below) * weights[d];
            other += (last + after) * weights[d];
            last = before;
            below = after;
        }
        store(upper + x, one);
        store(lower + x, other);
    }

    void across(float* line, float* to) const {
        for (Int d = 1; d <= taps; ++d) {
            line[-d] = line[d];
            line[side - 1 + d] = line[side - 1 - d];
        }
        for (Int x = 0; x < side; x += LANES) {
            const Int start = smaller(x, side - LANES);
            store(to + start, least(weighed(line + start), all(1)));
        }
    }

    Lanes weighed(const float* from) const {
        Lanes sum = load(from) * weights[0];
        Int d = 1;
#if LANES == 16
        // Neighbours come from registers: most of these loads would cross a border between cache lines.
        Places left = lane_numbers() + LANES, right = lane_numbers();
        for (; d <= smaller<Int>(taps, LANES); ++d) {
            left -= 1;
            right += 1;
            sum += (pick(from - LANES, left) + pick(from, right)) * weights[d];
        }
#endif
        for (; d <= taps; ++d) sum += (load(from - d) + load(from + d)) * weights[d];
        return sum;
    }

    Int side = 0, taps = 0, margin = 0;
    Buffer<double> bell;
    Buffer<float> weights, line;
    Buffer<const float*> rows;
};

}  // namespace
}  // namespace twofold
