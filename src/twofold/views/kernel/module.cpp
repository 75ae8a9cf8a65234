// The door from Python: checks everything, lets go of the interpreter, renders.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <vector>

#include "batch.hpp"

namespace {

using twofold::Batch;
using twofold::Image;
using twofold::Int;

struct Level {
    const char* name;
    twofold::Render render;
    bool (*is_here)();
};

// From the slowest to the fastest.
const Level levels[] = {
    {"plain", twofold::render_plain, [] { return true; }},
#if defined(__x86_64__)
    {"avx2", twofold::render_avx2,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
    {"avx512", twofold::render_avx512,
     [] {
         return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("fma");
     }},
#endif
};

// A view of the memory of a Python object, given back at the end. Empty, with a Python error set, where
// the object has no dense memory.
class Memory {
public:
    Memory(PyObject* object, bool writable) {
        const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
        held = PyObject_GetBuffer(object, &buffer, flags) == 0;
    }
    Memory(Memory&& other) noexcept : buffer(other.buffer), held(other.held) { other.held = false; }
    Memory(const Memory&) = delete;
    ~Memory() {
        if (held) PyBuffer_Release(&buffer);
    }

    explicit operator bool() const { return held; }
    const Py_buffer* operator->() const { return &buffer; }

    // Whether it has this shape in values of this many bytes; else sets a Python error.
    bool is(const char* name, Py_ssize_t bytes, std::initializer_list<Int> shape) const {
        bool fits = buffer.itemsize == bytes && buffer.ndim == int(shape.size());
        for (int i = 0; fits && i < buffer.ndim; ++i) fits = buffer.shape[i] == shape.begin()[i];
        if (!fits) PyErr_Format(PyExc_ValueError, "%s has another shape or type than the views need", name);
        return fits;
    }

private:
    Py_buffer buffer;
    bool held;
};

bool refuse(const char* what) {
    PyErr_SetString(PyExc_ValueError, what);
    return false;
}

// Pixels of `count` images: one array `b h w c`, or a list of arrays `h w c`.
bool find_images(PyObject* given, Int count, Int channels, std::vector<Memory>& held, std::vector<Image>& images) {
    const auto add = [&](const Memory& memory, int leading, Int number) {
        if (memory->itemsize != 1 || memory->ndim != leading + 3) return refuse("images are bytes, h w c");
        const Py_ssize_t* shape = memory->shape + leading;
        if (shape[0] < 1 || shape[1] < 1 || shape[2] != channels)
            return refuse("an image is empty or has another number of channels than the views");
        const std::uint8_t* pixels = static_cast<const std::uint8_t*>(memory->buf);
        for (Int i = 0; i < number; ++i)
            images.push_back({pixels + i * shape[0] * shape[1] * shape[2], shape[0], shape[1]});
        return true;
    };
    images.reserve(count);
    if (!PyList_Check(given)) {
        held.emplace_back(given, false);
        if (!held.back()) return false;
        if (held.back()->ndim != 4 || held.back()->shape[0] != count) return refuse("images and views differ in number");
        return count == 0 || add(held.back(), 1, count);
    }
    if (PyList_Size(given) != count) return refuse("images and views differ in number");
    held.reserve(count);
    for (Int i = 0; i < count; ++i) {
        held.emplace_back(PyList_GetItem(given, i), false);
        if (!held.back() || !add(held.back(), 0, 1)) return false;
    }
    return true;
}

bool check_box(const Int* box, const Image& image, Int row) {
    const Int top = box[0], left = box[1], tall = box[2], wide = box[3];
    const bool inside = top >= 0 && left >= 0 && tall >= 1 && wide >= 1 && tall <= image.height &&
                        wide <= image.width && top <= image.height - tall && left <= image.width - wide;
    if (!inside) {
        PyErr_Format(PyExc_ValueError, "the crop of view %zd, %zd x %zd pixels at (%zd, %zd), leaves its image of %zd x %zd",
                     Py_ssize_t(row), Py_ssize_t(tall), Py_ssize_t(wide), Py_ssize_t(top), Py_ssize_t(left),
                     Py_ssize_t(image.height), Py_ssize_t(image.width));
    }
    return inside;
}

// By its bits, never as a float: compilers are told that there are only finite ones.
bool is_finite(const float* value) {
    std::uint32_t bits;
    std::memcpy(&bits, value, sizeof bits);
    return (bits & 0x7f800000u) != 0x7f800000u;
}

bool check_steps(const Batch& batch) {
    for (Int i = 0; i < batch.count * batch.steps; ++i) {
        const std::int32_t kind = batch.kinds[i];
        if (kind < 0 || kind >= twofold::kinds) return refuse("a step is of an unknown kind");
        if (!is_finite(batch.amounts + i)) return refuse("the amount of a step is not a finite number");
        if (kind == twofold::blur && batch.amounts[i] <= 0) return refuse("the sigma of a blur is not above 0");
    }
    return true;
}

PyObject* render(PyObject*, PyObject* arguments) {
    int level, cubic, planar, half;
    PyObject *image_list, *boxes_of, *flip_of, *kinds_of, *amounts_of, *out_of;
    Py_ssize_t side;
    if (!PyArg_ParseTuple(arguments, "iOOOOOOnppp", &level, &image_list, &boxes_of, &flip_of, &kinds_of,
                          &amounts_of, &out_of, &side, &cubic, &planar, &half))
        return nullptr;
    if (level < 0 || level >= int(std::size(levels)) || !levels[level].is_here()) {
        refuse("this processor has no such level");
        return nullptr;
    }
    const Memory boxes(boxes_of, false);
    if (!boxes) return nullptr;
    const Memory flip(flip_of, false);
    if (!flip) return nullptr;
    const Memory kinds(kinds_of, false);
    if (!kinds) return nullptr;
    const Memory amounts(amounts_of, false);
    if (!amounts) return nullptr;
    const Memory out(out_of, true);
    if (!out) return nullptr;
    if (out->ndim != 4 || kinds->ndim != 2) {
        refuse("out has four dimensions, kinds have two");
        return nullptr;
    }
    const Int count = out->shape[0], steps = kinds->shape[1], channels = out->shape[planar ? 1 : 3];
    if (channels != 1 && channels != 3) {
        refuse("views have 1 or 3 channels");
        return nullptr;
    }
    const bool fits = planar ? out.is("out", half ? 2 : 4, {count, channels, side, side})
                             : out.is("out", half ? 2 : 4, {count, side, side, channels});
    if (!fits || !boxes.is("boxes", 8, {count, 4}) || !flip.is("flip", 1, {count}) ||
        !kinds.is("kinds", 4, {count, steps}) || !amounts.is("amounts", 4, {count, steps}))
        return nullptr;
    try {
        std::vector<Memory> held;
        std::vector<Image> images;
        if (!find_images(image_list, count, channels, held, images)) return nullptr;
        const Batch batch{images.data(),
                          static_cast<const Int*>(boxes->buf),
                          static_cast<const std::uint8_t*>(flip->buf),
                          static_cast<const std::int32_t*>(kinds->buf),
                          static_cast<const float*>(amounts->buf),
                          steps,
                          count,
                          side,
                          channels,
                          bool(cubic),
                          bool(planar),
                          bool(half),
                          out->buf};
        for (Int row = 0; row < count; ++row)
            if (!check_box(batch.boxes + 4 * row, images[row], row)) return nullptr;
        if (!check_steps(batch)) return nullptr;
        bool enough = true;
        Py_BEGIN_ALLOW_THREADS
        try {
            if (side > 0) levels[level].render(batch);
        } catch (const std::bad_alloc&) {
            enough = false;
        }
        Py_END_ALLOW_THREADS
        if (!enough) return PyErr_NoMemory();
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

PyObject* names(PyObject*, PyObject*) {
    PyObject* list = PyList_New(0);
    for (const Level& level : levels) {
        if (!list || !level.is_here()) continue;
        PyObject* name = PyUnicode_FromString(level.name);
        if (!name || PyList_Append(list, name) != 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

PyMethodDef methods[] = {
    {"render", render, METH_VARARGS,
     "render(level, images, boxes, flip, kinds, amounts, out, side, cubic, planar, half)"},
    {"levels", names, METH_NOARGS, "Names of the levels that this processor has, the fastest last."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kernel", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kernel() {
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    PyObject* module = PyModule_Create(&definition);
    if (module && PyModule_AddStringConstant(module, "SOURCE", TWOFOLD_KERNEL_SOURCE) != 0) Py_CLEAR(module);
    return module;
}
