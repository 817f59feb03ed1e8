package weights

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/torch"
)

// File is a file of weights.
type File struct {
	Format   string // pth, safetensors
	Tensors  map[string]torch.Array
	Metadata map[string]string // of safetensors
}

// Read reads path by its ending: .safetensors, anything else as what torch.save writes. Nothing in the file is executed.
func Read(path string) (*File, error) {
	f := &File{Format: "pth"}
	var err error
	if strings.EqualFold(filepath.Ext(path), ".safetensors") {
		f.Format = "safetensors"
		f.Tensors, f.Metadata, err = torch.ReadSafetensors(path)
	} else {
		f.Tensors, err = torch.ReadPTH(path)
	}
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return f, nil
}

// shapes are the tensors' shapes by name.
func shapes(tensors map[string]torch.Array) map[string][]int64 {
	out := make(map[string][]int64, len(tensors))
	for name, a := range tensors {
		out[name] = a.Shape
	}
	return out
}
