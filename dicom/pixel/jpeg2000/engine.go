package jpeg2000

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/cineloop/cineloop/internal/cachedir"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	abi         = 1       // of the wrapper
	memoryLimit = 1 << 30 // of an instance
	// An instance's memory never shrinks: those that a large image left big are not kept.
	keepMemory = 64 << 20
)

// engine is a compiled module and the instances that are free.
type engine struct {
	path     string
	version  string // of OpenJPEG
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	slots    chan struct{} // as many as instances may run at once
	mu       sync.Mutex
	free     []*instance
}

// instance is one module with its memory, for one call at a time.
type instance struct {
	module api.Module
	fn     map[string]api.Function
}

var (
	engineMu sync.Mutex
	engines  = map[string]*engine{} // by path and time of change
)

// open returns the engine of the module that is found now, compiling it at first use. A failure is not remembered: the module may be
// built while the program runs.
func open(ctx context.Context) (*engine, error) {
	path, _, err := Find()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.Missing, "the JPEG 2000 decoder: %w", err).WithHint(BuildHint)
	}
	key := path + info.ModTime().String()
	engineMu.Lock()
	defer engineMu.Unlock()
	if e := engines[key]; e != nil {
		return e, nil
	}
	e, err := load(context.WithoutCancel(ctx), path)
	if err != nil {
		return nil, fault.New(fault.Missing, "the JPEG 2000 decoder %s: %w", path, err).WithHint(BuildHint)
	}
	engines[key] = e
	return e, nil
}

func load(ctx context.Context, path string) (*engine, error) {
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryLimit >> 16)
	if cache := codeCache(); cache != nil {
		config = config.WithCompilationCache(cache)
	}
	e := &engine{path: path, runtime: wazero.NewRuntimeWithConfig(ctx, config), slots: make(chan struct{}, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))}
	fail := func(err error) (*engine, error) {
		e.runtime.Close(ctx)
		return nil, err
	}
	// No files, no environment, no clock: the C library asks for the interface, and finds nothing behind it.
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
		return fail(err)
	}
	// The module asks this between code blocks and packets. wazero's own way to end a call, a check in every loop, makes it three times slower.
	stop := func(ctx context.Context) uint32 {
		if ctx.Err() != nil {
			return 1
		}
		return 0
	}
	if _, err := e.runtime.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(stop).Export("cl_stop").Instantiate(ctx); err != nil {
		return fail(err)
	}
	if e.compiled, err = e.runtime.CompileModule(ctx, code); err != nil {
		return fail(err)
	}
	in, err := e.instantiate(ctx)
	if err != nil {
		return fail(err)
	}
	at, err := in.call(ctx, "cl_version")
	if err != nil {
		return fail(err)
	}
	e.version = in.text(at)
	e.free = append(e.free, in)
	return e, nil
}

// codeCache keeps machine code between runs of the program; without a folder to write to it is compiled each time.
func codeCache() wazero.CompilationCache {
	dir, err := cachedir.Dir()
	if err != nil {
		return nil
	}
	dir = filepath.Join(dir, "wasm")
	if err := os.MkdirAll(dir, 0o700); err != nil { // code that will be run: nobody else's to write
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil
	}
	return cache
}

func (e *engine) instantiate(ctx context.Context) (*instance, error) {
	ctx = experimental.WithMemoryAllocator(ctx, allocator)
	m, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, err
	}
	in := &instance{module: m, fn: map[string]api.Function{}}
	for _, name := range []string{"cl_abi", "cl_version", "cl_budget", "cl_alloc", "cl_free", "cl_message", "cl_decode", "cl_encode", "cl_encoded_size"} {
		f := m.ExportedFunction(name)
		if f == nil {
			m.Close(ctx)
			return nil, fault.New(fault.Missing, "it has no %s", name)
		}
		in.fn[name] = f
	}
	if v, err := in.call(ctx, "cl_abi"); err != nil || v != abi {
		m.Close(ctx)
		return nil, fault.New(fault.Missing, "it is of another version of this program")
	}
	return in, nil
}

// call calls an exported function; one that returns nothing gives 0.
func (in *instance) call(ctx context.Context, name string, args ...uint64) (uint32, error) {
	out, err := in.fn[name].Call(ctx, args...)
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return uint32(out[0]), nil
}

// text reads a C string of up to 256 bytes, with only printable ASCII let through.
func (in *instance) text(at uint32) string {
	var out []byte
	for i := range uint32(256) {
		c, ok := in.module.Memory().ReadByte(at + i)
		if !ok || c == 0 {
			break
		}
		if c >= ' ' && c <= '~' {
			out = append(out, c)
		}
	}
	return string(out)
}

// with runs fn on an instance. One that fn returns a trap from, or whose memory has grown large, is not used again.
func (e *engine) with(ctx context.Context, fn func(in *instance) (keep bool, err error)) error {
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.slots }()
	var in *instance
	e.mu.Lock()
	if n := len(e.free); n > 0 {
		in, e.free = e.free[n-1], e.free[:n-1]
	}
	e.mu.Unlock()
	if in == nil {
		var err error
		if in, err = e.instantiate(context.WithoutCancel(ctx)); err != nil {
			return fault.New(fault.Resource, "an instance of the JPEG 2000 decoder: %w", err)
		}
	}
	keep, err := fn(in)
	if !keep || in.module.Memory().Size() > keepMemory {
		in.module.Close(context.WithoutCancel(ctx))
		return err
	}
	e.mu.Lock()
	e.free = append(e.free, in)
	e.mu.Unlock()
	return err
}
