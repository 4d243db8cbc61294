#include "cli/canvas.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace obscura::cli {
namespace {

struct Glyph {
    char letter;
    std::string_view rows;  ///< seven rows of five, separated by blanks
};

constexpr std::array<Glyph, 46> font{{
    {'A', ".###. #...# #...# ##### #...# #...# #...#"}, {'B', "####. #...# #...# ####. #...# #...# ####."},
    {'C', ".###. #...# #.... #.... #.... #...# .###."}, {'D', "####. #...# #...# #...# #...# #...# ####."},
    {'E', "##### #.... #.... ####. #.... #.... #####"}, {'F', "##### #.... #.... ####. #.... #.... #...."},
    {'G', ".###. #...# #.... #.### #...# #...# .###."}, {'H', "#...# #...# #...# ##### #...# #...# #...#"},
    {'I', ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###."}, {'J', "..### ...#. ...#. ...#. ...#. #..#. .##.."},
    {'K', "#...# #..#. #.#.. ##... #.#.. #..#. #...#"}, {'L', "#.... #.... #.... #.... #.... #.... #####"},
    {'M', "#...# ##.## #.#.# #.#.# #...# #...# #...#"}, {'N', "#...# ##..# ##..# #.#.# #..## #..## #...#"},
    {'O', ".###. #...# #...# #...# #...# #...# .###."}, {'P', "####. #...# #...# ####. #.... #.... #...."},
    {'Q', ".###. #...# #...# #...# #.#.# #..#. .##.#"}, {'R', "####. #...# #...# ####. #.#.. #..#. #...#"},
    {'S', ".#### #.... #.... .###. ....# ....# ####."}, {'T', "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#.."},
    {'U', "#...# #...# #...# #...# #...# #...# .###."}, {'V', "#...# #...# #...# #...# #...# .#.#. ..#.."},
    {'W', "#...# #...# #...# #.#.# #.#.# ##.## #...#"}, {'X', "#...# #...# .#.#. ..#.. .#.#. #...# #...#"},
    {'Y', "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#.."}, {'Z', "##### ....# ...#. ..#.. .#... #.... #####"},
    {'0', ".###. #...# #..## #.#.# ##..# #...# .###."}, {'1', "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###."},
    {'2', ".###. #...# ....# ...#. ..#.. .#... #####"}, {'3', ".###. #...# ....# ..##. ....# #...# .###."},
    {'4', "...#. ..##. .#.#. #..#. ##### ...#. ...#."}, {'5', "##### #.... ####. ....# ....# #...# .###."},
    {'6', ".###. #.... #.... ####. #...# #...# .###."}, {'7', "##### ....# ...#. ..#.. ..#.. .#... .#..."},
    {'8', ".###. #...# #...# .###. #...# #...# .###."}, {'9', ".###. #...# #...# .#### ....# ....# .###."},
    {'.', "..... ..... ..... ..... ..... .##.. .##.."}, {',', "..... ..... ..... ..... .##.. ..#.. .#..."},
    {':', "..... .##.. .##.. ..... .##.. .##.. ....."}, {'-', "..... ..... ..... ##### ..... ..... ....."},
    {'+', "..... ..#.. ..#.. ##### ..#.. ..#.. ....."}, {'/', "....# ....# ...#. ..#.. .#... #.... #...."},
    {'%', "##..# ##..# ...#. ..#.. .#... #..## #..##"}, {'_', "..... ..... ..... ..... ..... ..... #####"},
    {'(', "...#. ..#.. .#... .#... .#... ..#.. ...#."}, {')', ".#... ..#.. ...#. ...#. ...#. ..#.. .#..."},
}};

const Glyph* find_glyph(char letter) {
    const char wanted = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    const auto found =
        std::find_if(font.begin(), font.end(), [&](const Glyph& glyph) { return glyph.letter == wanted; });
    return found == font.end() ? nullptr : &*found;
}

}  // namespace

Canvas::Canvas(int width, int height, Colour background) : picture_{width, height, 3, {}} {
    picture_.pixels.resize(static_cast<std::size_t>(width) * height * 3);
    fill(0, 0, width, height, background);
}

void Canvas::fill(int x, int y, int width, int height, Colour colour) {
    for (int row = std::max(0, y); row < std::min(y + height, picture_.height); ++row) {
        for (int column = std::max(0, x); column < std::min(x + width, picture_.width); ++column) {
            std::uint8_t* pixel = &picture_.pixels[(static_cast<std::size_t>(row) * picture_.width + column) * 3];
            pixel[0] = colour.red;
            pixel[1] = colour.green;
            pixel[2] = colour.blue;
        }
    }
}

void Canvas::image(int x, int y, const std::uint8_t* pixels, int width, int height, int channels, int zoom) {
    for (int row = 0; row < height; ++row) {
        for (int column = 0; column < width; ++column, pixels += channels) {
            const bool colour = channels == 3;
            fill(x + column * zoom, y + row * zoom, zoom, zoom,
                 {pixels[0], pixels[colour ? 1 : 0], pixels[colour ? 2 : 0]});
        }
    }
}

void Canvas::text(int x, int y, const std::string& text, int zoom, Colour colour) {
    for (const char letter : text) {
        if (const Glyph* glyph = find_glyph(letter)) {
            for (int row = 0; row < glyph_height; ++row) {
                for (int column = 0; column < glyph_width; ++column) {
                    if (glyph->rows[static_cast<std::size_t>(row * (glyph_width + 1) + column)] != '#') continue;
                    fill(x + column * zoom, y + row * zoom, zoom, zoom, colour);
                }
            }
        }
        x += glyph_advance * zoom;
    }
}

}  // namespace obscura::cli
