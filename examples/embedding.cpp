// A trained net inside a program of its own: loaded once, used by several threads at the same time, its errors caught.
#include <exception>
#include <filesystem>
#include <iostream>
#include <thread>
#include <vector>

#include <ebb/framework/compute/basic.h>
#include <ebb/framework/io/safetensors.h>
#include <ebb/framework/parallel/parallel.h>
#include <ebb/framework/tensor/error.h>
#include <ebb/framework/tensor/memory.h>
#include <ebb/models/lenet.h>

using namespace ebb;

int main() try {
  const auto path = std::filesystem::temp_directory_path() / "ebb_embedding.safetensors";
  save_safetensors(path, LeNet(Rng(1)).state());

  // code: threads
  parallel::set_thread_count(1);  // the program's own threads are enough; otherwise as many as the process may use
  // code: end

  // code: load
  LeNet net(Rng(1));
  net.load_state(load_safetensors(path).tensors);
  net.eval();
  const Tensor image = Tensor::full({1, 28, 28, 1}, 0.5);
  const Tensor wanted = net(image).value();  // the first call, before the threads begin
  // code: end

  // code: concurrent
  std::vector<Tensor> answers(4);
  {
    std::vector<std::jthread> threads;
    for (Tensor& answer : answers) threads.emplace_back([&] { answer = net(image).value(); });
  }
  bool same = true;
  for (const Tensor& answer : answers)
    for (std::int64_t i = 0; i < 10; ++i) same = same && answer.at({0, i}) == wanted.at({0, i});
  std::cout << answers.size() << " threads, " << (same ? "the same bits" : "different bits") << '\n';
  // code: end

  // code: errors
  try {
    net(Tensor::zeros({1, 32, 32, 3}));
  } catch (const Error& error) {
    std::cout << "refused: " << error.what() << '\n';
  }
  // code: end

  // code: memory
  const memory::Stats before = memory::stats();
  memory::release_kept();  // what the pool keeps for the next call
  std::cout << (memory::stats().system_bytes <= before.system_bytes ? "given back" : "grown") << '\n';
  // code: end
  std::filesystem::remove(path);
  return same ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
