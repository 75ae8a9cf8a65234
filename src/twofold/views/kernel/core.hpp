// One view after the other, for one instruction set.
//
// Each file that includes this one chooses a target and the number of LANES of its vectors. Everything
// lies in an anonymous namespace: the copies for different targets must never be merged into one.
#include "memory.hpp"
#include "lanes.hpp"
#include "colour.hpp"
#include "resize.hpp"
#include "blur.hpp"
#include "output.hpp"

namespace twofold {
namespace {

constexpr Int block_pixels = 512;  // three planes of a block fill a fifth of a first-level cache

struct Step {
    Kind kind;
    float amount;
    float offset;  // of contrast, once the mean is known
};

// What one thread needs while it renders; it grows to the largest view and is kept.
struct Scratch {
    Buffer<float> planes, other;
    Buffer<Step> steps;
    Resizer resizer;
    Blurrer blurrer;
};

bool waits(Kind kind) { return kind == contrast || kind == blur; }  // needs the whole image before it

void apply(const Step& step, Block block) {
    switch (step.kind) {
        case brightness: return scale(block, step.amount, 0);
        case contrast: return scale(block, step.amount, step.offset);
        case saturation: return saturate(block, step.amount);
        case hue: return turn(block, step.amount);
        case gray: return drop_colour(block);
        case solarize: return invert_above(block, step.amount);
        case shift: return scale(block, 1, step.amount);
        default: return;
    }
}

class Painter {
public:
    Painter(const Batch& batch, Scratch& scratch) : batch(batch), scratch(scratch) {
        // A vector more a plane, for what is written beyond the end of its last row.
        plane = rounded_up(batch.side * batch.side) + LANES;
        scratch.planes.reserve(batch.channels * plane);
        scratch.other.reserve(batch.channels * plane);
        scratch.steps.reserve(batch.steps);
    }

    void paint(Int row) {
        const Int* box = batch.boxes + 4 * row;
        scratch.resizer.prepare(batch.images[row], batch.channels, box, batch.flip[row], batch.side, batch.cubic);
        read_steps(row);
        Int next = 0;
        const auto crop = [&](Int from, Int to) {
            scratch.resizer.rows(from, to, whole());
        };
        next = pass(row, 0, 0, crop);
        const auto keep = [](Int, Int) {};
        while (next < count) {
            Step& step = scratch.steps[next];
            if (step.kind == contrast) {
                step.offset = (1 - step.amount) * mean_luma();
                next = pass(row, next, next + 1, keep);
            } else {
                blur_all(step.amount);
                next = pass(row, next + 1, next + 1, keep);
            }
        }
    }

private:
    // Block by block: makes it, changes it by the steps from `begin` on, as far as no step at or after
    // `search` has to wait for the whole image, and hands it out if it is finished. Returns that step.
    template <typename Make>
    Int pass(Int row, Int begin, Int search, Make make) {
        const Int side = batch.side;
        Int end = search;
        while (end < count && !waits(scratch.steps[end].kind)) ++end;
        const bool measured = end < count && scratch.steps[end].kind == contrast;
        sums[0] = sums[1] = sums[2] = 0;
        const Int rows = larger<Int>(1, block_pixels / side);
        for (Int y = 0; y < side; y += rows) {
            const Int stop = smaller(side, y + rows);
            make(y, stop);
            Block block = whole().part(y * side, (stop - y) * side);
            for (Int i = begin; i < end; ++i) apply(scratch.steps[i], block);
            if (measured) add_up(block, sums);
            if (end == count) write(batch, row, block, y * side);
        }
        return end;
    }

    void read_steps(Int row) {
        count = 0;
        for (Int i = row * batch.steps; i < (row + 1) * batch.steps; ++i) {
            const Kind kind = Kind(batch.kinds[i]);
            const float amount = batch.amounts[i];
            const bool is_factor = kind == brightness || kind == contrast || kind == saturation;
            const bool is_summand = kind == hue || kind == shift;
            const bool of_colour = kind == saturation || kind == hue || kind == gray;
            if (kind == nothing || (is_factor && amount == 1) || (is_summand && amount == 0)) continue;
            if (of_colour && batch.channels == 1) continue;  // a gray image is its own luma
            scratch.steps[count++] = {kind, amount, 0};
        }
    }

    void blur_all(float sigma) {
        if (!scratch.blurrer.prepare(batch.side, sigma)) return;
        for (Int c = 0; c < batch.channels; ++c)
            scratch.blurrer.plane(scratch.planes.get() + c * plane, scratch.other.get() + c * plane);
        scratch.planes.swap(scratch.other);
    }

    float mean_luma() const {
        const double area = double(batch.side) * double(batch.side);
        if (batch.channels == 1) return float(sums[0] / area);
        return float((luma_red * sums[0] + luma_green * sums[1] + luma_blue * sums[2]) / area);
    }

    Block whole() {
        const Int area = batch.side * batch.side;
        float* planes = scratch.planes.get();
        if (batch.channels == 1) return {{planes, planes, planes}, area, 1};
        return {{planes, planes + plane, planes + 2 * plane}, area, 3};
    }

    const Batch& batch;
    Scratch& scratch;
    Int plane;      // values from one channel to the next
    Int count = 0;  // of the steps of this view
    double sums[3] = {};
};

// Not inlined, so that the address of a thread's memory is asked for once.
__attribute__((noinline)) Scratch& own_scratch() {
    static thread_local Scratch scratch;
    return scratch;
}

void render(const Batch& batch) {
    Painter painter(batch, own_scratch());
    for (Int row = 0; row < batch.count; ++row) painter.paint(row);
    end_stream();
}

}  // namespace
}  // namespace twofold
