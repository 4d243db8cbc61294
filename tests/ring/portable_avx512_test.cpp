/// The AVX-512 kernels with the intrinsics of SIMDe in portable C, so that processors without AVX-512 test them too.
#if defined(__x86_64__) && __has_include(<simde/x86/avx512.h>)

#pragma GCC diagnostic ignored "-Wpedantic"
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cmath>
#include <cstring>

namespace {

/// A vector as its words, for the few intrinsics that this SIMDe lacks.
struct Words512 {
    std::int32_t at[16];
    explicit Words512(const simde__m512i& v) { std::memcpy(at, &v, sizeof at); }
    simde__m512i vector() const {
        simde__m512i v;
        std::memcpy(&v, at, sizeof at);
        return v;
    }
};
struct Floats512 {
    float at[16];
    explicit Floats512(const simde__m512& v) { std::memcpy(at, &v, sizeof at); }
    simde__m512 vector() const {
        simde__m512 v;
        std::memcpy(&v, at, sizeof at);
        return v;
    }
};

inline simde__m512i portable_sra(simde__m512i a, __m128i bits) {
    Words512 w(a);
    for (auto& x : w.at) x >>= _mm_cvtsi128_si32(bits);
    return w.vector();
}
inline simde__m512i portable_mask_shuffle(simde__m512i kept, unsigned mask, simde__m512i a, int order) {
    Words512 w(a), out(kept);
    for (int i = 0; i < 16; ++i)
        if (mask >> i & 1) out.at[i] = w.at[(i & ~3) + (order >> 2 * (i & 3) & 3)];
    return out.vector();
}
inline void portable_stream(simde__m512i* to, simde__m512i v) {
    simde_mm512_storeu_si512(to, v);
}
inline simde__m512 portable_to_float(simde__m512i a) {
    Words512 w(a);
    Floats512 f(simde_mm512_setzero_ps());
    for (int i = 0; i < 16; ++i) f.at[i] = static_cast<float>(w.at[i]);
    return f.vector();
}
inline simde__m512i portable_to_int(simde__m512 a) {
    Floats512 f(a);
    Words512 w(simde_mm512_setzero_si512());
    for (int i = 0; i < 16; ++i) w.at[i] = static_cast<std::int32_t>(std::nearbyint(f.at[i]));
    return w.vector();
}

}  // namespace

#undef _mm512_sra_epi32
#undef _mm512_mask_shuffle_epi32
#undef _mm512_stream_si512
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtps_epi32
#define _mm512_sra_epi32 portable_sra
#define _mm512_mask_shuffle_epi32 portable_mask_shuffle
#define _mm512_stream_si512 portable_stream
#define _mm512_cvtepi32_ps portable_to_float
#define _mm512_cvtps_epi32 portable_to_int
#define _MM_PERM_ENUM int

#define OBSCURA_PORTABLE_AVX512
#include "ring/kernels/simd/vector_avx512.hpp"
// after the vectors
#include "ring/kernels/simd/variant.inc.hpp"
#include "ring_test_support.hpp"

namespace obscura::ring {

const Kernels* portable_avx512_kernels() {
    static constexpr Kernels kernels = vector_kernels("avx512 (portable)");
    return &kernels;
}

}  // namespace obscura::ring

#else

#include <gtest/gtest.h>

#include "ring_test_support.hpp"

namespace obscura::ring {

const Kernels* portable_avx512_kernels() {
    return nullptr;
}

TEST(PortableAvx512, NeedsSimde) {
    GTEST_SKIP() << "this build does not test the AVX-512 kernels in portable C: install SIMDe (libsimde-dev)";
}

}  // namespace obscura::ring

#endif
