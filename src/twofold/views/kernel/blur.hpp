// Gaussian blur of planes, along both axes, with the mirror image beyond the border.
#pragma once

namespace twofold {
namespace {

typedef float Lanes __attribute__((vector_size(4 * LANES)));

inline Lanes load(const float* from) {
    Lanes values;
    memcpy(&values, from, sizeof values);
    return values;
}

inline void store(float* to, Lanes values) { memcpy(to, &values, sizeof values); }

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
        line.reserve(side + 2 * taps);
        before.reserve(taps + 1);
        after.reserve(taps + 1);
        return taps > 0;
    }

    void plane(const float* from, float* to) {
        float* middle = line.get() + taps;
        for (Int y = 0; y < side; ++y) {
            for (Int d = 0; d <= taps; ++d) {
                before[d] = from + side * mirrored(y - d);
                after[d] = from + side * mirrored(y + d);
            }
            weigh(middle);
            for (Int d = 1; d <= taps; ++d) {
                middle[-d] = middle[d];
                middle[side - 1 + d] = middle[side - 1 - d];
            }
            for (Int d = 0; d <= taps; ++d) {
                before[d] = middle - d;
                after[d] = middle + d;
            }
            weigh(to + side * y);
        }
    }

private:
    Int mirrored(Int y) const { return y < 0 ? -y : y >= side ? 2 * (side - 1) - y : y; }

    // A line of weighted sums of the lines before and after. Blurred views are longer than a vector, so the
    // last one may overlap the one before it.
    void weigh(float* to) const {
        Int x = 0;
        for (; x + 2 * LANES <= side; x += 2 * LANES) {
            Lanes one = load(before[0] + x) * weights[0], other = load(before[0] + x + LANES) * weights[0];
            for (Int d = 1; d <= taps; ++d) {
                one += (load(before[d] + x) + load(after[d] + x)) * weights[d];
                other += (load(before[d] + x + LANES) + load(after[d] + x + LANES)) * weights[d];
            }
            store(to + x, unit(one));
            store(to + x + LANES, unit(other));
        }
        for (; x < side; x += LANES) {
            const Int start = smaller(x, side - LANES);
            Lanes sum = load(before[0] + start) * weights[0];
            for (Int d = 1; d <= taps; ++d)
                sum += (load(before[d] + start) + load(after[d] + start)) * weights[d];
            store(to + start, unit(sum));
        }
    }

    static Lanes unit(Lanes sum) { return sum > 1.f ? Lanes{} + 1.f : sum; }

    Int side = 0, taps = 0;
    Buffer<double> bell;
    Buffer<float> weights, line;
    Buffer<const float*> before, after;
};

}  // namespace
}  // namespace twofold
