package learn

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// Model is a trained network on an engine, with all that its scores need to mean something. It belongs to the engine's goroutine.
type Model struct {
	Net     *video.Net
	Targets []evaluate.Target
	Input   clip.InputSpec // as in training
	Augment clip.AugmentSpec
	State   State

	e     *torch.Engine
	about func(n int) *nn.Table // the table of the row that is looked at, n times; nil: none
	slot  int                   // of the clip that is looked at, in its study
}

// bestPath is the best checkpoint of a training folder, or of its checkpoints folder.
func bestPath(dir string) (string, error) {
	for _, p := range []string{filepath.Join(dir, checkpointDir, bestFile), filepath.Join(dir, bestFile)} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("looking for a checkpoint: %w", err)
		}
	}
	return "", fault.New(fault.NotFound, "%s has no %s/%s", dir, checkpointDir, bestFile).WithHint("train first")
}

// LoadModel loads the best checkpoint of a training folder.
func LoadModel(e *torch.Engine, dir string) (*Model, error) {
	path, err := bestPath(dir)
	if err != nil {
		return nil, err
	}
	s, tensors, err := readCheckpoint(path)
	if err != nil {
		return nil, err
	}
	net, err := video.New(s.Network)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := filled(e, net, s, tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := &Model{Net: net, Input: s.Input, Augment: clip.AugmentSpec{EvalScale: s.Eval}, State: s, e: e}
	for _, h := range s.Heads {
		m.Targets = append(m.Targets, h.Target)
	}
	return m, nil
}

// filled gives a network the values of its checkpoint; it holds none where they do not fit.
func filled(e *torch.Engine, net nn.Module, s State, tensors map[string]torch.Array) error {
	nn.Materialise(e, net, s.Seed)
	if s.ChannelsLast {
		nn.ChannelsLast(net)
	}
	report, err := nn.Load(e, net, tensors)
	if err == nil && !report.Exact() {
		err = fault.New(fault.Input, "its values do not fit its network: %s", report)
	}
	if err != nil {
		nn.Free(net)
	}
	return err
}

// Close frees the network.
func (m *Model) Close() { nn.Free(m.Net) }

// Randomise gives every parameter a new random value: the control of a sanity check.
func (m *Model) Randomise(seed stats.Seed) {
	nn.Free(m.Net)
	nn.Materialise(m.e, m.Net, seed)
	if m.State.ChannelsLast {
		nn.ChannelsLast(m.Net)
	}
}

// About says which row of a cohort the inputs of [Model.Score] and [Model.Activation] are of, for networks that use columns of its table. Of
// a study the inputs are its first clip, looked at alone.
func (m *Model) About(c *cohort.Cohort, row int) {
	m.slot = c.Rows[row].FirstSlot()
	m.about = func(n int) *nn.Table { return m.State.Table.table(m.e, c, slices.Repeat([]int{row}, n)) }
}

// Table is the columns of the row that [Model.About] named, n times; nil where none was.
func (m *Model) Table(n int) *nn.Table {
	if m.about == nil {
		return nil
	}
	return m.about(n)
}

// target is the position of the named target; the first for an empty name.
func (m *Model) target(name string) (int, error) {
	for i, t := range m.Targets {
		if name == "" || t.Name == name {
			return i, nil
		}
	}
	return 0, fault.New(fault.NotFound, "the model has no target %q", name)
}

// shape is the input of n clips.
func (m *Model) shape(n int) []int64 {
	return []int64{int64(n), int64(m.Input.Planes()), int64(m.Input.Frames), int64(m.Input.Height), int64(m.Input.Width)}
}

// Score is the named target's scores of n inputs x, [n, C, T, H, W], as predictions have them: probabilities, or the value in the
// target's unit.
func (m *Model) Score(x []float32, n int, target string) (scores [][]float64, err error) {
	i, err := m.target(target)
	if err != nil {
		return nil, err
	}
	s := m.e.Scope()
	defer s.Close()
	err = m.e.Try(func() {
		m.e.NoGrad(func() {
			outs := m.Net.Heads(&nn.Pass{E: m.e, Table: m.Table(n), Views: m.Views(n)}, m.e.FromFloat32(x, m.shape(n)...))
			for _, raw := range split(outs[i].Float32s(), m.State.Heads[i].outputs()) {
				scores = append(scores, m.State.Heads[i].decode(raw))
			}
		})
	})
	return scores, err
}

// Activation is a layer's output for one input and the gradient of one raw score (a logit, or a standardised value) by it, what
// Grad-CAM is made of.
type Activation struct {
	Value, Grad      []float32 // [Channels, T, H, W]
	Channels         int
	T, H, W          int
	Raw              float64 // the raw score
	TargetScoreIndex int
}

// Activation runs one input x [C, T, H, W] and looks at the output of the module called layer (default: the last stage). index is the
// target's class or label; 0 for binary and regression targets.
func (m *Model) Activation(x []float32, layer, target string, index int) (a *Activation, err error) {
	i, err := m.target(target)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= m.Targets[i].Width() {
		return nil, fault.New(fault.Usage, "target %q has no score %d", m.Targets[i].Name, index)
	}
	layer = m.Layer(layer)
	s := m.e.Scope()
	defer s.Close()
	p := &nn.Pass{E: m.e, Table: m.Table(1), Views: m.Views(1)}
	p.Capture(layer)
	defer p.Release()
	err = m.e.Try(func() {
		outs := m.Net.Heads(p, m.e.FromFloat32(x, m.shape(1)...))
		at := p.Captured(layer)
		if at == nil {
			return
		}
		raw := outs[i].Select(1, int64(m.State.Heads[i].output(index))).Sum()
		grad := m.e.Grad([]*torch.Tensor{raw}, []*torch.Tensor{at}, torch.GradOptions{})[0]
		v, g := m.Net.Volume(at, 1), m.Net.Volume(grad, 1)
		d := v.Shape()
		if len(d) != 5 {
			return
		}
		a = &Activation{Value: v.Float32s(), Grad: g.Float32s(), Channels: int(d[1]), T: int(d[2]), H: int(d[3]), W: int(d[4]),
			Raw: raw.Item(), TargetScoreIndex: index}
	})
	if err == nil && a == nil {
		err = fault.New(fault.Usage, "%s has no layer %q with positions in space and time", m.Net.Spec.Name, layer).
			WithHint("try layer1, layer2, layer3 or layer4")
	}
	return a, err
}
