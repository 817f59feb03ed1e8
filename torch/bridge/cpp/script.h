// Builtins for TorchScript: other people's models, with their code.
#pragma once
#include "builtins.h"

namespace {

torch::jit::Module popModule(Stack& s) { return torch::jit::Module(pop(s).toObject()); }

// (path, device or None) -> (module)
void jitLoad(Stack& s) {
  const IValue device = pop(s);
  const std::string path = pop(s).toStringRef();
  torch::jit::Module m = device.isNone() ? torch::jit::load(path) : torch::jit::load(path, c10::Device(device.toStringRef()));
  s.emplace_back(m._ivalue());
}

// (module, method, args tuple) -> (result)
void jitCall(Stack& s) {
  const IValue args = pop(s);
  const std::string method = pop(s).toStringRef();
  auto m = popModule(s);
  std::vector<IValue> in(args.toTupleRef().elements().begin(), args.toTupleRef().elements().end());
  s.push_back(m.get_method(method)(std::move(in)));
}

// (module) -> (names of parameters, parameters, names of buffers, buffers)
void jitState(Stack& s) {
  auto m = popModule(s);
  std::vector<std::string> names, bufferNames;
  std::vector<at::Tensor> parameters, buffers;
  for (const auto& p : m.named_parameters(true)) { names.push_back(p.name); parameters.push_back(p.value); }
  for (const auto& b : m.named_buffers(true)) { bufferNames.push_back(b.name); buffers.push_back(b.value); }
  s.push_back(stringList(names));
  s.push_back(tensorList(parameters));
  s.push_back(stringList(bufferNames));
  s.push_back(tensorList(buffers));
}

// (module, on) -> ()
void jitTrain(Stack& s) {
  const bool on = pop(s).toBool();
  popModule(s).train(on);
}

// (module) -> (module)
void jitFreeze(Stack& s) {
  auto m = popModule(s);
  s.emplace_back(torch::jit::freeze(m)._ivalue());
}

void jitOptimize(Stack& s) {
  auto m = popModule(s);
  s.emplace_back(torch::jit::optimize_for_inference(m)._ivalue());
}

} // namespace
