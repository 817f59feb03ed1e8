package learn

import (
	"context"
	"fmt"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/torch"
)

// MaskModel is a trained network for masks on an engine. It belongs to the engine's goroutine.
type MaskModel struct {
	Net   *segment.Net
	State State
	e     *torch.Engine
}

// LoadMaskModel loads the best checkpoint of a training folder.
func LoadMaskModel(e *torch.Engine, dir string) (*MaskModel, error) {
	path, err := bestPath(dir)
	if err != nil {
		return nil, err
	}
	s, tensors, err := readCheckpoint(path)
	if err != nil {
		return nil, err
	}
	if s.Segment == nil {
		return nil, fault.New(fault.Input, "%s holds a network that gives scores, not masks", path)
	}
	net, err := segment.New(s.Segment.Spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := filled(e, net, s, tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &MaskModel{net, s, e}, nil
}

// Close frees the network.
func (m *MaskModel) Close() { nn.Free(m.Net) }

// Probabilities are the class probabilities [Classes, D, H, W] of a prepared case: windows of the training's patch that overlap, weighted
// by a Gaussian, each the mean over the mirror images along the given axes (D, H, W).
func (m *MaskModel) Probabilities(ctx context.Context, v *volume.Volume, overlap float64, mirror []bool, autocast string) ([]float32, error) {
	return probabilities(ctx, m.e, m.Net, m.State.Segment.Patch, v, overlap, mirror, autocast)
}

func probabilities(ctx context.Context, e *torch.Engine, net *segment.Net, patch [3]int, v *volume.Volume, overlap float64, mirror []bool, autocast string) ([]float32, error) {
	shape := append([]int64{1, int64(v.C)}, dims(patch)...)
	flat := int64(0)
	if patch[0] == 1 {
		flat = 1
	}
	flips := [][]int64{nil}
	for axis, on := range mirror {
		if !on || int64(axis) < flat {
			continue
		}
		for _, f := range flips {
			flips = append(flips, append(append([]int64{}, f...), int64(axis)+2-flat))
		}
	}
	return slide(ctx, v, patch, int(net.Spec.Classes), overlap, func(image []float32) (prob []float32, err error) {
		s := e.Scope()
		defer s.Close()
		err = e.Try(func() {
			e.NoGrad(func() {
				x := e.FromFloat32(image, shape...)
				var sum *torch.Tensor
				for _, f := range flips {
					in := x
					if len(f) > 0 {
						in = x.Flip(f...)
					}
					p := maskMaps(e, net, &nn.Pass{E: e}, autocast, in)[0].Softmax(1)
					if len(f) > 0 {
						p = p.Flip(f...)
					}
					if sum == nil {
						sum = p
					} else {
						sum = sum.Add(p)
					}
				}
				prob = sum.DivScalar(float64(len(flips))).Contiguous(torch.Contiguous).Float32s()
			})
		})
		return prob, err
	})
}

// maskMaps runs a network for masks.
func maskMaps(e *torch.Engine, net *segment.Net, p *nn.Pass, autocast string, x *torch.Tensor) []*torch.Tensor {
	var out []*torch.Tensor
	casting(e, autocast)(func() { out = net.Maps(p, x) })
	return out
}
