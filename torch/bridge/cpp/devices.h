// Builtins for CUDA devices, streams, graphs and memory. Streams go through libtorch's device-independent guards and need no CUDA
// headers; graphs and memory statistics do, and refuse where the bridge was compiled without.
#pragma once
#include "builtins.h"

namespace {

c10::impl::VirtualGuardImpl guardOf(const c10::Device& d) {
  TORCH_CHECK(c10::impl::hasDeviceGuardImpl(d.type()), "this libtorch has no ", d.str(), " support");
  return c10::impl::VirtualGuardImpl(d.type());
}

void cudaSync(Stack& s) {
  const c10::Device d(pop(s).toStringRef());
  guardOf(d);
  at::detail::getCUDAHooks().deviceSynchronize(d.index() < 0 ? 0 : d.index());
}

// A stream crosses as its device and number.
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
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(d.index() < 0 ? 0 : d.index());
  s.emplace_back(static_cast<int64_t>(stats.allocated_bytes[0].current));
  s.emplace_back(static_cast<int64_t>(stats.allocated_bytes[0].peak));
  s.emplace_back(static_cast<int64_t>(stats.reserved_bytes[0].current));
}
#else
void refuseCUDA(Stack&) {
  TORCH_CHECK(false, "the bridge was compiled without CUDA: it needs a libtorch with CUDA and cuda_runtime_api.h");
}
#endif

} // namespace
