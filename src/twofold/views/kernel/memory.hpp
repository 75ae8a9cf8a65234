// Memory that grows when needed and is kept, because fresh memory costs page faults.
#pragma once

namespace twofold {
namespace {

template <typename T>
T smaller(T one, T other) { return other < one ? other : one; }

template <typename T>
T larger(T one, T other) { return other > one ? other : one; }

template <typename Value>
class Buffer {
public:
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    ~Buffer() { free(values); }

    // At least so many values, whatever they are; earlier ones are lost.
    Value* reserve(Int size) {
        if (size > capacity) {
            free(values);
            values = nullptr;
            capacity = 0;
            const Int bytes = (size * Int(sizeof(Value)) + 63) / 64 * 64;
            values = static_cast<Value*>(aligned_alloc(64, size_t(bytes)));
            if (!values) throw std::bad_alloc();
            capacity = size;
        }
        return values;
    }

    Value* clear(Int size) {
        reserve(size);
        memset(static_cast<void*>(values), 0, size_t(size) * sizeof(Value));
        return values;
    }

    void swap(Buffer& other) {
        Value* const theirs = other.values;
        const Int size = other.capacity;
        other.values = values;
        other.capacity = capacity;
        values = theirs;
        capacity = size;
    }

    Value* get() const { return values; }
    Value& operator[](Int i) const { return values[i]; }

private:
    Value* values = nullptr;
    Int capacity = 0;
};

}  // namespace
}  // namespace twofold
