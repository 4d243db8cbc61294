#include "tensor/machine_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "io/whole_file.hpp"

namespace obscura::tensor {
namespace {

constexpr std::uint64_t most_bytes = 1 << 16;
constexpr int most_threads = 1024;

struct Field {
    const char* name;
    double MachineRates::*value;
};
constexpr Field fields[] = {{"transform_seconds", &MachineRates::transform_seconds},
                            {"square_seconds", &MachineRates::square_seconds},
                            {"product_rate", &MachineRates::product_rate},
                            {"key_product_rate", &MachineRates::key_product_rate},
                            {"pack_rate", &MachineRates::pack_rate}};

}  // namespace

void save_rates(const MachineRates& rates, const std::string& path) {
    nlohmann::ordered_json value;
    for (const Field& field : fields) value[field.name] = rates.*field.value;
    value["threads"] = rates.threads;
    io::write_whole_file(path, value.dump(2) + "\n");
}

MachineRates load_rates(const std::string& path) {
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::format,
                    fmt::format("{}: {}; make the file with obscura bench kernels --calibrate", path, what));
    };
    const std::vector<std::uint8_t> bytes = io::read_whole_file(path, most_bytes);
    MachineRates rates;
    try {
        const auto value = nlohmann::json::parse(bytes);
        for (const Field& field : fields) {
            const double rate = value.at(field.name).get<double>();
            if (!(rate > 0) || !std::isfinite(rate)) fail(fmt::format("{} is {}", field.name, rate));
            rates.*field.value = rate;
        }
        const auto threads = value.at("threads").get<double>();
        if (!(threads >= 1 && threads <= most_threads) || threads != std::floor(threads))
            fail(fmt::format("{} threads, must be 1..{}", threads, most_threads));
        rates.threads = static_cast<int>(threads);
    } catch (const nlohmann::json::exception& error) {
        fail(fmt::format("no rates of a machine: {}", error.what()));
    }
    return rates;
}

}  // namespace obscura::tensor
