// Read before libtorch by clang-tidy: in C++20, libstdc++ 12 makes std::vector constexpr, clang then instantiates its
// members where they are first named, and libtorch 1.13 names std::vector<IValue> before IValue is complete. Without
// constexpr they are instantiated at the end, as g++ does anyway.
#pragma once
#pragma GCC system_header

#include <memory>
#include <string>

#include <bits/range_access.h>
#include <bits/refwrap.h>
#include <bits/stl_algobase.h>
#include <bits/stl_uninitialized.h>

#if defined(__clang__) && defined(_GLIBCXX20_CONSTEXPR)
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
// Declared constexpr already. The other name leaves it without a definition, so this is for analysis, not for linking.
#define __fill_a1 __fill_a1_of_bits
#include <bits/stl_vector.h>

#include <bits/stl_bvector.h>

#include <bits/vector.tcc>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
#endif
