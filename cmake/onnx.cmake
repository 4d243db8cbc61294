# The ONNX file format: C++ classes generated from the schema that the libonnx-dev package installs.
find_program(PROTOC protoc REQUIRED)
find_path(ONNX_PROTO_DIR onnx/onnx.proto REQUIRED)
set(onnx_generated ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${onnx_generated})
add_custom_command(
  OUTPUT ${onnx_generated}/onnx/onnx.pb.cc ${onnx_generated}/onnx/onnx.pb.h
  COMMAND ${PROTOC} --proto_path=${ONNX_PROTO_DIR} --cpp_out=${onnx_generated} onnx/onnx.proto
  DEPENDS ${ONNX_PROTO_DIR}/onnx/onnx.proto
  COMMENT "Generating the ONNX reader")
add_library(obscura_onnx STATIC ${onnx_generated}/onnx/onnx.pb.cc ${onnx_generated}/onnx/onnx.pb.h)
target_compile_options(obscura_onnx PRIVATE -w)
target_include_directories(obscura_onnx SYSTEM PUBLIC ${onnx_generated})
target_link_libraries(obscura_onnx PUBLIC PkgConfig::PROTOBUF)
target_link_libraries(obscura_compiler PRIVATE obscura_onnx)
