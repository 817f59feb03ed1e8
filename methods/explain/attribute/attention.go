package attribute

import (
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Rollout multiplies the attention of all blocks, averaged over heads, half of each block's way being its shortcut (Abnar and Zuidema,
// "Quantifying attention flow in transformers", ACL 2020): [N, L, L], row i being what output token i is made of. It knows no target.
// Networks whose blocks attend over different tokens (divided, windowed or pooled attention) are refused.
func (n Net) Rollout(x *torch.Tensor) (*torch.Tensor, error) {
	rule := &watching{}
	defer rule.free()
	s := n.E.Scope()
	defer s.Close()
	n.E.NoGrad(func() { n.Forward(n.pass(rule), x) })
	if err := rule.check(x.Size(0)); err != nil {
		return nil, err
	}
	var r *torch.Tensor
	for _, w := range rule.weights {
		a := w.Mean(1)
		a = a.Add(n.E.Eye(a.DType(), a.Size(-1))).MulScalar(0.5)
		if r == nil {
			r = a
		} else {
			r = a.Matmul(r)
		}
	}
	s.Keep(r)
	return r, nil
}

// AttentionRelevance weights every block's attention by the positive part of the target's gradient by it and sums over blocks (Chefer et
// al., "Generic attention-model explainability", ICCV 2021, equations 5 and 6): [N, L, L] without the identity.
func (n Net) AttentionRelevance(x *torch.Tensor, target Target) (*torch.Tensor, error) {
	rule := &watching{}
	defer rule.free()
	s := n.E.Scope()
	defer s.Close()
	leaf := x.Detach().Clone().SetRequiresGrad(true)
	score := n.Score(n.pass(rule), leaf, target).Sum()
	if err := rule.check(x.Size(0)); err != nil {
		return nil, err
	}
	grads := n.E.Grad([]*torch.Tensor{score}, rule.weights, torch.GradOptions{AllowUnused: true})
	l := rule.weights[0].Size(-1)
	eye := n.E.Eye(x.DType(), l)
	r := eye.Expand(x.Size(0), l, l)
	for i, w := range rule.weights {
		if grads[i] == nil {
			continue
		}
		r = r.Add(grads[i].Mul(w.Detach()).Relu().Mean(1).Matmul(r))
	}
	r = r.Sub(eye)
	s.Keep(r)
	return r, nil
}

// TokenMap reads the relevance of positions off token relevance [N, L, L]: the class token's row where L is one more than the grid's
// t·h·w, else the mean over rows: [N, 1, t, h, w].
func TokenMap(r *torch.Tensor, t, h, w int64) (*torch.Tensor, error) {
	n, l := r.Size(0), r.Size(-1)
	switch t * h * w {
	case l - 1:
		return r.Select(1, 0).Narrow(1, 1, l-1).Reshape(n, 1, t, h, w), nil
	case l:
		return r.Mean(1).Reshape(n, 1, t, h, w), nil
	}
	return nil, fault.New(fault.Usage, "%d tokens are no grid of %d×%d×%d positions", l, t, h, w)
}

// watching keeps attention weights.
type watching struct{ weights []*torch.Tensor }

func (w *watching) Layer(m nn.Module, plain func(*torch.Tensor) *torch.Tensor, x *torch.Tensor) *torch.Tensor {
	y := plain(x)
	if _, is := m.(nn.AttentionWeights); !is {
		return y
	}
	w.weights = append(w.weights, y)
	y.Keep()
	return y
}

func (*watching) Sum(a, b *torch.Tensor) *torch.Tensor { return a.Add(b) }

func (w *watching) free() {
	for _, t := range w.weights {
		t.Free()
	}
}

func (w *watching) check(n int64) error {
	if len(w.weights) == 0 {
		return fault.New(fault.Usage, "the network has no attention to follow")
	}
	first := w.weights[0].Shape()
	for _, t := range w.weights {
		if s := t.Shape(); s[0] != n || s[2] != s[3] || s[2] != first[2] {
			return fault.New(fault.Usage, "attention %v after %v: only blocks that all attend over the same tokens can be followed", s, first)
		}
	}
	return nil
}
