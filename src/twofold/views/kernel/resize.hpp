// Crops resized to the side of a view: a triangle filter on pixel centres, as wide as the larger of an
// input and an output pixel, cut at the border of the crop and normalised; vertically, then horizontally.
#pragma once

namespace twofold {
namespace {

// For each output of a line: its first input and the weights from there on; zeros fill up to `taps`.
class Filter {
public:
    void prepare(Int extent, Int side, bool mirrored) {
        const double scale = double(extent) / double(side), reach = larger(scale, 1.0), slope = 1 / reach;
        taps = smaller(extent, Int(ceil(2 * reach)));
        first.reserve(side);
        count.reserve(side);
        weights.clear(side * taps);
        for (Int i = 0; i < side; ++i) {
            const double centre = (double(i) + 0.5) * scale - 0.5;
            const Int low = larger<Int>(0, Int(floor(centre - reach)) + 1);
            const Int high = smaller<Int>(extent, Int(ceil(centre + reach)));
            const Int at = mirrored ? side - 1 - i : i;
            double total = 0;
            for (Int j = low; j < high; ++j) total += 1 - fabs(double(j) - centre) * slope;
            const double share = 1 / total;
            for (Int j = low; j < high; ++j)
                weights[at * taps + j - low] = float((1 - fabs(double(j) - centre) * slope) * share);
            first[at] = low;
            count[at] = high - low;
        }
    }

    Int taps = 0;
    Buffer<Int> first, count;
    Buffer<float> weights;
};

typedef float Four __attribute__((vector_size(16)));  // a pixel and one value more

class Resizer {
public:
    static constexpr Int together = 4;  // rows that share the reading of the horizontal weights

    void prepare(const Image& image, Int channels, const Int* box, bool flip, Int side) {
        this->channels = channels;
        this->side = side;
        wide = box[3];
        stride = image.width * channels;
        corner = image.pixels + box[0] * stride + box[1] * channels;
        down.prepare(box[2], side, false);
        across.prepare(wide, side, flip);
        // Zero weights and the fourth value of a pixel look beyond the end of a line.
        const Int beyond = across.taps * channels + 4;
        length = wide * channels + beyond;
        lines.reserve(together * length);
        for (Int i = 0; i < together; ++i) lines_end(i, beyond);
        pixels.reserve(together * 4 * side);
    }

    // Rows `from` to before `to` of the view, in [0, 1].
    void rows(Int from, Int to, Block view) {
        for (Int y = from; y < to; y += together) {
            const Int some = smaller(together, to - y);
            for (Int i = 0; i < some; ++i) add_lines(y + i, lines.get() + i * length);
            if (channels == 1)
                for (Int i = 0; i < some; ++i) gather_gray(lines.get() + i * length, view.planes[0] + (y + i) * side);
            else
                gather_colours(y, some, view);
        }
    }

private:
    // value / 255, rounded as a division is.
    static float share(float value) {
        constexpr float inverse = 1 / 255.f;
        const float near = value * inverse;
        const float exact = near + (value - near * 255) * inverse;
        return exact > 1.f ? 1.f : exact;
    }

    void lines_end(Int i, Int beyond) {
        memset(lines.get() + (i + 1) * length - beyond, 0, size_t(beyond) * sizeof(float));
    }

    // One line of weighted sums of lines of the crop.
    void add_lines(Int y, float* to) const {
        const Int taps = down.count[y];
        const std::uint8_t* from = corner + down.first[y] * stride;
        const float* weights = down.weights.get() + y * down.taps;
        switch (smaller<Int>(taps, 4)) {
            case 1: add<1, false>(from, weights, to); break;
            case 2: add<2, false>(from, weights, to); break;
            case 3: add<3, false>(from, weights, to); break;
            default: add<4, false>(from, weights, to);
        }
        Int k = 4;
        for (; k + 4 <= taps; k += 4) add<4, true>(from + k * stride, weights + k, to);
        for (; k < taps; ++k) add<1, true>(from + k * stride, weights + k, to);
    }

    template <int taps, bool more>
    void add(const std::uint8_t* __restrict from, const float* weights, float* __restrict to) const {
        float w[taps];
        for (int k = 0; k < taps; ++k) w[k] = weights[k];
        const Int values = wide * channels, step = stride;
        for (Int j = 0; j < values; ++j) {
            float sum = more ? to[j] : 0.f;
            for (int k = 0; k < taps; ++k) sum += w[k] * float(from[k * step + j]);
            to[j] = sum;
        }
    }

    void gather_colours(Int y, Int some, Block view) {
        switch (across.taps) {
            case 1: gather<1>(); break;
            case 2: gather<2>(); break;
            case 3: gather<3>(); break;
            case 4: gather<4>(); break;
            default: gather<0>();
        }
        for (Int i = 0; i < some; ++i) {
            const float* __restrict values = pixels.get() + i * 4 * side;
            const Block out = view.from((y + i) * side);
            float *__restrict red = out.planes[0], *__restrict green = out.planes[1], *__restrict blue = out.planes[2];
            for (Int x = 0; x < side; ++x) {
                red[x] = share(values[4 * x]);
                green[x] = share(values[4 * x + 1]);
                blue[x] = share(values[4 * x + 2]);
            }
        }
    }

    // Pixels of four lines; the number of taps may be fixed when this is compiled.
    template <int fixed>
    void gather() {
        const Int taps = fixed ? fixed : across.taps, length = this->length, side = this->side;
        const float *__restrict weights = across.weights.get(), *__restrict lines = this->lines.get();
        const Int* __restrict first = across.first.get();
        float* __restrict pixels = this->pixels.get();
        for (Int x = 0; x < side; ++x, weights += taps) {
            const float* from = lines + 3 * first[x];
            Four sums[together] = {};
            for (Int k = 0; k < taps; ++k)
                for (Int i = 0; i < together; ++i) sums[i] += four(from + i * length + 3 * k) * weights[k];
            for (Int i = 0; i < together; ++i) memcpy(pixels + 4 * (i * side + x), &sums[i], sizeof(Four));
        }
    }

    static Four four(const float* from) {
        Four values;
        memcpy(&values, from, sizeof values);
        return values;
    }

    void gather_gray(const float* __restrict line, float* __restrict to) const {
        const float* __restrict weights = across.weights.get();
        const Int* __restrict first = across.first.get();
        for (Int x = 0; x < side; ++x, weights += across.taps) {
            float sum = 0;
            for (Int k = 0; k < across.taps; ++k) sum += weights[k] * line[first[x] + k];
            to[x] = share(sum);
        }
    }

    Int channels = 0, side = 0, wide = 0, stride = 0, length = 0;
    const std::uint8_t* corner = nullptr;
    Filter down, across;
    Buffer<float> lines, pixels;
};

}  // namespace
}  // namespace twofold
