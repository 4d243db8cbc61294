#include "tensor/machine_file.hpp"

#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "io/whole_file.hpp"

namespace obscura::tensor {
namespace {

using obscura::testing::expect_error;

TEST(MachineFile, KeepsTheRates) {
    const testing::Scratch folder;
    const MachineRates rates{1.0 / 3e4, 1.0 / 7e3, 1e11 / 3, 1e9 / 7, 1e9 / 11, 5};
    save_rates(rates, folder / "m.json");
    const MachineRates found = load_rates(folder / "m.json");
    EXPECT_EQ(found.transform_seconds, rates.transform_seconds);
    EXPECT_EQ(found.square_seconds, rates.square_seconds);
    EXPECT_EQ(found.product_rate, rates.product_rate);
    EXPECT_EQ(found.key_product_rate, rates.key_product_rate);
    EXPECT_EQ(found.pack_rate, rates.pack_rate);
    EXPECT_EQ(found.threads, 5);
}

TEST(MachineFile, RefusesWhatIsNoMachine) {
    const testing::Scratch folder;
    const std::string path = folder / "m.json";
    expect_error(ErrorCode::io, "m.json", [&] { load_rates(path); });
    const auto refused = [&](const std::string& text, const std::string& what) {
        io::write_whole_file(path, text);
        expect_error(ErrorCode::format, what, [&] { load_rates(path); });
    };
    refused("", "no rates of a machine");
    refused("[]", "no rates of a machine");
    refused("{\"transform_seconds\": \"fast\"}", "no rates of a machine");
    save_rates({}, path);
    const auto bytes = io::read_whole_file(path, 1000);
    const std::string good(bytes.begin(), bytes.end());
    const auto with = [&](const std::string& field, const std::string& value) {
        const std::size_t at = good.find(':', good.find(field)) + 1;
        return good.substr(0, at) + value + good.substr(good.find_first_of(",\n", at));
    };
    for (const char* field : {"transform_seconds", "square_seconds", "product_rate", "key_product_rate", "pack_rate"}) {
        refused(with(field, "0"), field);
        refused(with(field, "-1"), field);
        refused(with(field, "1e999"), "");
        refused(with(field, "null"), "no rates of a machine");
    }
    for (const char* threads : {"0", "1025", "1.5", "-2"}) refused(with("threads", threads), "threads");
    refused(std::string(1 << 17, ' '), "");
}

}  // namespace
}  // namespace obscura::tensor
