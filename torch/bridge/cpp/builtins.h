// Operators of the bridge's own, for what has no schema in the dispatcher: autograd, modes, generators, settings. They take their
// arguments from a stack, the last on top, and leave their results on it.
#pragma once
#include "values.h"

// autocast_mode.h would bring all of ATen.h in, so its setters are declared here.
namespace at {
namespace autocast {
#if TORCH_AT_LEAST(2, 4)
TORCH_API bool is_autocast_enabled(at::DeviceType);
TORCH_API void set_autocast_enabled(at::DeviceType, bool);
TORCH_API at::ScalarType get_autocast_dtype(at::DeviceType);
TORCH_API void set_autocast_dtype(at::DeviceType, at::ScalarType);
#else
TORCH_API bool is_enabled();
TORCH_API void set_enabled(bool);
TORCH_API bool is_cpu_enabled();
TORCH_API void set_cpu_enabled(bool);
TORCH_API at::ScalarType get_autocast_gpu_dtype();
TORCH_API at::ScalarType get_autocast_cpu_dtype();
TORCH_API void set_autocast_gpu_dtype(at::ScalarType);
TORCH_API void set_autocast_cpu_dtype(at::ScalarType);
#endif
TORCH_API void clear_cache();
TORCH_API int increment_nesting();
TORCH_API int decrement_nesting();
} // namespace autocast
} // namespace at

namespace {

// Warnings gives libtorch's warnings to Go, which asks for them, instead of to stderr.
class Warnings final : public c10::WarningHandler {
 public:
#if TORCH_AT_LEAST(2, 0)
  void process(const c10::Warning& w) override { add(w.msg()); }
#else
  void process(const c10::SourceLocation&, const std::string& msg, const bool) override { add(msg); }
#endif
  std::vector<std::string> drain() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> all(texts_.begin(), texts_.end());
    texts_.clear();
    return all;
  }

 private:
  void add(const std::string& msg) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (texts_.size() < 100) texts_.push_back(msg);
  }
  std::mutex mutex_;
  std::deque<std::string> texts_;
};

Warnings& warnings() {
  static Warnings* w = new Warnings; // never destroyed: libtorch may warn while the process ends
  return *w;
}

IValue pop(Stack& s) {
  TORCH_CHECK(!s.empty(), "too few arguments");
  IValue v = std::move(s.back());
  s.pop_back();
  return v;
}

// Arguments are popped in reverse order of the call.
std::vector<at::Tensor> popTensors(Stack& s) {
  IValue v = pop(s);
  std::vector<at::Tensor> out;
  if (v.isNone()) return out;
  for (const auto& i : v.toListRef()) out.push_back(i.isNone() ? at::Tensor() : i.toTensor());
  return out;
}

IValue tensorList(const std::vector<at::Tensor>& ts) {
  c10::impl::GenericList list(c10::TensorType::get());
  for (const auto& t : ts) list.push_back(t);
  return list;
}

IValue stringList(const std::vector<std::string>& ss) {
  c10::impl::GenericList list(c10::StringType::get());
  for (const auto& s : ss) list.push_back(IValue(s));
  return list;
}

at::DeviceType deviceType(const IValue& v) { return c10::Device(v.toStringRef()).type(); }

// (tensors, grads, retain, create, inputs) -> ()
void backward(Stack& s) {
  auto inputs = popTensors(s);
  const bool create = pop(s).toBool(), retain = pop(s).toBool();
  auto grads = popTensors(s), tensors = popTensors(s);
  torch::autograd::backward(tensors, grads, retain, create, inputs);
}

// (outputs, inputs, grad_outputs, retain, create, allow_unused) -> (grads)
void grad(Stack& s) {
  const bool unused = pop(s).toBool(), create = pop(s).toBool(), retain = pop(s).toBool();
  auto gradOutputs = popTensors(s), inputs = popTensors(s), outputs = popTensors(s);
  s.push_back(tensorList(torch::autograd::grad(outputs, inputs, gradOutputs, retain, create, unused)));
}

void getGrad(Stack& s) {
  at::Tensor g = pop(s).toTensor().grad();
  s.push_back(g.defined() ? IValue(g) : IValue());
}

void setGrad(Stack& s) {
  IValue g = pop(s);
  pop(s).toTensor().mutable_grad() = g.isNone() ? at::Tensor() : g.toTensor();
}

void setRequiresGrad(Stack& s) {
  const bool on = pop(s).toBool();
  pop(s).toTensor().set_requires_grad(on);
}

// (tensor) -> (): what flows back through the tensor loses its negative part.
void clampGrad(Stack& s) {
  pop(s).toTensor().register_hook([](const at::Tensor& g) { return g.clamp_min(0); });
}

// (on) -> (was)
void gradMode(Stack& s) {
  const bool was = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(pop(s).toBool());
  s.push_back(was);
}

// () -> (guard); (guard) -> (). Guards nest strictly: Go leaves them in reverse order.
void inferenceEnter(Stack& s) { s.push_back(reinterpret_cast<int64_t>(new c10::InferenceMode(true))); }
void inferenceExit(Stack& s) { delete reinterpret_cast<c10::InferenceMode*>(pop(s).toInt()); }

struct AutocastState {
  bool on;
  at::ScalarType dtype;
};

AutocastState autocastState(at::DeviceType d) {
#if TORCH_AT_LEAST(2, 4)
  return {at::autocast::is_autocast_enabled(d), at::autocast::get_autocast_dtype(d)};
#else
  if (d == at::DeviceType::CPU) return {at::autocast::is_cpu_enabled(), at::autocast::get_autocast_cpu_dtype()};
  return {at::autocast::is_enabled(), at::autocast::get_autocast_gpu_dtype()};
#endif
}

void setAutocast(at::DeviceType d, AutocastState state) {
#if TORCH_AT_LEAST(2, 4)
  at::autocast::set_autocast_dtype(d, state.dtype);
  at::autocast::set_autocast_enabled(d, state.on);
#else
  if (d == at::DeviceType::CPU) {
    at::autocast::set_autocast_cpu_dtype(state.dtype);
    at::autocast::set_cpu_enabled(state.on);
  } else {
    at::autocast::set_autocast_gpu_dtype(state.dtype);
    at::autocast::set_enabled(state.on);
  }
#endif
}

// (device, on, dtype) -> (was on, was dtype): enters a region
void autocastEnter(Stack& s) {
  const auto dtype = static_cast<at::ScalarType>(pop(s).toInt());
  const bool on = pop(s).toBool();
  const auto d = deviceType(pop(s));
  const AutocastState was = autocastState(d);
  setAutocast(d, {on, dtype});
  at::autocast::increment_nesting();
  s.push_back(was.on);
  s.push_back(static_cast<int64_t>(was.dtype));
}

// (device, on, dtype) -> (): leaves a region; the casts of the weights are dropped with the outermost
void autocastExit(Stack& s) {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  const auto dtype = static_cast<at::ScalarType>(pop(s).toInt());
  const bool on = pop(s).toBool();
  setAutocast(deviceType(pop(s)), {on, dtype});
}

void manualSeed(Stack& s) { at::manual_seed(static_cast<uint64_t>(pop(s).toInt())); }

at::Generator defaultGenerator(const IValue& device) {
  return at::globalContext().defaultGenerator(c10::Device(device.toStringRef()));
}

// (device) -> (state)
void rngState(Stack& s) {
  auto g = defaultGenerator(pop(s));
  std::lock_guard<std::mutex> lock(g.mutex());
  s.push_back(g.get_state());
}

// (device, state) -> ()
void setRNGState(Stack& s) {
  const at::Tensor state = pop(s).toTensor();
  auto g = defaultGenerator(pop(s));
  std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(state);
}

// (device, seed) -> (generator)
void newGenerator(Stack& s) {
  const auto seed = static_cast<uint64_t>(pop(s).toInt());
  at::Generator g = defaultGenerator(pop(s)).clone();
  g.set_current_seed(seed);
  s.push_back(g);
}

void generatorState(Stack& s) {
  auto g = pop(s).toGenerator();
  std::lock_guard<std::mutex> lock(g.mutex());
  s.push_back(g.get_state());
}

void setGeneratorState(Stack& s) {
  const at::Tensor state = pop(s).toTensor();
  auto g = pop(s).toGenerator();
  std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(state);
}

void setThreads(Stack& s) { at::set_num_threads(static_cast<int>(pop(s).toInt())); }
void getThreads(Stack& s) { s.push_back(static_cast<int64_t>(at::get_num_threads())); }

// (name, on) -> ()
void setFlag(Stack& s) {
  const bool on = pop(s).toBool();
  const std::string name = pop(s).toStringRef();
  auto& c = at::globalContext();
  if (name == "cudnn") c.setUserEnabledCuDNN(on);
  else if (name == "cudnn_benchmark") c.setBenchmarkCuDNN(on);
  else if (name == "cudnn_deterministic") c.setDeterministicCuDNN(on);
  else if (name == "deterministic") c.setDeterministicAlgorithms(on, false);
  else if (name == "mkldnn") c.setUserEnabledMkldnn(on);
  else if (name == "tf32") { c.setAllowTF32CuDNN(on); c.setAllowTF32CuBLAS(on); }
  else if (name == "flush_denormal") { TORCH_CHECK(c.setFlushDenormal(on), "this processor cannot flush denormals"); }
  else { TORCH_CHECK(false, "unknown flag ", name); }
}

// () -> (version, configuration, parallel information, has mkldnn, mkl, lapack, openmp, cuda, number of CUDA devices)
void info(Stack& s) {
  s.emplace_back(std::string(TORCH_VERSION));
  s.emplace_back(at::show_config());
  s.emplace_back(at::get_parallel_info());
  s.emplace_back(at::hasMKLDNN());
  s.emplace_back(at::hasMKL());
  s.emplace_back(at::hasLAPACK());
  s.emplace_back(at::hasOpenMP());
  s.emplace_back(at::hasCUDA());
  s.emplace_back(static_cast<int64_t>(at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0));
}

std::string describe(const c10::FunctionSchema& schema) {
  std::ostringstream text;
  text << schema;
  return text.str();
}

// () -> (schemas)
void operators(Stack& s) {
  auto& d = c10::Dispatcher::singleton();
  std::vector<std::string> all;
  for (const auto& name : d.getAllOpNames())
    if (auto op = d.findSchema(name)) all.push_back(describe(op->schema()));
  s.push_back(stringList(all));
}

// (name, overload) -> (schema)
void schema(Stack& s) {
  const std::string overload = pop(s).toStringRef(), name = pop(s).toStringRef();
  s.emplace_back(describe(c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), overload.c_str()).schema()));
}

void drainWarnings(Stack& s) { s.push_back(stringList(warnings().drain())); }

} // namespace
