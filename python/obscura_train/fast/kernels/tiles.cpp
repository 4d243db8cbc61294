#include "tiles.hpp"

#ifdef OBSCURA_TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace kernels {

#ifdef OBSCURA_TILES

bool tiles_available() {
    constexpr int kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl's, of Linux 5.16
    static const bool available = __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("avx512bf16") &&
                                  syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
    return available;
}

TileScope::TileScope() {
    struct alignas(64) {
        uint8_t palette = 1, start_row = 0, reserved[14] = {};
        uint16_t row_bytes[16] = {};
        uint8_t rows[16] = {};
    } layout;
    for (int tile = 0; tile < 8; ++tile) layout.row_bytes[tile] = kTileBytes, layout.rows[tile] = kTile;
    settle_memory();
    _tile_loadconfig(&layout);
}

#else

bool tiles_available() {
    return false;
}

#endif

}  // namespace kernels
