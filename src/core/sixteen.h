// Sixteen numbers that arithmetic takes at a time, in the widest instructions that this build may use: one vector of 64 bytes, or several
// shorter ones. (A compiler's own vector type that is wider than the machine's is kept in memory and taken apart number by number.)
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace llama4rec {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = float __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<std::int32_t> {
  using Type = std::int32_t __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<std::uint32_t> {
  using Type = std::uint32_t __attribute__((vector_size(kVectorBytes)));
};

/// Sixteen of a type of four bytes. Operators work number by number, scalars stand for sixteen of themselves; a comparison gives all bits
/// where it holds and none elsewhere, for `select`.
template <class T>
struct Sixteen {
  static constexpr int kParts = 64 / kVectorBytes;
  using Part = typename VectorOf<T>::Type;

  Part part[kParts];

  static Sixteen all(T value) { return Sixteen{} + value; }
  /// Of a copy: numbers that are asked for one by one would have to be kept in memory.
  T operator[](std::int64_t n) const {
    T values[16];
#pragma GCC unroll 4
    for (int i = 0; i < kParts; ++i) std::memcpy(values + i * (kVectorBytes / 4), &part[i], kVectorBytes);
    return values[n];
  }
};

/// made.part[i] = f(i) for all parts.
template <class To, class F>
[[gnu::always_inline]] inline Sixteen<To> by_parts(const F& f) {
  Sixteen<To> made;  // NOLINT(cppcoreguidelines-pro-type-member-init): all parts are set below
#pragma GCC unroll 4
  for (int i = 0; i < Sixteen<To>::kParts; ++i) made.part[i] = f(i);
  return made;
}

#define LLAMA4REC_SIXTEEN_OPERATOR(OP)                                                                   \
  template <class T>                                                                                     \
  [[gnu::always_inline]] inline Sixteen<T> operator OP(const Sixteen<T>& a, const Sixteen<T>& b) {       \
    return by_parts<T>([&](int i) { return a.part[i] OP b.part[i]; });                                   \
  }                                                                                                      \
  template <class T>                                                                                     \
  [[gnu::always_inline]] inline Sixteen<T> operator OP(const Sixteen<T>& a, std::type_identity_t<T> b) { \
    return by_parts<T>([&](int i) { return a.part[i] OP b; });                                           \
  }                                                                                                      \
  template <class T>                                                                                     \
  [[gnu::always_inline]] inline Sixteen<T> operator OP(std::type_identity_t<T> a, const Sixteen<T>& b) { \
    return by_parts<T>([&](int i) { return a OP b.part[i]; });                                           \
  }                                                                                                      \
  template <class T, class Other>                                                                        \
  [[gnu::always_inline]] inline Sixteen<T>& operator OP##=(Sixteen<T>& a, const Other& b) {              \
    return a = a OP b;                                                                                   \
  }
LLAMA4REC_SIXTEEN_OPERATOR(+)
LLAMA4REC_SIXTEEN_OPERATOR(-)
LLAMA4REC_SIXTEEN_OPERATOR(*)
LLAMA4REC_SIXTEEN_OPERATOR(/)
LLAMA4REC_SIXTEEN_OPERATOR(&)
LLAMA4REC_SIXTEEN_OPERATOR(|)
LLAMA4REC_SIXTEEN_OPERATOR(^)
#undef LLAMA4REC_SIXTEEN_OPERATOR

template <class T>
[[gnu::always_inline]] inline Sixteen<T> operator-(const Sixteen<T>& a) {
  return by_parts<T>([&](int i) { return -a.part[i]; });
}
template <class T>
[[gnu::always_inline]] inline Sixteen<T> operator<<(const Sixteen<T>& a, int bits) {
  return by_parts<T>([&](int i) { return a.part[i] << bits; });
}
template <class T>
[[gnu::always_inline]] inline Sixteen<T> operator>>(const Sixteen<T>& a, int bits) {
  return by_parts<T>([&](int i) { return a.part[i] >> bits; });
}

using SixteenMask = Sixteen<std::int32_t>;

template <class T>
[[gnu::always_inline]] inline SixteenMask operator<(const Sixteen<T>& a, const Sixteen<T>& b) {
  return by_parts<std::int32_t>([&](int i) { return a.part[i] < b.part[i]; });
}
template <class T>
[[gnu::always_inline]] inline SixteenMask operator>(const Sixteen<T>& a, const Sixteen<T>& b) {
  return b < a;
}
template <class T>
[[gnu::always_inline]] inline SixteenMask operator<(const Sixteen<T>& a, std::type_identity_t<T> b) {
  return a < Sixteen<T>::all(b);
}
template <class T>
[[gnu::always_inline]] inline SixteenMask operator>(const Sixteen<T>& a, std::type_identity_t<T> b) {
  return a > Sixteen<T>::all(b);
}

/// yes where the mask's bits are set, no elsewhere.
template <class T>
[[gnu::always_inline]] inline Sixteen<T> select(const SixteenMask& mask, const Sixteen<T>& yes, const Sixteen<T>& no) {
  return by_parts<T>([&](int i) { return mask.part[i] ? yes.part[i] : no.part[i]; });
}

/// As static_cast of each number.
template <class To, class From>
[[gnu::always_inline]] inline Sixteen<To> convert(const Sixteen<From>& from) {
  return by_parts<To>([&](int i) { return __builtin_convertvector(from.part[i], typename Sixteen<To>::Part); });
}

/// As std::bit_cast of each number.
template <class To, class From>
[[gnu::always_inline]] inline Sixteen<To> with_bits_of(const Sixteen<From>& from) {
  return by_parts<To>([&](int i) { return reinterpret_cast<typename Sixteen<To>::Part>(from.part[i]); });
}

// Part by part: a copy of the whole would be kept in memory.
template <class T>
[[gnu::always_inline]] inline Sixteen<T> load_sixteen(const T* from) {
  return by_parts<T>([&](int i) {
    typename Sixteen<T>::Part part;
    std::memcpy(&part, from + i * (kVectorBytes / 4), sizeof part);
    return part;
  });
}
template <class T>
[[gnu::always_inline]] inline void store_sixteen(T* to, const Sixteen<T>& value) {
#pragma GCC unroll 4
  for (int i = 0; i < Sixteen<T>::kParts; ++i) {
    std::memcpy(to + i * (kVectorBytes / 4), &value.part[i], sizeof value.part[i]);
  }
}

}  // namespace llama4rec
