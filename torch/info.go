package torch

import (
	"regexp"

	"github.com/cineloop/cineloop/torch/bridge"
)

// Info describes the libtorch in use.
type Info struct {
	Version      string               `json:"version"`
	Installation *bridge.Installation `json:"installation"`
	Passed       []bridge.Candidate   `json:"passed_over"` // candidates before it, with reasons
	Bridge       string               `json:"bridge"`      // path of the compiled bridge
	Threads      int                  `json:"threads"`
	OneDNN       bool                 `json:"onednn"`
	OneDNNText   string               `json:"onednn_version"`
	MKL          bool                 `json:"mkl"`
	LAPACK       bool                 `json:"lapack"`
	OpenMP       bool                 `json:"openmp"`
	BLAS         string               `json:"blas"`
	OpenBLAS     bool                 `json:"openblas"` // loaded; its threads follow the engine's
	CUDA         bool                 `json:"cuda"`
	CUDADevices  int                  `json:"cuda_devices"`
	CPU          string               `json:"cpu_capability"`
	Parallel     string               `json:"parallel"` // libtorch's own text
	Build        string               `json:"build"`    // libtorch's own text
}

var (
	opInfo      = intern("cineloop::info")
	opWarnings  = intern("cineloop::warnings")
	opOperators = intern("cineloop::operators")
	opSchema    = intern("cineloop::schema")

	oneDNNLine = regexp.MustCompile(`(?i)(?:MKL-?DNN|oneDNN|DNNL)[^\n]*?v(\d+\.\d+\.\d+)`)
	blasLine   = regexp.MustCompile(`BLAS_INFO=([^,\s]+)`)
	cpuLine    = regexp.MustCompile(`CPU capability usage: (\S+)`)
)

// Info describes the libtorch in use.
func (e *Engine) Info() Info {
	v := opInfo.all(e)
	i := Info{
		Version: v[0].(string), Build: v[1].(string), Parallel: v[2].(string),
		OneDNN: v[3].(bool), MKL: v[4].(bool), LAPACK: v[5].(bool), OpenMP: v[6].(bool), CUDA: v[7].(bool), CUDADevices: int(v[8].(int64)),
		Installation: e.lib.installation, Passed: e.lib.passed, Bridge: e.lib.path, OpenBLAS: e.lib.blasThreads != 0, Threads: e.threads,
	}
	i.OneDNNText = firstGroup(oneDNNLine, i.Build)
	i.BLAS = firstGroup(blasLine, i.Build)
	i.CPU = firstGroup(cpuLine, i.Build)
	return i
}

func firstGroup(re *regexp.Regexp, s string) string {
	if m := re.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// Warnings are libtorch's warnings since the last call, a hundred at most. The bridge keeps them from standard error.
func (e *Engine) Warnings() []string { return stringsOf(opWarnings.all(e)[0]) }

// Operators are the schemas of every operator of this libtorch.
func (e *Engine) Operators() []string { return stringsOf(opOperators.all(e)[0]) }

// Schema is the schema of one operator, named as in Call.
func (e *Engine) Schema(name string) (string, error) {
	e.check()
	base, overload := splitName(name)
	r, err := e.invoke(opSchema, []any{base, overload})
	if err != nil {
		return "", err
	}
	r.next()
	return r.value().(string), nil
}

func stringsOf(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, s := range list {
		out[i], _ = s.(string)
	}
	return out
}
