// What crosses the border between Go and libtorch: a stream of 64-bit words, each value a tag and its payload. torch/wire.go is the
// other end. Tensors cross as an owned TensorImpl pointer, other objects as an owned IValue pointer; Context::live counts both.
#pragma once
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

#ifdef CINELOOP_DIST // before our own names: these bring all of ATen.h
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
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

// A tensor's own type carries its shape, which no container's declared type does.
c10::TypePtr elementType(const IValue& v) { return v.isTensor() ? c10::TypePtr(c10::TensorType::get()) : v.type(); }

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
        c10::TypePtr valueType = of ? type->containedType(1) : entries.empty() ? c10::TypePtr(c10::AnyType::get()) : elementType(entries[0].second);
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
    if (tag == kList && !typed && n > 0) own = elementType(items[0]);
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

} // namespace
