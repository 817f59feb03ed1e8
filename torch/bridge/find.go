package bridge

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// Installation is a libtorch that a bridge can be compiled against.
type Installation struct {
	Origin   string   `json:"origin"`   // how it was found: "$LIBTORCH", "distribution", "python"
	Version  string   `json:"version"`  // from its headers: "1.13.0"
	Lib      string   `json:"lib"`      // folder of libtorch.so
	Include  []string `json:"include"`  // folders for -I
	CUDA     bool     `json:"cuda"`     // libtorch_cuda.so is there
	OldABI   bool     `json:"old_abi"`  // compiled with _GLIBCXX_USE_CXX11_ABI=0, as older wheels are
	CUDAHome string   `json:"cudahome"` // folder of cuda_runtime_api.h; "" where absent
	Joins    bool     `json:"-"`        // compile for groups of processes
	Gloo     bool     `json:"gloo"`     // gloo's headers are there: processes can join a group
}

// Candidate is a place where a libtorch could be.
type Candidate struct {
	Origin string        `json:"origin"`
	Path   string        `json:"path"`
	Reason string        `json:"reason,omitempty"` // why it was passed over; "" where it is usable
	Found  *Installation `json:"found,omitempty"`
}

// InstallHint names what to install.
const InstallHint = "install it with: sudo apt-get install libtorch-dev libopenblas0-pthread g++; or set LIBTORCH to an unpacked libtorch"

// Find returns the first usable installation and the candidates that came before it. With none it returns a Missing error that
// lists every reason.
func Find(ctx context.Context) (*Installation, []Candidate, error) {
	var passed []Candidate
	for _, probe := range probes() {
		for _, c := range probe(ctx) {
			if c.Found != nil {
				return c.Found, passed, nil
			}
			passed = append(passed, c)
		}
		if err := ctx.Err(); err != nil {
			return nil, passed, fmt.Errorf("looking for libtorch: %w", err)
		}
	}
	var why strings.Builder
	for _, c := range passed {
		fmt.Fprintf(&why, "\n  %s %s: %s", c.Origin, c.Path, c.Reason)
	}
	return nil, passed, fault.New(fault.Missing, "no usable libtorch was found:%s\n", why.String()).WithHint("%s", InstallHint)
}

// Survey looks at every candidate, also behind the first usable one.
func Survey(ctx context.Context) []Candidate {
	var all []Candidate
	for _, probe := range probes() {
		all = append(all, probe(ctx)...)
	}
	return all
}

func probes() []func(context.Context) []Candidate {
	return []func(context.Context) []Candidate{probeVariable, probeDistribution, probePython}
}

func probeVariable(context.Context) []Candidate {
	dir := os.Getenv("LIBTORCH")
	if dir == "" {
		return []Candidate{{Origin: "$LIBTORCH", Reason: "not set"}}
	}
	return []Candidate{inspect("$LIBTORCH", dir, filepath.Join(dir, "lib"), filepath.Join(dir, "include"))}
}

func probeDistribution(context.Context) []Candidate {
	var found []Candidate
	for _, p := range []struct{ glob, include string }{
		{"/usr/lib/" + multiarch() + "/libtorch.so", "/usr/include"},
		{"/usr/lib64/libtorch.so", "/usr/include"},
		{"/usr/local/lib/libtorch.so", "/usr/local/include"},
	} {
		if _, err := os.Stat(p.glob); err == nil {
			found = append(found, inspect("distribution", p.glob, filepath.Dir(p.glob), p.include))
		}
	}
	if found == nil {
		found = []Candidate{{Origin: "distribution", Path: "/usr/lib/" + multiarch(), Reason: "no libtorch.so"}}
	}
	return found
}

// probePython asks each Python on the path where its torch lies. The module is located, not imported: importing takes a second.
func probePython(ctx context.Context) []Candidate {
	const script = `import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s and s.origin else "")`
	var found []Candidate
	seen := map[string]bool{}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin") {
		// Folders are resolved, because /bin is often /usr/bin; the program is not, because a virtual environment's is a link.
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		python := filepath.Join(dir, "python3")
		if info, err := os.Stat(python); err != nil || info.IsDir() || seen[python] {
			continue
		}
		seen[python] = true
		runCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
		cmd := exec.CommandContext(runCtx, python, "-c", script)
		cmd.Dir = "/" // a folder named torch in the working directory is no module
		out, err := cmd.Output()
		cancel()
		home := strings.TrimSpace(string(out))
		switch {
		case err != nil:
			found = append(found, Candidate{Origin: "python", Path: python, Reason: "it does not run: " + err.Error()})
		case home == "":
			found = append(found, Candidate{Origin: "python", Path: python, Reason: "it has no torch"})
		default:
			found = append(found, inspect("python", home, filepath.Join(home, "lib"), filepath.Join(home, "include")))
		}
	}
	if found == nil {
		found = []Candidate{{Origin: "python", Reason: "no python3 on the path"}}
	}
	return found
}

var versionMacro = regexp.MustCompile(`#define TORCH_VERSION_(MAJOR|MINOR|PATCH) (\d+)`)

// inspect decides whether the libraries in lib and the headers in include make an installation.
func inspect(origin, path, lib, include string) Candidate {
	c := Candidate{Origin: origin, Path: path}
	for _, name := range []string{"libtorch.so", "libtorch_cpu.so", "libc10.so"} {
		if _, err := os.Stat(filepath.Join(lib, name)); err != nil {
			c.Reason = "no " + name + " in " + lib
			return c
		}
	}
	api := filepath.Join(include, "torch/csrc/api/include")
	text, err := os.ReadFile(filepath.Join(api, "torch/version.h"))
	if err != nil {
		c.Reason = "no C++ headers (torch/version.h) in " + include
		return c
	}
	if _, err := os.Stat(filepath.Join(include, "ATen/core/dispatch/Dispatcher.h")); err != nil {
		c.Reason = "no ATen headers in " + include
		return c
	}
	if !versionMacro.Match(text) { // newer ones only include the file with the numbers
		text, _ = os.ReadFile(filepath.Join(include, "torch/headeronly/version.h"))
	}
	numbers := map[string]int{}
	for _, m := range versionMacro.FindAllStringSubmatch(string(text), -1) {
		numbers[m[1]], _ = strconv.Atoi(m[2])
	}
	version := fmt.Sprintf("%d.%d.%d", numbers["MAJOR"], numbers["MINOR"], numbers["PATCH"])
	if numbers["MAJOR"] < 1 || numbers["MAJOR"] == 1 && numbers["MINOR"] < 13 {
		c.Reason = "version " + version + " is older than 1.13"
		return c
	}
	oldABI, err := usesOldABI(filepath.Join(lib, "libc10.so"))
	if err != nil {
		c.Reason = err.Error()
		return c
	}
	_, cudaErr := os.Stat(filepath.Join(lib, "libtorch_cuda.so"))
	found := &Installation{Origin: origin, Version: version, Lib: lib, Include: []string{include, api}, CUDA: cudaErr == nil, OldABI: oldABI}
	if found.CUDA {
		found.CUDAHome = cudaHeaders(lib)
	}
	found.Gloo = hasGloo(include)
	c.Found = found
	return c
}

// usesOldABI reads from a library's symbols which std::string it was compiled with, and refuses one of another processor.
func usesOldABI(library string) (bool, error) {
	f, err := elf.Open(library)
	if err != nil {
		return false, fmt.Errorf("%s is no shared library: %w", library, err)
	}
	defer f.Close()
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	if f.Machine != want {
		return false, fmt.Errorf("%s is for another processor (%s)", library, f.Machine)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return false, fmt.Errorf("%s has no dynamic symbols: %w", library, err)
	}
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && strings.Contains(s.Name, "__cxx11") {
			return false, nil
		}
	}
	return true, nil
}

// cudaHeaders finds the folder of the CUDA runtime's headers: a toolkit's, or those that the Python wheels bring.
func cudaHeaders(lib string) string {
	for _, dir := range []string{
		filepath.Join(os.Getenv("CUDA_HOME"), "include"),
		filepath.Join(lib, "../../nvidia/cuda_runtime/include"),
		filepath.Join(lib, "../../nvidia/cu13/include"),
		"/usr/local/cuda/include",
		"/usr/include",
	} {
		if _, err := os.Stat(filepath.Join(dir, "cuda_runtime_api.h")); err == nil {
			return dir
		}
	}
	return ""
}

func multiarch() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

// hasGloo says whether c10d's headers and those of gloo, which they include, are beside libtorch's or in the system's folder.
func hasGloo(include string) bool {
	if _, err := os.Stat(filepath.Join(include, "torch/csrc/distributed/c10d/ProcessGroupGloo.hpp")); err != nil {
		return false
	}
	for _, dir := range []string{include, "/usr/include"} {
		if _, err := os.Stat(filepath.Join(dir, "gloo/config.h")); err == nil {
			return true
		}
	}
	return false
}

// Distributed is the installation with what processes need to join a group. It is an error of code missing where libtorch's c10d cannot be
// compiled against.
func (in Installation) Distributed() (*Installation, error) {
	if !in.Gloo {
		return nil, fault.New(fault.Missing, "training by several processes needs gloo's headers, and libtorch %s in %s with c10d", in.Version, in.Lib).
			WithHint("install them with: sudo apt-get install libgloo-dev; or train with one process")
	}
	in.Joins = true
	return &in, nil
}
