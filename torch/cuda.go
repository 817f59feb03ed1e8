package torch

var (
	opCUDASync       = intern("cineloop::cuda_sync")
	opCUDAMemory     = intern("cineloop::cuda_memory")
	opStream         = intern("cineloop::stream")
	opStreamExchange = intern("cineloop::stream_exchange")
	opStreamSync     = intern("cineloop::stream_sync")
	opGraph          = intern("cineloop::graph")
	opGraphBegin     = intern("cineloop::graph_begin")
	opGraphEnd       = intern("cineloop::graph_end")
	opGraphReplay    = intern("cineloop::graph_replay")
	opGraphFree      = intern("cineloop::graph_free")
)

// Synchronize waits until a CUDA device has done all its work. On the CPU there is nothing to wait for.
func (e *Engine) Synchronize(d Device) {
	if d.IsCUDA() {
		opCUDASync.do(e, string(d))
	}
}

// CUDAMemory is what libtorch's allocator holds on a device, in bytes.
type CUDAMemory struct{ Allocated, PeakAllocated, Reserved int64 }

// CUDAMemory asks the allocator of a device. A bridge without CUDA refuses.
func (e *Engine) CUDAMemory(d Device) CUDAMemory {
	v := opCUDAMemory.all(e, string(d))
	return CUDAMemory{v[0].(int64), v[1].(int64), v[2].(int64)}
}

// Stream is a queue of work on a CUDA device.
type Stream struct {
	e      *Engine
	device Device
	id     int64
}

// NewStream takes a stream of the device's pool. A libtorch without CUDA refuses.
func (e *Engine) NewStream(d Device, highPriority bool) *Stream {
	return &Stream{e, d, opStream.all(e, string(d), highPriority)[0].(int64)}
}

// With calls fn with s as the device's current stream.
func (s *Stream) With(fn func()) {
	was := opStreamExchange.all(s.e, string(s.device), s.id)[0]
	defer opStreamExchange.do(s.e, string(s.device), was)
	fn()
}

// Synchronize waits until the work queued on s is done.
func (s *Stream) Synchronize() { opStreamSync.do(s.e, string(s.device), s.id) }

// Graph is a recorded sequence of CUDA work that replays as one launch, on the same memory.
type Graph struct {
	e *Engine
	h int64
}

// CaptureGraph records what fn launches on a stream of its own. fn must not wait for the device, and its tensors must be kept for
// as long as the graph is replayed. A bridge without CUDA refuses.
func (e *Engine) CaptureGraph(s *Stream, fn func()) *Graph {
	g := &Graph{e, opGraph.all(e)[0].(int64)}
	done := false
	defer func() {
		if !done {
			g.Free()
		}
	}()
	s.With(func() {
		opGraphBegin.do(e, g.h)
		fn()
		opGraphEnd.do(e, g.h)
	})
	done = true
	return g
}

// Replay launches the recorded work on the current stream.
func (g *Graph) Replay() { opGraphReplay.do(g.e, g.h) }

// Free drops the recording.
func (g *Graph) Free() {
	if g.h != 0 {
		opGraphFree.do(g.e, g.h)
		g.h = 0
	}
}
