package torch

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Config says how an engine is set up.
type Config struct {
	Device  string     // auto (default: cuda where there is one) | cpu | cuda | cuda:N
	Threads int        // of each operator on the CPU; 0: all cores that the process may use
	Seed    stats.Seed // of libtorch's generators
	Groups  bool       // the process will join a group of processes; to be said by the first engine of a process
	Log     io.Writer  // progress of the bridge's compilation; nil: none
}

// Engine is libtorch on one thread. See the package's comment for its rules.
type Engine struct {
	lib     *library
	context uintptr // the bridge's Context
	tid     int     // the one thread that may use this engine
	device  Device
	threads int

	words []int64 // arguments of the call being built
	out   [2]int64
	meta  metadata

	scope   *Scope               // innermost
	kept    map[*Tensor]struct{} // out of all scopes
	objects map[*Object]struct{}
	pinned  []pinnedBuffer
	freeing []int64

	record func(Recorded) // nil: nobody listens
}

// Run sets an engine up, calls fn with it and frees everything at the end. Panics with an *Error become the error that Run returns;
// other panics pass through after the engine is torn down. With no libtorch on this machine the error is Missing and says what to
// install.
func Run(ctx context.Context, cfg Config, fn func(*Engine) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	threads := cfg.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	lib, err := load(ctx, threads, cfg.Groups, cfg.Log)
	if err != nil {
		return err
	}
	e := &Engine{lib: lib, tid: unix.Gettid(), threads: threads, kept: map[*Tensor]struct{}{}, objects: map[*Object]struct{}{}}
	if e.context, _, _ = purego.SyscallN(lib.new); e.context == 0 {
		return fault.New(fault.Resource, "out of memory while starting the engine")
	}
	defer e.close()
	defer recoverError(&err)
	e.scope = &Scope{e: e}
	if e.device, err = e.chooseDevice(cfg.Device); err != nil {
		return err
	}
	e.SetThreads(threads)
	e.ManualSeed(cfg.Seed)
	return fn(e)
}

// recoverError turns a panic with an *Error into *err.
func recoverError(err *error) {
	switch p := recover().(type) {
	case nil:
	case *Error:
		*err = p
	default:
		panic(p)
	}
}

// Try calls fn and returns the *Error that an operator in it panicked with, after closing the scopes that fn left open. With nil
// returned, fn's tensors belong to the scope that was open before.
func (e *Engine) Try(fn func()) (err error) {
	e.check()
	outer := e.scope
	defer func() {
		if err != nil && e.scope != outer {
			e.scope.closeDownTo(outer)
		}
	}()
	defer recoverError(&err)
	fn()
	return nil
}

// check panics unless the caller is the goroutine that Run called. It runs before any of the engine's state is touched.
func (e *Engine) check() {
	if unix.Gettid() != e.tid {
		panic("torch: an engine is used from another goroutine than the one that Run called; hand over slices, not tensors")
	}
	if e.context == 0 {
		panic("torch: an engine is used after its Run ended")
	}
}

func (e *Engine) close() {
	e.scope.closeDownTo(nil)
	for t := range e.kept {
		e.freeing = append(e.freeing, t.h)
		t.h = 0
	}
	e.flushFreed()
	for o := range e.objects {
		o.Free()
	}
	purego.SyscallN(e.lib.delete, e.context)
	e.context = 0
	e.lib.releaseHeap()
}

// ReleaseMemory gives the memory that Go and the C library hold but do not use back to the system. Call it between phases, such as
// after a network's weights were made and before training: what the start left behind would add to the peak.
func (e *Engine) ReleaseMemory() {
	e.check()
	debug.FreeOSMemory()
	e.lib.releaseHeap()
}

func (e *Engine) chooseDevice(name string) (Device, error) {
	info := e.Info()
	switch {
	case name == "" || name == "auto":
		if info.CUDADevices > 0 {
			return "cuda:0", nil
		}
		return CPU, nil
	case name == "cpu":
		return CPU, nil
	case name == "cuda" || strings.HasPrefix(name, "cuda:"):
		index := 0
		if _, digits, ok := strings.Cut(name, ":"); ok {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 0 {
				return "", fault.New(fault.Usage, "device %q: want auto, cpu, cuda or cuda:N", name)
			}
			index = n
		}
		if index >= info.CUDADevices {
			return "", fault.New(fault.Missing, "device %q: this libtorch (%s, %s) sees %d CUDA devices", name, e.lib.installation.Version, e.lib.installation.Lib, info.CUDADevices).
				WithHint("use device cpu, or a libtorch with CUDA through LIBTORCH")
		}
		return Device("cuda:" + strconv.Itoa(index)), nil
	default:
		return "", fault.New(fault.Usage, "device %q: want auto, cpu, cuda or cuda:N", name)
	}
}

// Device is where new tensors are made.
func (e *Engine) Device() Device { return e.device }

// LiveHandles is the number of tensors and objects that Go holds, counted in the bridge.
func (e *Engine) LiveHandles() int {
	e.check()
	n, _, _ := purego.SyscallN(e.lib.live, e.context)
	return int(n)
}

var opSetThreads, opThreads = intern("cineloop::set_threads"), intern("cineloop::threads")

// SetThreads sets the number of threads that an operator uses on the CPU, OpenBLAS included.
func (e *Engine) SetThreads(n int) {
	opSetThreads.do(e, n)
	if e.lib.blasThreads != 0 {
		purego.SyscallN(e.lib.blasThreads, uintptr(n))
	}
	e.threads = n
}

// Threads is the number of threads that an operator uses on the CPU.
func (e *Engine) Threads() int { return int(opThreads.all(e)[0].(int64)) }

var opFlag = intern("cineloop::flag")

// SetFlag switches one of libtorch's process-wide settings: cudnn, cudnn_benchmark, cudnn_deterministic, deterministic (refuse
// operators that are not), mkldnn (oneDNN), tf32, flush_denormal.
func (e *Engine) SetFlag(name string, on bool) { opFlag.do(e, name, on) }
