package bridge

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// write makes a file and the folders above it.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// fakeLibtorch is a folder with all that inspect looks at; its libraries are this test's own program, which is an ELF file.
func fakeLibtorch(t *testing.T, version [3]string) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"libtorch.so", "libtorch_cpu.so", "libc10.so"} {
		if err := os.Symlink(self, filepath.Join(dir, "lib", name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "include/torch/csrc/api/include/torch/version.h"),
		"#define TORCH_VERSION_MAJOR "+version[0]+"\n/// Indicates the minor version.\n#define TORCH_VERSION_MINOR "+version[1]+"\n#define TORCH_VERSION_PATCH "+version[2]+"\n", 0o644)
	write(t, filepath.Join(dir, "include/ATen/core/dispatch/Dispatcher.h"), "", 0o644)
	return dir
}

func TestInspectGivesReasons(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string)
		want   string
	}{
		"no library": {func(dir string) { os.Remove(dir + "/lib/libtorch_cpu.so") }, "no libtorch_cpu.so"},
		"no headers": {func(dir string) { os.RemoveAll(dir + "/include/torch") }, "no C++ headers"},
		"no ATen":    {func(dir string) { os.RemoveAll(dir + "/include/ATen") }, "no ATen headers"},
		"old": {func(dir string) {
			write(t, dir+"/include/torch/csrc/api/include/torch/version.h", "#define TORCH_VERSION_MAJOR 1\n#define TORCH_VERSION_MINOR 12\n", 0o644)
		}, "1.12.0 is older than 1.13"},
		"no ELF": {func(dir string) {
			os.Remove(dir + "/lib/libc10.so")
			write(t, dir+"/lib/libc10.so", "text", 0o644)
		}, "no shared library"},
	} {
		dir := fakeLibtorch(t, [3]string{"2", "6", "1"})
		c.change(dir)
		got := inspect("test", dir, dir+"/lib", dir+"/include")
		if got.Found != nil || !strings.Contains(got.Reason, c.want) {
			t.Errorf("%s: found %v, reason %q; want %q", name, got.Found, got.Reason, c.want)
		}
	}
}

// The libraries are the distribution's, so that their symbols are read; the headers are fake, so that the version shows whose.
func TestFindTakesTheVariableFirst(t *testing.T) {
	real := probeDistribution(context.Background())
	if real[0].Found == nil {
		t.Skipf("no libtorch of the distribution here: %s", real[0].Reason)
	}
	if real[0].Found.OldABI {
		t.Error("the distribution's libtorch was read as one of the old ABI")
	}
	dir := fakeLibtorch(t, [3]string{"2", "11", "0"})
	for _, name := range []string{"libtorch.so", "libtorch_cpu.so", "libc10.so"} {
		os.Remove(filepath.Join(dir, "lib", name))
		if err := os.Symlink(filepath.Join(real[0].Found.Lib, name), filepath.Join(dir, "lib", name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LIBTORCH", dir)
	in, passed, err := Find(context.Background())
	if err != nil || in.Origin != "$LIBTORCH" || in.Version != "2.11.0" || in.Lib != dir+"/lib" || len(passed) != 0 || in.CUDA {
		t.Errorf("found %+v after %v, %v", in, passed, err)
	}
	t.Setenv("LIBTORCH", t.TempDir())
	in, passed, err = Find(context.Background())
	if err != nil || in.Origin != "distribution" || len(passed) != 1 || !strings.Contains(passed[0].Reason, "no libtorch.so") {
		t.Errorf("found %+v after %v, %v", in, passed, err)
	}
	if all := Survey(context.Background()); len(all) < 3 {
		t.Errorf("the survey has %d candidates, want one of each kind", len(all))
	}
}

func TestProbePythonSaysWhy(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "broken/python3"), "#!/bin/sh\nexit 3\n", 0o755)
	write(t, filepath.Join(dir, "bare/python3"), "#!/bin/sh\necho\n", 0o755)
	write(t, filepath.Join(dir, "empty/python3"), "#!/bin/sh\necho "+dir+"/torch\n", 0o755)
	t.Setenv("PATH", dir+"/broken:"+dir+"/bare:"+dir+"/empty:"+dir+"/nothing:"+dir+"/bare")
	got := probePython(context.Background())
	var reasons []string
	for _, c := range got[:3] {
		reasons = append(reasons, c.Reason)
	}
	for i, want := range []string{"does not run: exit status 3", "it has no torch", "no libtorch.so"} {
		if !strings.Contains(reasons[i], want) {
			t.Errorf("candidate %d: %q, want %q", i, reasons[i], want)
		}
	}
}

// Newer headers keep the numbers in another file, which the old one includes.
func TestVersionOfNewerHeaders(t *testing.T) {
	dir := fakeLibtorch(t, [3]string{"2", "14", "1"})
	old := filepath.Join(dir, "include/torch/csrc/api/include/torch/version.h")
	write(t, filepath.Join(dir, "include/torch/headeronly/.keep"), "", 0o644)
	if err := os.Rename(old, filepath.Join(dir, "include/torch/headeronly/version.h")); err != nil {
		t.Fatal(err)
	}
	write(t, old, "#pragma once\n#include <torch/headeronly/version.h>\n", 0o644)
	// The fake library is refused later, for its symbols or not at all, never for its version.
	if got := inspect("test", dir, dir+"/lib", dir+"/include"); strings.Contains(got.Reason, "version") || got.Found != nil && got.Found.Version != "2.14.1" {
		t.Errorf("%+v", got)
	}
}

// fakeCompiler is a program that logs its calls, takes a moment and writes what -o names.
func fakeCompiler(t *testing.T, script string) (calls func() int) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cxx"), `#!/bin/sh
if [ "$1" = --version ]; then echo "fake 1.0"; exit 0; fi
echo "$@" >> `+dir+`/calls
`+script, 0o755)
	t.Setenv("CXX", filepath.Join(dir, "cxx"))
	t.Setenv("CINELOOP_CACHE", filepath.Join(t.TempDir(), "new", "cache"))
	return func() int {
		b, _ := os.ReadFile(filepath.Join(dir, "calls"))
		return bytes.Count(b, []byte("\n"))
	}
}

var installation = &Installation{Version: "2.0.0", Lib: "/opt/torch/lib", Include: []string{"/opt/torch/include"}}

func TestBuildCompilesOnce(t *testing.T) {
	calls := fakeCompiler(t, `sleep 0.2; echo compiled > "$3"`)
	var log bytes.Buffer
	var wg sync.WaitGroup
	paths := make([]string, 8)
	for i := range paths {
		wg.Go(func() {
			var err error
			var w *bytes.Buffer
			if i == 0 {
				w = &log
			}
			if w == nil {
				paths[i], err = Build(context.Background(), installation, nil)
			} else {
				paths[i], err = Build(context.Background(), installation, w)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := calls(); n != 1 {
		t.Errorf("compiled %d times, want once", n)
	}
	if slices.ContainsFunc(paths, func(p string) bool { return p != paths[0] }) {
		t.Errorf("paths differ: %v", paths)
	}
	if b, err := os.ReadFile(paths[0]); err != nil || string(b) != "compiled\n" {
		t.Errorf("the bridge holds %q, %v", b, err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(paths[0]), "build-*"))
	if len(left) != 0 {
		t.Errorf("temporary folders are left: %v", left)
	}
	other := *installation
	other.Version = "2.0.1"
	if p, err := Build(context.Background(), &other, &log); err != nil || p == paths[0] || calls() != 2 {
		t.Errorf("another version gave %s, %v after %d compilations", p, err, calls())
	}
	if !strings.Contains(log.String(), "libtorch 2.0.1 with fake 1.0") || !strings.Contains(log.String(), "ready") {
		t.Errorf("progress %q", log.String())
	}
	// Without a compiler the bridge that is there still serves.
	t.Setenv("CXX", "")
	t.Setenv("PATH", t.TempDir())
	if p, err := Build(context.Background(), installation, nil); err != nil || p != paths[0] {
		t.Errorf("without compiler: %s, %v", p, err)
	}
	other.Version = "2.0.2"
	if _, err := Build(context.Background(), &other, nil); fault.CodeOf(err) != fault.Missing || !strings.Contains(err.Error(), "g++") {
		t.Errorf("without compiler and cache: %v", err)
	}
}

func TestBuildFailures(t *testing.T) {
	fakeCompiler(t, `echo "bridge.cpp:1: note"; echo "bridge.cpp:2: error: no such header"; exit 1`)
	_, err := Build(context.Background(), installation, nil)
	if fault.CodeOf(err) != fault.Missing || !strings.Contains(err.Error(), "no such header") || strings.Contains(err.Error(), "note") {
		t.Errorf("failed compilation: %v", err)
	}
	dir, _ := CacheDir()
	if made, _ := filepath.Glob(filepath.Join(dir, "*.so")); len(made) != 0 {
		t.Errorf("a failed compilation left %v", made)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	fakeCompiler(t, `exec sleep 20`)
	if _, err := Build(ctx, installation, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled compilation: %v", err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	write(t, blocked, "", 0o644)
	t.Setenv("CINELOOP_CACHE", filepath.Join(blocked, "cache"))
	if _, err := Build(context.Background(), installation, nil); fault.CodeOf(err) != fault.Resource {
		t.Errorf("a cache that cannot be made: %v", err)
	}
}

func TestBuildDoesWithoutCUDAHeaders(t *testing.T) {
	calls := fakeCompiler(t, `case "$*" in *CINELOOP_CUDA*) echo error: cuda; exit 1;; esac; echo compiled > "$3"`)
	in := *installation
	in.CUDA, in.CUDAHome = true, "/opt/cuda/include"
	var log bytes.Buffer
	if _, err := Build(context.Background(), &in, &log); err != nil || calls() != 2 || !strings.Contains(log.String(), "without CUDA graphs") {
		t.Errorf("%v after %d compilations, log %q", err, calls(), log.String())
	}
}

func TestLockWaitsAndGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a taken lock: %v", err)
	}
	unlock()
	again, err := lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestArgumentsFollowTheInstallation(t *testing.T) {
	in := &Installation{Version: "2.5.0", Lib: "/l", Include: []string{"/i"}, CUDA: true, CUDAHome: "/c", OldABI: true}
	all := strings.Join(arguments(in), " ")
	for _, want := range []string{"-std=c++20", "-D_GLIBCXX_USE_CXX11_ABI=0", "-DCINELOOP_CUDA", "-I/c", "-I/i", "-rpath,/l", "-ltorch_cuda"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %q", all, want)
		}
	}
	if plain := strings.Join(arguments(installation), " "); strings.Contains(plain, "cuda") || strings.Contains(plain, "ABI") {
		t.Errorf("a CPU libtorch is compiled for with %q", plain)
	}
}

// The source is compiled on users' machines: it must be in the program.
func TestSourceIsEmbedded(t *testing.T) {
	files := sourceFiles()
	if !bytes.Contains(files[mainFile], []byte("cineloop_call")) || len(sourceDigest()) != 32 {
		t.Errorf("embedded files: %d", len(files))
	}
}
