// The bridge between Go and libtorch: a flat C interface of nine functions over the dispatcher.
//
// One file for libtorch 1.13 and every 2.x. It uses only parts that did not move between them; the three that did (autocast's
// setters, the warning handler, memory statistics) are guarded by version below and nowhere else. Header cost decides compile
// time, so the dispatcher, tensor, autograd and TorchScript headers are included and no umbrella header is.
//
// Values cross as a stream of 64-bit words, each value a tag and its payload; torch/wire.go is the other end. Tensors cross as an
// owned TensorImpl pointer, other objects as an owned IValue pointer; Context::live counts both. No exception leaves this file.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#ifdef CINELOOP_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#define TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))
#define EXPORT extern "C" __attribute__((visibility("default")))

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

using c10::IValue;
using c10::TypeKind;
using Stack = std::vector<IValue>;
using Words = std::vector<int64_t>;

// Tag values are shared with torch/wire.go.
enum Tag : int64_t {
  kNone = 0, kTensor, kInt, kDouble, kBool, kString, kInts, kDoubles, kBools, kTensors,
  kList, kTuple, kDict, kDevice, kObject, kDefault, kComplex,
};

enum Status : int64_t { kOK = 0, kError = 1, kOutOfMemory = 2 };

struct Context {
  Words out;        // the last call's results, or its error text
  std::string text; // scratch for error text
  Stack stack;
  int64_t live = 0; // handles that Go owns
};

using Builtin = void (*)(Stack&);

struct Op {
  std::unique_ptr<c10::OperatorHandle> handle; // null for a builtin
  Builtin builtin = nullptr;
};

// ---- values in ----------------------------------------------------------------------------------------------------------------

at::Tensor tensorOf(int64_t handle) {
  if (handle == 0) return at::Tensor();
  auto* impl = reinterpret_cast<c10::TensorImpl*>(handle);
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(impl));
}

double asDouble(int64_t word) {
  double d;
  std::memcpy(&d, &word, sizeof d);
  return d;
}

int64_t asWord(double d) {
  int64_t word;
  std::memcpy(&word, &d, sizeof word);
  return word;
}

struct Reader {
  const int64_t* p;

  IValue value(const c10::Type* type) {
    while (type && type->kind() == TypeKind::OptionalType) {
      if (*p == kNone) { ++p; return IValue(); }
      type = type->containedType(0).get();
    }
    const TypeKind kind = type ? type->kind() : TypeKind::AnyType;
    switch (*p++) {
      case kNone:
        return kind == TypeKind::TensorType ? IValue(at::Tensor()) : IValue();
      case kTensor:
        return IValue(tensorOf(*p++));
      case kInt: {
        const int64_t v = *p++;
        if (kind == TypeKind::FloatType) return IValue(static_cast<double>(v));
        if (kind == TypeKind::BoolType) return IValue(v != 0);
        return IValue(v);
      }
      case kDouble:
        return IValue(asDouble(*p++));
      case kBool:
        return IValue(*p++ != 0);
      case kComplex: {
        const double re = asDouble(p[0]), im = asDouble(p[1]);
        p += 2;
        return IValue(c10::complex<double>(re, im));
      }
      case kString: {
        std::string s = string();
        if (kind == TypeKind::DeviceObjType) return IValue(c10::Device(s));
        return IValue(std::move(s));
      }
      case kDevice:
        return IValue(c10::Device(string()));
      case kInts:
        return list(type, kInt, c10::IntType::get());
      case kDoubles:
        return list(type, kDouble, c10::FloatType::get());
      case kBools:
        return list(type, kBool, c10::BoolType::get());
      case kTensors:
        return list(type, kTensor, c10::TensorType::get());
      case kList:
        return list(type, kList, c10::AnyType::get());
      case kTuple: {
        const int64_t n = *p++;
        std::vector<IValue> elements;
        elements.reserve(n);
        for (int64_t i = 0; i < n; ++i) elements.push_back(value(nullptr));
        return c10::ivalue::Tuple::create(std::move(elements));
      }
      case kDict: {
        const int64_t n = *p++;
        const c10::Type* of = kind == TypeKind::DictType ? type->containedType(1).get() : nullptr;
        std::vector<std::pair<IValue, IValue>> entries;
        for (int64_t i = 0; i < n; ++i) {
          IValue key = value(nullptr);
          IValue item = value(of);
          entries.emplace_back(std::move(key), std::move(item));
        }
        c10::TypePtr valueType = of ? type->containedType(1) : entries.empty() ? c10::TypePtr(c10::AnyType::get()) : entries[0].second.type();
        c10::impl::GenericDict dict(c10::StringType::get(), valueType);
        for (auto& e : entries) dict.insert(e.first, e.second);
        return dict;
      }
      case kObject:
        return *reinterpret_cast<IValue*>(*p++);
      default:
        TORCH_CHECK(false, "bridge: unknown value tag ", p[-1]);
    }
  }

  // list reads n elements. The schema's element type wins over what the elements say; a list without schema takes its element
  // type from the elements.
  IValue list(const c10::Type* type, int64_t tag, c10::TypePtr own) {
    const int64_t n = *p++;
    const bool typed = type && type->kind() == TypeKind::ListType;
    const c10::TypePtr element = typed ? type->containedType(0) : nullptr;
    std::vector<IValue> items;
    items.reserve(n);
    for (int64_t i = 0; i < n; ++i) {
      if (tag == kList) {
        items.push_back(value(element.get()));
        continue;
      }
      const int64_t one[2] = {tag, *p++};
      items.push_back(tag == kTensor && one[1] == 0 && element && element->kind() == TypeKind::OptionalType
                          ? IValue()
                          : Reader{one}.value(element.get()));
    }
    if (tag == kList && !typed && n > 0) own = items[0].type();
    c10::impl::GenericList out(typed ? element : own);
    out.reserve(n);
    for (auto& item : items) out.push_back(std::move(item));
    return out;
  }

  std::string string() {
    const int64_t n = *p++;
    std::string s(reinterpret_cast<const char*>(p), n);
    p += (n + 7) / 8;
    return s;
  }
};

// ---- values out ---------------------------------------------------------------------------------------------------------------

struct Writer {
  Context* ctx;
  std::vector<int64_t> tensors, objects; // handles given out so far, to take back if writing fails

  void tensor(const at::Tensor& t) {
    if (!t.defined()) {
      ctx->out.push_back(0);
      return;
    }
    at::Tensor copy = t;
    const auto h = reinterpret_cast<int64_t>(copy.unsafeReleaseTensorImpl());
    tensors.push_back(h);
    ctx->out.push_back(h);
    ++ctx->live;
  }

  void string(int64_t tag, const std::string& s) {
    auto& out = ctx->out;
    out.push_back(tag);
    out.push_back(static_cast<int64_t>(s.size()));
    const size_t at = out.size();
    out.resize(at + (s.size() + 7) / 8);
    if (!s.empty()) std::memcpy(&out[at], s.data(), s.size());
  }

  void value(const IValue& v) {
    auto& out = ctx->out;
    if (v.isNone()) {
      out.push_back(kNone);
    } else if (v.isTensor()) {
      const at::Tensor& t = v.toTensor();
      out.push_back(t.defined() ? kTensor : kNone);
      if (t.defined()) tensor(t);
    } else if (v.isInt()) {
      out.push_back(kInt);
      out.push_back(v.toInt());
    } else if (v.isDouble()) {
      out.push_back(kDouble);
      out.push_back(asWord(v.toDouble()));
    } else if (v.isBool()) {
      out.push_back(kBool);
      out.push_back(v.toBool());
    } else if (v.isComplexDouble()) {
      const auto c = v.toComplexDouble();
      out.push_back(kComplex);
      out.push_back(asWord(c.real()));
      out.push_back(asWord(c.imag()));
    } else if (v.isString()) {
      string(kString, v.toStringRef());
    } else if (v.isDevice()) {
      string(kDevice, v.toDevice().str());
    } else if (v.isIntList()) {
      flat(kInts, v, [](const IValue& i) { return i.toInt(); });
    } else if (v.isDoubleList()) {
      flat(kDoubles, v, [](const IValue& i) { return asWord(i.toDouble()); });
    } else if (v.isBoolList()) {
      flat(kBools, v, [](const IValue& i) { return static_cast<int64_t>(i.toBool()); });
    } else if (v.isTensorList()) {
      const auto items = v.toListRef();
      out.push_back(kTensors);
      out.push_back(static_cast<int64_t>(items.size()));
      for (const auto& i : items) tensor(i.toTensor());
    } else if (v.isList()) {
      sequence(kList, v.toListRef());
    } else if (v.isTuple()) {
      sequence(kTuple, v.toTupleRef().elements());
    } else if (v.isGenericDict()) {
      const auto dict = v.toGenericDict();
      out.push_back(kDict);
      out.push_back(static_cast<int64_t>(dict.size()));
      for (const auto& e : dict) {
        value(e.key());
        value(e.value());
      }
    } else {
      auto h = reinterpret_cast<int64_t>(new IValue(v));
      objects.push_back(h);
      out.push_back(kObject);
      out.push_back(h);
      ++ctx->live;
    }
  }

  template <class F>
  void flat(int64_t tag, const IValue& v, F word) {
    const auto items = v.toListRef();
    ctx->out.push_back(tag);
    ctx->out.push_back(static_cast<int64_t>(items.size()));
    for (const auto& i : items) ctx->out.push_back(word(i));
  }

  template <class L>
  void sequence(int64_t tag, const L& items) {
    ctx->out.push_back(tag);
    ctx->out.push_back(static_cast<int64_t>(items.size()));
    for (const auto& i : items) value(i);
  }

  void takeBack() {
    for (auto h : tensors) release(h);
    for (auto h : objects) delete reinterpret_cast<IValue*>(h);
    ctx->live -= static_cast<int64_t>(tensors.size() + objects.size());
  }

  static void release(int64_t h) {
    c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(reinterpret_cast<c10::TensorImpl*>(h));
  }
};

// ---- errors -------------------------------------------------------------------------------------------------------------------

int64_t failed(Context* ctx, int64_t status, const char* text, int64_t* out) {
  ctx->text = text;
  if (status == kError && (ctx->text.find("can't allocate memory") != std::string::npos ||
                           ctx->text.find("out of memory") != std::string::npos))
    status = kOutOfMemory;
  out[0] = reinterpret_cast<int64_t>(ctx->text.data());
  out[1] = static_cast<int64_t>(ctx->text.size());
  return status;
}

template <class F>
int64_t guarded(Context* ctx, int64_t* out, F body) {
  try {
    body();
    return kOK;
  } catch (const c10::Error& e) {
    return failed(ctx, kError, e.what_without_backtrace(), out);
  } catch (const std::bad_alloc&) {
    return failed(ctx, kOutOfMemory, "out of memory", out);
  } catch (const std::exception& e) {
    return failed(ctx, kError, e.what(), out);
  } catch (...) {
    return failed(ctx, kError, "an exception of unknown type", out);
  }
}

// ---- warnings -----------------------------------------------------------------------------------------------------------------

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

// ---- builtins: what has no schema in the dispatcher ------------------------------------------------------------------------------

IValue pop(Stack& s) {
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

// ---- TorchScript --------------------------------------------------------------------------------------------------------------

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

// ---- devices ------------------------------------------------------------------------------------------------------------------

c10::impl::VirtualGuardImpl guardOf(const c10::Device& d) {
  TORCH_CHECK(c10::impl::hasDeviceGuardImpl(d.type()), "this libtorch has no ", d.str(), " support");
  return c10::impl::VirtualGuardImpl(d.type());
}

void cudaSync(Stack& s) {
  const c10::Device d(pop(s).toStringRef());
  guardOf(d);
  at::detail::getCUDAHooks().deviceSynchronize(d.index() < 0 ? 0 : d.index());
}

// Streams cross as the three words of c10::Stream::pack3 would, kept portable: (device, id).
c10::Stream popStream(Stack& s) {
  const int64_t id = pop(s).toInt();
  const c10::Device d(pop(s).toStringRef());
  return c10::Stream(c10::Stream::UNSAFE, d, id);
}

// (device, high priority) -> (id)
void streamNew(Stack& s) {
  const bool high = pop(s).toBool();
  const c10::Device d(pop(s).toStringRef());
  s.emplace_back(static_cast<int64_t>(guardOf(d).getStreamFromGlobalPool(d, high).id()));
}

// (device, id) -> (id of the stream that was current)
void streamExchange(Stack& s) {
  const c10::Stream stream = popStream(s);
  s.emplace_back(static_cast<int64_t>(guardOf(stream.device()).exchangeStream(stream).id()));
}

void streamSync(Stack& s) {
  const c10::Stream stream = popStream(s);
  guardOf(stream.device()).synchronizeStream(stream);
}

#ifdef CINELOOP_CUDA
void graphNew(Stack& s) { s.emplace_back(reinterpret_cast<int64_t>(new at::cuda::CUDAGraph())); }
at::cuda::CUDAGraph* popGraph(Stack& s) { return reinterpret_cast<at::cuda::CUDAGraph*>(pop(s).toInt()); }
void graphBegin(Stack& s) { popGraph(s)->capture_begin(); }
void graphEnd(Stack& s) { popGraph(s)->capture_end(); }
void graphReplay(Stack& s) { popGraph(s)->replay(); }
void graphFree(Stack& s) { delete popGraph(s); }

// (device) -> (allocated, peak allocated, reserved) bytes
void cudaMemory(Stack& s) {
  const c10::Device d(pop(s).toStringRef());
#if TORCH_AT_LEAST(2, 9)
  const auto stats = c10::cuda::CUDACachingAllocator::get()->getDeviceStats(d.index() < 0 ? 0 : d.index());
#else
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(d.index() < 0 ? 0 : d.index());
#endif
  s.emplace_back(static_cast<int64_t>(stats.allocated_bytes[0].current));
  s.emplace_back(static_cast<int64_t>(stats.allocated_bytes[0].peak));
  s.emplace_back(static_cast<int64_t>(stats.reserved_bytes[0].current));
}
#else
void refuseCUDA(Stack&) {
  TORCH_CHECK(false, "the bridge was compiled without CUDA: it needs a libtorch with CUDA and cuda_runtime_api.h");
}
#endif

const std::map<std::string, Builtin>& builtins() {
  static const std::map<std::string, Builtin> table = {
      {"backward", backward}, {"grad", grad}, {"get_grad", getGrad}, {"set_grad", setGrad},
      {"set_requires_grad", setRequiresGrad}, {"grad_mode", gradMode}, {"inference_enter", inferenceEnter},
      {"inference_exit", inferenceExit}, {"autocast_enter", autocastEnter}, {"autocast_exit", autocastExit},
      {"manual_seed", manualSeed}, {"rng_state", rngState}, {"set_rng_state", setRNGState}, {"generator", newGenerator},
      {"generator_state", generatorState}, {"set_generator_state", setGeneratorState}, {"set_threads", setThreads},
      {"threads", getThreads}, {"flag", setFlag}, {"info", info}, {"operators", operators}, {"schema", schema},
      {"warnings", drainWarnings}, {"jit_load", jitLoad}, {"jit_call", jitCall}, {"jit_state", jitState},
      {"jit_train", jitTrain}, {"jit_freeze", jitFreeze}, {"jit_optimize", jitOptimize}, {"cuda_sync", cudaSync},
      {"stream", streamNew}, {"stream_exchange", streamExchange}, {"stream_sync", streamSync},
#ifdef CINELOOP_CUDA
      {"graph", graphNew}, {"graph_begin", graphBegin}, {"graph_end", graphEnd}, {"graph_replay", graphReplay},
      {"graph_free", graphFree}, {"cuda_memory", cudaMemory},
#else
      {"graph", refuseCUDA}, {"graph_begin", refuseCUDA}, {"graph_end", refuseCUDA}, {"graph_replay", refuseCUDA},
      {"graph_free", refuseCUDA}, {"cuda_memory", refuseCUDA},
#endif
  };
  return table;
}

bool fits(const IValue& v, const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::OptionalType: return v.isNone() || fits(v, *type.containedType(0));
    case TypeKind::TensorType: return v.isTensor();
    case TypeKind::IntType: return v.isInt();
    case TypeKind::FloatType: return v.isDouble();
    case TypeKind::BoolType: return v.isBool();
    case TypeKind::NumberType: return v.isScalar();
    case TypeKind::StringType: return v.isString();
    case TypeKind::DeviceObjType: return v.isDevice();
    case TypeKind::GeneratorType: return v.isGenerator();
    case TypeKind::ListType: {
      if (!v.isList()) return false;
      const c10::TypePtr element = type.containedType(0);
      for (const auto& i : v.toListRef())
        if (!fits(i, *element)) return false;
      return true;
    }
    default: return true;
  }
}

void callOperator(const c10::OperatorHandle& handle, Reader& in, int64_t n, Stack& stack) {
  const auto& arguments = handle.schema().arguments();
  TORCH_CHECK(n <= static_cast<int64_t>(arguments.size()), "too many arguments: got ", n, " for ", describe(handle.schema()));
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    const bool given = static_cast<int64_t>(i) < n && *in.p != kDefault;
    if (given) {
      stack.push_back(in.value(a.type().get()));
      continue;
    }
    if (static_cast<int64_t>(i) < n) ++in.p;
    TORCH_CHECK(a.default_value().has_value(), "argument ", a.name(), " is missing for ", describe(handle.schema()));
    stack.push_back(*a.default_value());
  }
  // The boxed call trusts its stack, so a value of the wrong kind is refused here by name.
  for (size_t i = 0; i < arguments.size(); ++i)
    TORCH_CHECK(fits(stack[i], *arguments[i].type()), "argument ", arguments[i].name(), " is a ", stack[i].tagKind(), ", want ",
                arguments[i].type()->str(), " in ", describe(handle.schema()));
  handle.callBoxed(&stack);
}

} // namespace

// ---- the interface ------------------------------------------------------------------------------------------------------------

EXPORT int64_t cineloop_abi() { return 1; }

EXPORT void* cineloop_new() {
#if TORCH_AT_LEAST(2, 0)
  c10::WarningUtils::set_warning_handler(&warnings());
#else
  c10::Warning::set_warning_handler(&warnings());
#endif
  return new (std::nothrow) Context;
}

EXPORT void cineloop_delete(void* context) { delete static_cast<Context*>(context); }

EXPORT int64_t cineloop_live(void* context) { return static_cast<Context*>(context)->live; }

// Finds an operator once for the life of the process. On success out[0] is its handle.
EXPORT int64_t cineloop_op(void* context, const char* name, const char* overload, int64_t* out) {
  return guarded(static_cast<Context*>(context), out, [&] {
    auto op = std::make_unique<Op>();
    static const std::string prefix = "cineloop::";
    if (std::string(name).compare(0, prefix.size(), prefix) == 0) {
      const auto found = builtins().find(name + prefix.size());
      TORCH_CHECK(found != builtins().end(), "no builtin ", name);
      op->builtin = found->second;
    } else {
      auto found = c10::Dispatcher::singleton().findSchema({name, overload});
      TORCH_CHECK(found.has_value(), "libtorch ", TORCH_VERSION, " has no operator ", name, *overload ? "." : "", overload);
      op->handle = std::make_unique<c10::OperatorHandle>(*found);
    }
    out[0] = reinterpret_cast<int64_t>(op.release());
  });
}

// Calls an operator with n values read from words. On success out is the address and length of the results, valid until the next
// call on this context; else of the error's text.
EXPORT int64_t cineloop_call(void* context, const void* op, const int64_t* words, int64_t n, int64_t* out) {
  auto* ctx = static_cast<Context*>(context);
  const auto& target = *static_cast<const Op*>(op);
  Writer writer{ctx, {}, {}};
  const int64_t status = guarded(ctx, out, [&] {
    ctx->stack.clear();
    ctx->out.clear();
    Reader in{words};
    if (target.handle) {
      callOperator(*target.handle, in, n, ctx->stack);
    } else {
      for (int64_t i = 0; i < n; ++i) ctx->stack.push_back(in.value(nullptr));
      target.builtin(ctx->stack);
    }
    ctx->out.push_back(static_cast<int64_t>(ctx->stack.size()));
    for (const auto& v : ctx->stack) writer.value(v);
    out[0] = reinterpret_cast<int64_t>(ctx->out.data());
    out[1] = static_cast<int64_t>(ctx->out.size());
  });
  if (status != kOK) writer.takeBack();
  ctx->stack.clear();
  return status;
}

// Fills out with dtype, device type, device index, layout, elements, address, element size, and flags (1 requires grad, 2 leaf,
// 4 contiguous, 8 channels-last 2d, 16 channels-last 3d), then the number of dimensions, shape and strides.
EXPORT int64_t cineloop_meta(void* context, int64_t handle, int64_t* out, int64_t capacity) {
  int64_t message[2];
  const int64_t status = guarded(static_cast<Context*>(context), message, [&] {
    const at::Tensor t = tensorOf(handle);
    const int64_t dims = t.dim();
    TORCH_CHECK(9 + 2 * dims <= capacity, "tensors of ", dims, " dimensions are not supported");
    const bool strided = t.layout() == c10::kStrided;
    out[0] = static_cast<int64_t>(t.scalar_type());
    out[1] = static_cast<int64_t>(t.device().type());
    out[2] = t.device().index();
    out[3] = static_cast<int64_t>(t.layout());
    out[4] = t.numel();
    out[5] = strided && t.has_storage() ? reinterpret_cast<int64_t>(t.data_ptr()) : 0;
    out[6] = static_cast<int64_t>(t.element_size());
    out[7] = (t.requires_grad() ? 1 : 0) | (t.is_leaf() ? 2 : 0);
    if (strided) {
      out[7] |= t.is_contiguous() ? 4 : 0;
      out[7] |= dims == 4 && t.is_contiguous(at::MemoryFormat::ChannelsLast) ? 8 : 0;
      out[7] |= dims == 5 && t.is_contiguous(at::MemoryFormat::ChannelsLast3d) ? 16 : 0;
    }
    out[8] = dims;
    for (int64_t i = 0; i < dims; ++i) {
      out[9 + i] = t.size(i);
      out[9 + dims + i] = strided ? t.stride(i) : 0;
    }
  });
  if (status != kOK) {
    out[0] = message[0];
    out[1] = message[1];
  }
  return status;
}

EXPORT void cineloop_free(void* context, const int64_t* tensors, int64_t n) {
  for (int64_t i = 0; i < n; ++i) Writer::release(tensors[i]);
  static_cast<Context*>(context)->live -= n;
}

EXPORT void cineloop_free_object(void* context, int64_t object) {
  delete reinterpret_cast<IValue*>(object);
  --static_cast<Context*>(context)->live;
}
