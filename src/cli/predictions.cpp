#include "cli/predictions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/canvas.hpp"
#include "cli/scores_file.hpp"

namespace obscura::cli {
namespace {

constexpr int columns = 8;
constexpr int max_rows = 5;
constexpr int picture_side = 128;
constexpr int frame = 4;
constexpr int gap = 14;
constexpr int text_zoom = 2;
constexpr int line_height = glyph_height * text_zoom + 6;
constexpr int title_zoom = 3;
constexpr int title_height = glyph_height * title_zoom + line_height + 3 * gap;
constexpr int cell_width = picture_side + 2 * frame;
constexpr int cell_height = cell_width + 2 * line_height + 4;

constexpr Colour background{24, 26, 31};
constexpr Colour pale{160, 166, 178};
constexpr Colour white{240, 242, 246};
constexpr Colour right{80, 200, 120};
constexpr Colour wrong{235, 87, 87};
constexpr Colour unknown{110, 150, 230};

/// As much of the text as fits under a picture.
std::string fitted(const std::string& text) {
    return text.substr(0, cell_width / (glyph_advance * text_zoom));
}

void draw_cell(Canvas& canvas, int x, int y, const plan::Plan& plan, const io::Images& images, int index,
               int decrypted) {
    const std::size_t size = static_cast<std::size_t>(images.height) * images.width * images.channels;
    const bool labelled = !images.labels.empty();
    const int label = labelled ? images.labels[static_cast<std::size_t>(index)] : -1;
    const Colour colour = !labelled ? unknown : label == decrypted ? right : wrong;
    const int zoom = std::max(1, picture_side / std::max(images.width, images.height));
    canvas.fill(x, y, cell_width, cell_width, colour);
    canvas.fill(x + frame, y + frame, picture_side, picture_side, background);
    canvas.image(x + frame, y + frame, images.pixels.data() + static_cast<std::size_t>(index) * size, images.width,
                 images.height, images.channels, zoom);
    const int text_y = y + cell_width + 6;
    if (labelled) canvas.text(x, text_y, fitted(class_name(plan, label)), text_zoom, pale);
    canvas.text(x, text_y + line_height, fitted(class_name(plan, decrypted)), text_zoom, colour);
}

}  // namespace

void write_predictions(const std::string& path, const plan::Plan& plan, const io::Images& images,
                       const runtime::Scores& scores) {
    const int shown = std::min({scores.images, images.count, columns * max_rows});
    const int rows = (shown + columns - 1) / columns;
    Canvas canvas(gap + columns * (cell_width + gap), title_height + rows * (cell_height + gap), background);
    canvas.text(gap, gap, fmt::format("{} images, classified encrypted", scores.images), title_zoom, white);
    canvas.text(gap, 2 * gap + glyph_height * title_zoom, "grey: true class   colour: decrypted class", text_zoom,
                pale);
    for (int i = 0; i < shown; ++i) {
        const int x = gap + i % columns * (cell_width + gap);
        const int y = title_height + i / columns * (cell_height + gap);
        draw_cell(canvas, x, y, plan, images, i, scores.best(i));
    }
    io::write_png(path, canvas.picture());
}

}  // namespace obscura::cli
