package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/internal/cachedir"
	"github.com/cineloop/cineloop/internal/fault"
)

// Compiler is a C++ compiler with C++20.
type Compiler struct {
	Path    string `json:"path"`
	Version string `json:"version"` // first line of --version
}

// FindCompiler tries $CXX, g++, c++ and clang++.
func FindCompiler(ctx context.Context) (Compiler, error) {
	for _, name := range []string{os.Getenv("CXX"), "g++", "c++", "clang++"} {
		if name == "" {
			continue
		}
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return Compiler{path, line}, nil
	}
	return Compiler{}, fault.New(fault.Missing, "no C++ compiler was found; libtorch's bridge is compiled on this machine").WithHint("install it with: sudo apt-get install g++")
}

// CacheDir is where compiled bridges are kept: $CINELOOP_CACHE, or cineloop in the user's cache folder.
func CacheDir() (string, error) { return cachedir.Dir() }

// Build returns the path of the bridge for an installation, compiling it at first use. Progress goes to log, which may be nil.
func Build(ctx context.Context, in *Installation, log io.Writer) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	base := filepath.Join(cache, "bridge-"+digest(sourceDigest(), []byte(strings.Join(arguments(in), "\x00")+in.Version)))
	compiler, err := FindCompiler(ctx)
	if err != nil {
		// Machines that were set up with a compiler and lost it since keep working.
		if made, _ := filepath.Glob(base + "-*.so"); len(made) > 0 {
			return made[0], nil
		}
		return "", err
	}
	path := base + "-" + digest([]byte(compiler.Path+compiler.Version)) + ".so"
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fault.New(fault.Resource, "making the cache folder: %w", err).WithHint("set CINELOOP_CACHE to a folder that can be written")
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil { // another process made it while this one waited
		return path, nil
	}
	return path, compile(ctx, in, compiler, path, log)
}

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// arguments are the compiler's, without input and output.
func arguments(in *Installation) []string {
	// C++20 is what every supported version's headers accept; C++17 is refused by the newest.
	args := []string{"-std=c++20", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-w"}
	if in.OldABI {
		args = append(args, "-D_GLIBCXX_USE_CXX11_ABI=0")
	}
	for _, dir := range in.Include {
		args = append(args, "-I"+dir)
	}
	if in.CUDA && in.CUDAHome != "" {
		args = append(args, "-DCINELOOP_CUDA", "-I"+in.CUDAHome)
	}
	if in.Joins {
		args = append(args, "-DCINELOOP_DIST", "-DUSE_C10D_GLOO")
	}
	// Without --no-as-needed the linker drops libraries whose symbols are reached only through registration: CUDA's kernels.
	args = append(args, "-L"+in.Lib, "-Wl,-rpath,"+in.Lib, "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10")
	if in.CUDA {
		args = append(args, "-ltorch_cuda", "-lc10_cuda")
	}
	return args
}

// compile writes the bridge to path through a temporary folder beside it and a rename, so that path is whole or absent.
func compile(ctx context.Context, in *Installation, compiler Compiler, path string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "build-")
	if err != nil {
		return fault.New(fault.Resource, "making a folder for the bridge: %w", err)
	}
	defer os.RemoveAll(dir)
	for name, text := range sourceFiles() {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fault.New(fault.Resource, "writing the bridge's source: %w", err)
		}
	}
	fmt.Fprintf(log, "Compiling the bridge to libtorch %s with %s (once, about 15 s)…\n", in.Version, compiler.Version)
	start := time.Now()
	made := filepath.Join(dir, "bridge.so")
	run := func(arguments []string) (string, error) {
		args := append([]string{filepath.Join(dir, mainFile), "-o", made}, arguments...)
		out, err := exec.CommandContext(ctx, compiler.Path, args...).CombinedOutput()
		return string(out), err
	}
	output, err := run(arguments(in))
	if err != nil && ctx.Err() == nil && in.CUDAHome != "" {
		// CUDA's own headers may not fit libtorch's. All but graphs and memory statistics works without them.
		fmt.Fprintf(log, "CUDA's headers in %s do not compile; the bridge is made without CUDA graphs.\n", in.CUDAHome)
		plain := *in
		plain.CUDAHome = ""
		output, err = run(arguments(&plain))
	}
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("compiling the bridge: %w", ctx.Err())
		}
		return fault.New(fault.Missing, "compiling the bridge against libtorch %s in %s: %w\n%s", in.Version, in.Lib, err, firstErrors(output)).
			WithHint("the headers and the compiler do not fit; try another libtorch through LIBTORCH, or another compiler through CXX")
	}
	if err := os.Rename(made, path); err != nil {
		return fault.New(fault.Resource, "keeping the bridge: %w", err)
	}
	fmt.Fprintf(log, "The bridge is ready after %.0f s.\n", time.Since(start).Seconds())
	return nil
}

// firstErrors are the lines of a compiler's output that say what is wrong, ten at most.
func firstErrors(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		if strings.Contains(line, "error") && len(lines) < 10 {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	if lines == nil {
		return output
	}
	return strings.Join(lines, "\n")
}

// lock takes an advisory lock that other processes respect and that the kernel drops when this one dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.New(fault.Resource, "locking the cache: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fault.New(fault.Resource, "locking the cache: %w", err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for another process that compiles the bridge: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
