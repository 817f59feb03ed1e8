// The bridge between Go and libtorch: a flat C interface of nine functions over the dispatcher, in one translation unit.
//
// It compiles unchanged against libtorch 1.13 and 2.x, because it uses only parts that did not move between them; the two that did
// (autocast's setters, the warning handler) are guarded by TORCH_AT_LEAST and nothing else is. Header cost decides compile time, so
// the dispatcher, tensor, autograd and TorchScript headers are included and no umbrella header is.
//
// No exception leaves it: each function returns a status and, where that is not zero, the error's text.
#include "devices.h"
#include "mlp.h"
#include "script.h"
#include "dist.h"
#include "values.h"

namespace {

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

const std::map<std::string, Builtin>& builtins() {
  static const std::map<std::string, Builtin> table = {
      {"backward", backward}, {"grad", grad}, {"get_grad", getGrad}, {"set_grad", setGrad},
      {"set_requires_grad", setRequiresGrad}, {"clamp_grad", clampGrad}, {"grad_mode", gradMode}, {"inference_enter", inferenceEnter},
      {"inference_exit", inferenceExit}, {"autocast_enter", autocastEnter}, {"autocast_exit", autocastExit},
      {"manual_seed", manualSeed}, {"rng_state", rngState}, {"set_rng_state", setRNGState}, {"generator", newGenerator},
      {"generator_state", generatorState}, {"set_generator_state", setGeneratorState}, {"set_threads", setThreads},
      {"threads", getThreads}, {"flag", setFlag}, {"info", info}, {"operators", operators}, {"schema", schema},
      {"warnings", drainWarnings}, {"jit_load", jitLoad}, {"jit_call", jitCall}, {"jit_state", jitState},
      {"jit_train", jitTrain}, {"jit_freeze", jitFreeze}, {"jit_optimize", jitOptimize}, {"cuda_sync", cudaSync},
      {"mlp_forward", mlpForward}, {"mlp_backward", mlpBackward}, {"mlp_eval", mlpEval}, {"mlp_adam", mlpAdam},
      {"stream", streamNew}, {"stream_exchange", streamExchange}, {"stream_sync", streamSync},
#ifdef CINELOOP_CUDA
      {"graph", graphNew}, {"graph_begin", graphBegin}, {"graph_end", graphEnd}, {"graph_replay", graphReplay},
      {"graph_free", graphFree}, {"cuda_memory", cudaMemory},
#else
      {"graph", refuseCUDA}, {"graph_begin", refuseCUDA}, {"graph_end", refuseCUDA}, {"graph_replay", refuseCUDA},
      {"graph_free", refuseCUDA}, {"cuda_memory", refuseCUDA},
#endif
#ifdef CINELOOP_DIST
      {"dist_join", distJoin}, {"dist_leave", distLeave}, {"dist_sum", distSum}, {"dist_sum_over", distSumOver},
      {"dist_broadcast", distBroadcast}, {"dist_averager", distAverager}, {"dist_arm", distArm}, {"dist_finish", distFinish},
      {"dist_drop", distDrop},
#else
      {"dist_join", refuseDist}, {"dist_leave", refuseDist}, {"dist_sum", refuseDist}, {"dist_sum_over", refuseDist},
      {"dist_broadcast", refuseDist}, {"dist_averager", refuseDist}, {"dist_arm", refuseDist}, {"dist_finish", refuseDist},
      {"dist_drop", refuseDist},
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
