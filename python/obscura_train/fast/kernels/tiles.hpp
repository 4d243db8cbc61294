// A processor's matrix tiles (AMX), which multiply numbers of bfloat16 and sum them in float32.

#pragma once

#include <cstdint>

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define OBSCURA_TILES
#include <immintrin.h>
#endif

namespace kernels {

using Bfloat16 = uint16_t;

constexpr int64_t kTile = 16;                  // rows of a tile, and sums in a row
constexpr int64_t kDepth = 32;                 // numbers of bfloat16 in a row
constexpr int64_t kTileSize = kTile * kDepth;  // numbers of bfloat16 in a tile
constexpr int64_t kTileBytes = 2 * kDepth;     // of a row

constexpr int64_t tiles_for(int64_t count, int64_t size) {
    return (count + size - 1) / size;
}

// Whether this processor has them and the system lets this process use them.
bool tiles_available();

#ifdef OBSCURA_TILES

// While it lives, all eight of this thread's tiles are 16 rows of 64 bytes.
class TileScope {
  public:
    TileScope();
    ~TileScope() { _tile_release(); }
    TileScope(const TileScope&) = delete;
    TileScope& operator=(const TileScope&) = delete;
};

// The compiler does not know that tiles read and write memory.
inline void settle_memory() {
    asm volatile("" ::: "memory");
}

// Sums are tiles 0 and 1 (first row of tiles), 2 and 3 (second); rows of the left matrix 4 and 5, columns of the right
// one 6 and 7.
template <int Rows, int Columns>
inline void clear_sums() {
    _tile_zero(0);
    if constexpr (Columns > 1) _tile_zero(1);
    if constexpr (Rows > 1) _tile_zero(2);
    if constexpr (Rows > 1 && Columns > 1) _tile_zero(3);
}

// left: of each row of tiles, rows that lie `stride` bytes apart; right: of each column, pairs that lie `pairs` bytes
// apart.
template <int Rows, int Columns>
inline void add_products(const Bfloat16* const (&left)[2], int64_t stride, const Bfloat16* const (&right)[2],
                         int64_t pairs) {
    _tile_loadd(4, left[0], stride);
    if constexpr (Rows > 1) _tile_loadd(5, left[1], stride);
    _tile_loadd(6, right[0], pairs);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (Rows > 1) _tile_dpbf16ps(2, 5, 6);
    if constexpr (Columns > 1) _tile_loadd(7, right[1], pairs);
    if constexpr (Columns > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (Rows > 1 && Columns > 1) _tile_dpbf16ps(3, 5, 7);
}

// The sums of a row of tiles, to rows that lie `stride` bytes apart.
template <int Columns>
inline void store_sums(int row, float* to, int64_t stride) {
    if (row == 0) {
        _tile_stored(0, to, stride);
        if constexpr (Columns > 1) _tile_stored(1, to + kTile, stride);
    } else {
        _tile_stored(2, to, stride);
        if constexpr (Columns > 1) _tile_stored(3, to + kTile, stride);
    }
}

// Calls with_block.operator()<Rows, Columns>(row, column) for blocks of up to two by two tiles; `columns` is the outer
// loop.
template <class WithBlock>
inline void for_tile_blocks(int64_t rows, int64_t columns, WithBlock&& with_block) {
    for (int64_t column = 0; column < columns; column += 2)
        for (int64_t row = 0; row < rows; row += 2) {
            const bool two_rows = row + 1 < rows, two_columns = column + 1 < columns;
            if (two_rows && two_columns)
                with_block.template operator()<2, 2>(row, column);
            else if (two_rows)
                with_block.template operator()<2, 1>(row, column);
            else if (two_columns)
                with_block.template operator()<1, 2>(row, column);
            else
                with_block.template operator()<1, 1>(row, column);
        }
}

#endif

}  // namespace kernels
