package learn

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// Portable is a trained network without what belongs to its training: what is handed on to others.
type Portable struct {
	Network   video.Spec
	Segment   *MaskNet // of a network for masks, in Network's place
	Input     clip.InputSpec
	EvalScale float64
	Outputs   []PortableHead
	Table     json.RawMessage // how cells become numbers: means and SDs of the training rows, levels in order; nil: no columns
	Tensors   map[string]torch.Array

	state State
}

// PortableHead is a target as the network sees it, and how its raw outputs become scores.
type PortableHead struct {
	Name    string          `json:"name"`
	Kind    string          `json:"kind"`
	Unit    string          `json:"unit,omitempty"`
	Classes []string        `json:"classes,omitempty"`
	Raw     int             `json:"raw_outputs"`
	Decode  string          `json:"decode"`         // in words
	Mean    float64         `json:"mean,omitempty"` // of a regression target: score = raw × sd + mean
	SD      float64         `json:"sd,omitempty"`   //
	State   json.RawMessage `json:"head"`           // everything, as the checkpoint has it
}

// ReadPortable reads the best checkpoint of a training folder. What it says of the rows of its training, of time and of how training
// went is left out, so that equal networks are equal.
func ReadPortable(dir string) (*Portable, error) {
	path, err := bestPath(dir)
	if err != nil {
		return nil, err
	}
	s, tensors, err := readCheckpoint(path)
	if err != nil {
		return nil, err
	}
	p := &Portable{Network: s.Network, Segment: s.Segment, Input: s.Input, EvalScale: s.Eval, Tensors: tensors}
	p.state = State{Version: s.Version, Plan: s.Plan, Seed: s.Seed, Network: s.Network, Heads: s.Heads, Table: s.Table, Input: s.Input, Segment: s.Segment,
		Eval: s.Eval, Threads: s.Threads, ChannelsLast: s.ChannelsLast}
	for _, h := range s.Heads {
		raw, err := json.Marshal(h)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out := PortableHead{Name: h.Name, Kind: string(h.Kind), Unit: h.Unit, Classes: h.Classes, Raw: h.outputs(), Decode: h.decoding(), State: raw}
		if h.Kind == "regression" {
			out.Mean, out.SD = h.Mean, h.SD
		}
		p.Outputs = append(p.Outputs, out)
	}
	if s.Table != nil {
		if p.Table, err = json.Marshal(s.Table); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return p, nil
}

// decoding says how a head's raw outputs become scores.
func (h head) decoding() string {
	switch {
	case h.belief():
		return "parameters of a distribution; see head"
	case h.Kind == "regression":
		return "score = raw × sd + mean"
	case h.Kind == "class":
		return "softmax"
	case h.Kind == "time-to-event":
		return "hazards at the cuts; see head"
	}
	return "sigmoid"
}

// Write writes the network into dir as [LoadModel] and [LoadMaskModel] read it. Equal networks give equal bytes.
func (p *Portable) Write(dir string) (path string, err error) {
	path = filepath.Join(dir, bestFile)
	return path, writeCheckpoint(path, p.state, p.Tensors)
}

// Shape is the input of one item: [C, T, H, W], or [C, D, H, W] or [C, H, W] of a patch for masks.
func (p *Portable) Shape() []int64 {
	if s := p.Segment; s != nil {
		out := []int64{s.Spec.Channels}
		if s.Spec.Dims() == 3 {
			out = append(out, int64(s.Patch[0]))
		}
		return append(out, int64(s.Patch[1]), int64(s.Patch[2]))
	}
	return []int64{int64(p.Input.Planes()), int64(p.Input.Frames), int64(p.Input.Height), int64(p.Input.Width)}
}

// Architecture is the network's name in its registry.
func (p *Portable) Architecture() string {
	if p.Segment != nil {
		return p.Segment.Spec.Name
	}
	return p.Network.Name
}

// Parameters is the number of learnt values.
func (p *Portable) Parameters() (n int64) {
	m, err := p.module()
	if err != nil {
		return 0
	}
	m.Visit("", func(_ string, q *nn.Param) {
		if !q.Buffer {
			n += q.Numel()
		}
	})
	return n
}

func (p *Portable) module() (nn.Module, error) {
	if p.Segment != nil {
		return segment.New(p.Segment.Spec)
	}
	return video.New(p.Network)
}

// Build makes the network on an engine; the caller frees it with [nn.Free]. Its parameters lie in torch's own order whatever order
// training had them in.
func (p *Portable) Build(e *torch.Engine) (nn.Module, error) {
	m, err := p.module()
	if err != nil {
		return nil, err
	}
	s := p.state
	s.ChannelsLast = false
	if err := filled(e, m, s, p.Tensors); err != nil {
		return nil, fault.New(fault.Input, "the network's values: %w", err)
	}
	return m, nil
}
