// Crops resized to the side of a view: a triangle filter on pixel centres, as wide as the larger of an
// input and an output pixel, cut at the border of the crop and normalised; vertically, then horizontally.
#pragma once

namespace twofold {
namespace {

// For each output of a line: its first input and the weights from there on; zeros fill up to `taps`.
class Filter {
public:
    void prepare(Int extent, Int side, bool mirrored) {
        const double scale = double(extent) / double(side), reach = larger(scale, 1.0);
        taps = smaller<Int>(extent, Int(ceil(2 * reach)) + 1);
        first.reserve(side);
        count.reserve(side);
        weights.clear(side * taps);
        for (Int i = 0; i < side; ++i) {
            const double centre = (double(i) + 0.5) * scale - 0.5;
            const Int low = larger<Int>(0, Int(floor(centre - reach)) + 1);
            const Int high = smaller<Int>(extent, Int(ceil(centre + reach)));
            const Int at = mirrored ? side - 1 - i : i;
            double total = 0;
            for (Int j = low; j < high; ++j) total += 1 - fabs(double(j) - centre) / reach;
            for (Int j = low; j < high; ++j)
                weights[at * taps + j - low] = float((1 - fabs(double(j) - centre) / reach) / total);
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
    void prepare(const Image& image, Int channels, const Int* box, bool flip, Int side) {
        this->channels = channels;
        this->side = side;
        wide = box[3];
        stride = image.width * channels;
        corner = image.pixels + box[0] * stride + box[1] * channels;
        down.prepare(box[2], side, false);
        across.prepare(wide, side, flip);
        // Zero weights and the fourth value of a pixel look beyond the end of the line.
        line.clear((wide + across.taps) * channels + 4);
        pixels.reserve(4 * side);
    }

    // Row y of the view, in [0, 1].
    void row(Int y, Block out) {
        const Int taps = down.count[y];
        const std::uint8_t* from = corner + down.first[y] * stride;
        const float* weights = down.weights.get() + y * down.taps;
        switch (smaller<Int>(taps, 4)) {
            case 1: add_rows<1, false>(from, weights); break;
            case 2: add_rows<2, false>(from, weights); break;
            case 3: add_rows<3, false>(from, weights); break;
            default: add_rows<4, false>(from, weights);
        }
        Int k = 4;
        for (; k + 4 <= taps; k += 4) add_rows<4, true>(from + k * stride, weights + k);
        for (; k < taps; ++k) add_rows<1, true>(from + k * stride, weights + k);
        if (channels == 1) return gather_gray(out.planes[0]);
        switch (across.taps) {
            case 1: gather<1>(1); break;
            case 2: gather<2>(2); break;
            case 3: gather<3>(3); break;
            case 4: gather<4>(4); break;
            default: gather<0>(across.taps);
        }
        float *__restrict red = out.planes[0], *__restrict green = out.planes[1], *__restrict blue = out.planes[2];
        const float* __restrict values = pixels.get();
        for (Int x = 0; x < side; ++x) {
            red[x] = share(values[4 * x]);
            green[x] = share(values[4 * x + 1]);
            blue[x] = share(values[4 * x + 2]);
        }
    }

private:
    // value / 255, rounded as a division is.
    static float share(float value) {
        constexpr float inverse = 1 / 255.f;
        const float near = value * inverse;
        return unit(near + (value - near * 255) * inverse);
    }

    template <int taps, bool more>
    void add_rows(const std::uint8_t* __restrict from, const float* weights) {
        float w[taps];
        for (int k = 0; k < taps; ++k) w[k] = weights[k];
        float* __restrict to = line.get();
        const Int length = wide * channels, step = stride;
        for (Int j = 0; j < length; ++j) {
            float sum = more ? to[j] : 0.f;
            for (int k = 0; k < taps; ++k) sum += w[k] * float(from[k * step + j]);
            to[j] = sum;
        }
    }

    template <int fixed>
    void gather(Int number) {
        const Int taps = fixed ? fixed : number;
        const float* weights = across.weights.get();
        for (Int x = 0; x < side; ++x, weights += taps) {
            const float* from = line.get() + 3 * across.first[x];
            Four sum = {};
            for (Int k = 0; k < taps; ++k) {
                Four pixel;
                memcpy(&pixel, from + 3 * k, sizeof pixel);
                sum += pixel * weights[k];
            }
            memcpy(pixels.get() + 4 * x, &sum, sizeof sum);
        }
    }

    void gather_gray(float* __restrict to) {
        const float* weights = across.weights.get();
        for (Int x = 0; x < side; ++x, weights += across.taps) {
            const float* from = line.get() + across.first[x];
            float sum = 0;
            for (Int k = 0; k < across.taps; ++k) sum += weights[k] * from[k];
            to[x] = share(sum);
        }
    }

    Int channels = 0, side = 0, wide = 0, stride = 0;
    const std::uint8_t* corner = nullptr;
    Filter down, across;
    Buffer<float> line, pixels;
};

}  // namespace
}  // namespace twofold
