package torch

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch/bridge"
)

// library is the bridge in this process. A process holds one libtorch: it cannot be unloaded or loaded twice.
type library struct {
	abi, new, delete, live, op, call, meta, free, freeObject uintptr

	installation *bridge.Installation
	passed       []bridge.Candidate
	path         string
	blasThreads  uintptr // openblas_set_num_threads; 0 where the BLAS is another
	trim         uintptr // malloc_trim; 0 where the C library has none
}

var loaded struct {
	sync.Mutex
	lib *library
}

const abiVersion = 1

// load finds, builds and opens the bridge at the first call, and returns the same library at every later one.
func load(ctx context.Context, threads int, groups bool, log io.Writer) (*library, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.lib != nil {
		if groups && !loaded.lib.installation.Joins {
			return nil, fault.New(fault.Internal, "this process began without groups and cannot join one")
		}
		return loaded.lib, nil
	}
	installation, passed, err := bridge.Find(ctx)
	if err != nil {
		return nil, err
	}
	if groups {
		if installation, err = installation.Distributed(); err != nil {
			return nil, err
		}
	}
	path, err := bridge.Build(ctx, installation, log)
	if err != nil {
		return nil, err
	}
	if err := prepareEnvironment(threads); err != nil {
		return nil, err
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fault.New(fault.Missing, "loading the bridge to libtorch %s: %w", installation.Version, err).
			WithHint("remove %s to have it compiled anew", path)
	}
	lib := &library{installation: installation, passed: passed, path: path}
	for name, target := range map[string]*uintptr{
		"abi": &lib.abi, "new": &lib.new, "delete": &lib.delete, "live": &lib.live, "op": &lib.op,
		"call": &lib.call, "meta": &lib.meta, "free": &lib.free, "free_object": &lib.freeObject,
	} {
		if *target, err = purego.Dlsym(handle, "cineloop_"+name); err != nil {
			return nil, fault.New(fault.Internal, "the bridge %s lacks a function: %w", path, err)
		}
	}
	if v, _, _ := purego.SyscallN(lib.abi); v != abiVersion {
		return nil, fault.New(fault.Internal, "the bridge %s has interface %d, want %d", path, v, abiVersion)
	}
	lib.blasThreads, _ = purego.Dlsym(purego.RTLD_DEFAULT, "openblas_set_num_threads")
	lib.trim, _ = purego.Dlsym(purego.RTLD_DEFAULT, "malloc_trim")
	loaded.lib = lib
	return lib, nil
}

// prepareEnvironment sets what libgomp and OpenBLAS read from C's environment while they load; os.Setenv does not reach it in a
// program without cgo. Passive waiting leaves the cores to the loader between operators, and OpenBLAS, which knows nothing of
// torch's thread count, would start a spinning thread a core. What the user set is left alone.
func prepareEnvironment(threads int) error {
	libc, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fault.New(fault.Missing, "loading the C library: %w", err)
	}
	setenv, err := purego.Dlsym(libc, "setenv")
	if err != nil {
		return fault.New(fault.Missing, "the C library has no setenv: %w", err)
	}
	for key, value := range map[string]string{"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": strconv.Itoa(threads)} {
		if _, set := os.LookupEnv(key); set {
			continue
		}
		k, v := cstring(key), cstring(value)
		if r, _, _ := purego.SyscallN(setenv, uintptr(unsafe.Pointer(k)), uintptr(unsafe.Pointer(v)), 0); r != 0 {
			return fault.New(fault.Internal, "setenv %s failed", key)
		}
		if err := os.Setenv(key, value); err != nil { // so that child processes and reports see the same
			return fmt.Errorf("setting %s: %w", key, err)
		}
	}
	tuneAllocator(libc)
	return nil
}

// tuneAllocator keeps the C heap's memory in the process instead of mapping and unmapping each large tensor: the pages of a freed
// activation serve the next one, where otherwise the kernel clears them anew (a training step of r3d_18 takes 6 to 8 % less processor
// time, peak memory unchanged). What the user set through the environment is left alone. ReleaseMemory gives free
// pages back.
func tuneAllocator(libc uintptr) {
	for _, key := range []string{"GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX"} {
		if _, set := os.LookupEnv(key); set {
			return
		}
	}
	mallopt, err := purego.Dlsym(libc, "mallopt")
	if err != nil {
		return // not glibc
	}
	// Parameters of mallopt(3). One arena, because the others cannot hold large blocks.
	const trimThreshold, mmapMax, arenaMax = -1, -4, -8
	for _, setting := range [][2]int{{trimThreshold, -1}, {mmapMax, 0}, {arenaMax, 1}} {
		purego.SyscallN(mallopt, uintptr(setting[0]), uintptr(setting[1]))
	}
}

// releaseHeap gives free pages of the C heap back to the system.
func (l *library) releaseHeap() {
	if l.trim != 0 {
		purego.SyscallN(l.trim, 0)
	}
}

// cstring is s with the terminating zero that C wants.
func cstring(s string) *byte {
	b := append([]byte(s), 0)
	return &b[0]
}

// memory is n words of C memory at address. The address comes from C, so the collector must not see it as a Go pointer; reading it
// through the variable keeps vet's rule that integers do not turn into pointers meaningful everywhere else.
func memory[T any](address uintptr, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), n)
}

// Environment is the settings that libtorch's libraries were loaded with.
func Environment() map[string]string {
	out := map[string]string{}
	for _, key := range []string{"OMP_WAIT_POLICY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		if v, ok := os.LookupEnv(key); ok {
			out[key] = v
		}
	}
	return out
}
