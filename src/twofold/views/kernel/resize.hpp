// Crops resized to the side of a view: a triangle filter on pixel centres, as wide as the larger of an
// input and an output pixel, or Keys' cubic, twice as wide; cut at the border of the crop and normalised;
// vertically, then horizontally.
#pragma once

namespace twofold {
namespace {

Int rounded_up(Int size) { return (size + LANES - 1) / LANES * LANES; }

// What a filter's inputs weigh by their distance from its middle, in widths of it.
struct Triangle {
    static constexpr double radius = 1;
    static double at(double distance) { return larger(1 - distance, 0.0); }
};

struct Keys {  // a = -0.5
    static constexpr double radius = 2;
    static double at(double d) {
        const double near = (1.5 * d - 2.5) * d * d + 1, far = ((2.5 - 0.5 * d) * d - 4) * d + 2;
        return d < 1 ? near : d < 2 ? far : 0;
    }
};

// For each output of a line: its first input and the weights from there on.
class Filter {
public:
    // In loops over the outputs of a vector; in double precision, because long lines have places that floats miss.
    template <typename Bell>
    void prepare(Int extent, Int side, bool mirrored) {
        const double scale = double(extent) / double(side), width = larger(scale, 1.0), slope = 1 / width;
        const double reach = Bell::radius * width, step = mirrored ? -scale : scale;
        const double start = (mirrored ? double(side) - 0.5 : 0.5) * scale - 0.5, length = double(extent);
        taps = smaller(extent, Int(ceil(2 * reach)));
        first.reserve(rounded_up(side));
        count.reserve(rounded_up(side));
        weights.reserve(rounded_up(side) * taps);
        for (Int i = 0; i < side; i += LANES) {
            double centre[LANES], low[LANES], high[LANES], total[LANES] = {};
            for (int lane = 0; lane < LANES; ++lane) {
                centre[lane] = start + step * (double(i) + lane);
                low[lane] = larger(0.0, floor(centre[lane] - reach) + 1);
                high[lane] = smaller(length, ceil(centre[lane] + reach));
                first[i + lane] = std::int32_t(low[lane]);
                count[i + lane] = std::int32_t(high[lane] - low[lane]);
            }
            float* const own = weights.get() + i * taps;
            for (Int k = 0; k < taps; ++k)
                for (int lane = 0; lane < LANES; ++lane) {
                    const double input = low[lane] + double(k);
                    const double weight = input < high[lane] ? Bell::at(fabs(input - centre[lane]) * slope) : 0;
                    total[lane] += weight;
                    own[k * LANES + lane] = float(weight);
                }
            float share[LANES];
            for (int lane = 0; lane < LANES; ++lane) share[lane] = float(1 / total[lane]);
            for (Int k = 0; k < taps; ++k)
                for (int lane = 0; lane < LANES; ++lane) own[k * LANES + lane] *= share[lane];
        }
    }

#if LANES > 4
    // What a vector of outputs needs: where the inputs of all of them start, and those of each from there.
    void prepare_lanes(Int side) {
        starts.reserve(rounded_up(side) / LANES);
        places.clear(rounded_up(side));
        Int span = 0;
        for (Int i = 0; i < side; i += LANES) {
            const Int end = smaller(side, i + LANES);
            const Int start = smaller<Int>(first[i], first[end - 1]);
            starts[i / LANES] = start;
            for (Int k = i; k < end; ++k) places[k] = first[k] - std::int32_t(start);
            span = larger(span, larger<Int>(first[i], first[end - 1]) - start + taps);
        }
        windows = (span + window - 1) / window;
    }
#endif

    // Of the outputs of a vector side by side, tap after tap.
    const float* lane_weights(Int output) const { return weights.get() + output * taps; }
    float weight(Int output, Int tap) const {
        return lane_weights(output / LANES * LANES)[tap * LANES + output % LANES];
    }

    Int taps = 0, windows = 1;
    Buffer<Int> starts;
    Buffer<std::int32_t> first, count, places;

private:
    Buffer<float> weights;
};

class Resizer {
public:
    void prepare(const Image& image, Int channels, const Int* box, bool flip, Int side, bool cubic) {
        this->channels = channels;
        this->side = side;
        this->cubic = cubic;
        wide = box[3];
        stride = image.width * channels;
        corner = image.pixels + box[0] * stride + box[1] * channels;
        end = image.pixels + image.height * stride;
        if (cubic) {
            down.prepare<Keys>(box[2], side, false);
            across.prepare<Keys>(wide, side, flip);
        } else {
            down.prepare<Triangle>(box[2], side, false);
            across.prepare<Triangle>(wide, side, flip);
        }
        // Zero weights look beyond the end of a line, at anything finite.
#if LANES > 4
        across.prepare_lanes(side);
        length = rounded_up(wide) + across.windows * window;
        lines.reserve(channels * length);
        for (Int c = 0; c < channels; ++c)
            memset(lines.get() + c * length + wide, 0, size_t(length - wide) * sizeof(float));
#else
        length = channels * (rounded_up(wide) + across.taps) + LANES;
        lines.reserve(length);
        memset(lines.get() + channels * wide, 0, size_t(length - channels * wide) * sizeof(float));
#endif
    }

    // Rows `from` to before `to` of the view, in [0, 1]. Writes up to a vector beyond the end of a row.
    void rows(Int from, Int to, Block view) {
        for (Int y = from; y < to; ++y) {
            if (channels == 1)
                mix<1>(y);
            else
                mix<3>(y);
            const Block row = view.from(y * side);
            if (across.windows > 1 || cubic)
                gather<0>(row);
            else if (across.taps == 2)
                gather<2>(row);
            else if (across.taps == 3)
                gather<3>(row);
            else
                gather<0>(row);
        }
    }

private:
    template <int channels>
    void mix(Int y) {
        switch (down.count[y]) {
            case 1: return mix<channels, 1>(y);
            case 2: return mix<channels, 2>(y);
            case 3: return mix<channels, 3>(y);
            default: return mix<channels, 0>(y);
        }
    }

    // The weighted sum of lines of the crop: a line a channel, or, for short vectors, one of whole pixels.
    // The number of taps may be fixed when this is compiled. Pixels beside the crop are read too, but none beyond the image.
    template <int channels, int fixed>
    void mix(Int y) {
        const Int taps = fixed ? fixed : down.count[y];
        const std::uint8_t* from = corner + down.first[y] * stride;
        weights.reserve(taps);
        for (Int k = 0; k < taps; ++k) weights[k] = down.weight(y, k);
        const std::uint8_t* last = from + (taps - 1) * stride;
        for (Int x = 0; x < wide; x += LANES) {
            const Int at = channels * x;
            const bool inside = last + at + channels * LANES <= end;
            Lanes sums[channels] = {};
            for (Int k = 0; k < taps; ++k) {
                const std::uint8_t* bytes = from + k * stride + at;
                if (!inside) bytes = padded(bytes, channels * smaller<Int>(LANES, wide - x));
                for (int c = 0; c < channels; ++c) sums[c] += widen(bytes + c * LANES) * weights[k];
            }
#if LANES > 4
            if (channels == 3) separate(sums);
            for (int c = 0; c < channels; ++c) store(lines.get() + c * length + x, sums[c]);
#else
            for (int c = 0; c < channels; ++c) store(lines.get() + at + c * LANES, sums[c]);
#endif
        }
    }

    const std::uint8_t* padded(const std::uint8_t* bytes, Int size) {
        memcpy(edge, bytes, size_t(size));
        return edge;
    }

#if LANES > 4
    // A vector of outputs of one channel takes its inputs out of a window, or of several.
    template <int fixed>
    void gather(Block row) {
        const Int taps = fixed ? fixed : across.taps, windows = fixed ? 1 : across.windows;
        for (Int x = 0; x < side; x += LANES) {
            const float* from = lines.get() + across.starts[x / LANES];
            const Places places = load<Places>(across.places.get() + x);
            const float* weights = across.lane_weights(x);
            for (Int c = 0; c < channels; ++c, from += length) {
                Lanes sum = {};
                for (Int k = 0; k < taps; ++k) {
                    const Places at = places + std::int32_t(k);
                    Lanes values = pick(from, at);
                    for (Int i = 1; i < windows; ++i)
                        values = at >= std::int32_t(i * window) ? pick(from + i * window, at) : values;
                    sum += values * load(weights + k * LANES);
                }
                store(row.planes[c] + x, fixed ? share(sum) : most(share(sum), all(0)));  // a cubic falls below 0
            }
        }
    }
#else
    // A vector is a pixel, and what lies beside it.
    template <int fixed>
    void gather(Block row) {
        const Int taps = fixed ? fixed : across.taps;
        for (Int x = 0; x < side; x += LANES) {
            const float* weights = across.lane_weights(x);
            Lanes pixels[LANES];
            for (int i = 0; i < LANES; ++i) {
                const float* from = lines.get() + channels * across.first[smaller(x + i, side - 1)];
                Lanes sum = {};
                for (Int k = 0; k < taps; ++k) sum += load(from + channels * k) * weights[k * LANES + i];
                pixels[i] = fixed ? share(sum) : most(share(sum), all(0));
            }
            for (Int c = 0; c < channels; ++c)
                store(row.planes[c] + x, Lanes{pixels[0][c], pixels[1][c], pixels[2][c], pixels[3][c]});
        }
    }
#endif

    // value / 255, rounded as a division is.
    static Lanes share(Lanes value) {
        constexpr float inverse = 1 / 255.f;
        const Lanes near = value * inverse;
        return least(near + (value - near * 255.f) * inverse, all(1));
    }

    Int channels = 0, side = 0, wide = 0, stride = 0, length = 0;
    bool cubic = false;
    const std::uint8_t *corner = nullptr, *end = nullptr;
    Filter down, across;
    Buffer<float> lines, weights;
    std::uint8_t edge[3 * LANES] = {};
};

}  // namespace
}  // namespace twofold
