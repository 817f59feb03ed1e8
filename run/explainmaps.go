package run

import (
	"context"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/methods/explain/attribute"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// mapper draws one method's maps of a model, at the input's resolution.
type mapper struct {
	e      *torch.Engine
	m      *learn.Model
	view   view
	head   int
	method string
	seed   stats.Seed
	window [3]int // of occlusion; zeros: its default
	// delta is the completeness error of the last map, of methods that have one.
	delta *float64
}

// method makes relevance [1, C or 1, T, H, W]; signed methods are read by their absolute values, the others by their positive part.
type method struct {
	name   string
	signed bool
	layer  bool // needs a layer with positions
	turned bool // not linear in the score: what speaks for "no" is drawn from the turned score, not turned afterwards
	draw   func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error)
	// score is in place of draw for methods that need nothing but scores; it returns the resolution at which it works too.
	score func(ctx context.Context, p *mapper, in explain.Input, score explain.ScoreFunc) (*explain.Map, [3]int, error)
}

const smoothSamples, smoothSpread, pathSteps = 16, 0.15, 24

var methods = []method{
	{name: "gradcam", layer: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.GradCAM(x, t, p.view.layer)
	}},
	{name: "gradcam++", layer: true, turned: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.GradCAMPlusPlus(x, t, p.view.layer)
	}},
	{name: "scorecam", layer: true, turned: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.ScoreCAM(x, t, p.view.layer, 8)
	}},
	{name: "guided-gradcam", signed: true, layer: true, turned: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.GuidedGradCAM(x, t, p.view.layer)
	}},
	{name: "gradient", signed: true, draw: func(_ *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.Gradient(x, t), nil
	}},
	{name: "input-x-gradient", signed: true, draw: func(_ *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.InputXGradient(x, t), nil
	}},
	{name: "smoothgrad", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.SmoothGrad(x, t, smoothSamples, p.noise(n, x)).Mean, nil
	}},
	{name: "smoothgrad-squared", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.SmoothGrad(x, t, smoothSamples, p.noise(n, x)).Square, nil
	}},
	{name: "vargrad", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.SmoothGrad(x, t, smoothSamples, p.noise(n, x)).Variance, nil
	}},
	{name: "integrated-gradients", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		r := n.IntegratedGradients(x, x.ZerosLike(), t, pathSteps, attribute.GaussLegendre)
		p.delta = &r.Delta[0]
		return r.Relevance, nil
	}},
	{name: "guided-backprop", signed: true, turned: true, draw: func(_ *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.GuidedBackprop(x, t), nil
	}},
	{name: "lrp", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		r, err := n.LRP(x, t, attribute.EpsilonPlusFlat(), false)
		if err != nil {
			return nil, err
		}
		p.delta = &r.Lost[0]
		return r.Relevance, nil
	}},
	{name: "deeplift", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		r, err := n.DeepLIFT(x, x.ZerosLike(), t)
		if err != nil {
			return nil, err
		}
		p.delta = &r.Delta[0]
		return r.Relevance, nil
	}},
	{name: "occlusion", score: func(ctx context.Context, p *mapper, in explain.Input, score explain.ScoreFunc) (*explain.Map, [3]int, error) {
		o := explain.OcclusionOptions{Window: p.window}
		m, _, err := explain.Occlusion(ctx, in, o, score)
		return m, o.Grid(in), err
	}},
	{name: "rise", score: func(ctx context.Context, p *mapper, in explain.Input, score explain.ScoreFunc) (*explain.Map, [3]int, error) {
		cells := [3]int{min(riseCells[0], in.T), min(riseCells[1], in.H), min(riseCells[2], in.W)}
		m, err := explain.RISE(ctx, in, riseMasks, cells, 0.5, explain.FillMean, p.seed.Stream("rise"), score) // the same masks for every network
		return m, cells, err
	}},
	{name: "attention-rollout", signed: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, _ attribute.Target) (*torch.Tensor, error) {
		return p.tokens(n.Rollout(x))
	}},
	{name: "attention-relevance", turned: true, draw: func(p *mapper, n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return p.tokens(n.AttentionRelevance(x, t))
	}},
}

// RISE's masks, and the cells [t, h, w] of each.
const riseMasks = 200

var riseCells = [3]int{4, 7, 7}

// tokenSide is the side in pixels of what a token of the zoo's transformers stands for.
const tokenSide = 16

// tokens is relevance of tokens [1, L, L] at the positions that they stand for; a class token may stand before them.
func (p *mapper) tokens(r *torch.Tensor, err error) (*torch.Tensor, error) {
	if err != nil {
		return nil, err
	}
	h, w := int64(p.m.Input.Height/tokenSide), int64(p.m.Input.Width/tokenSide)
	if h*w == 0 {
		return nil, fault.New(fault.Usage, "the picture is smaller than a token")
	}
	return attribute.TokenMap(r, r.Size(-1)/(h*w), h, w)
}

func (p *mapper) noise(n attribute.Net, x *torch.Tensor) func(int) *torch.Tensor {
	p.e.ManualSeed(p.seed)
	return n.Noise(x, smoothSpread)
}

var defaultMethods = []string{"gradcam", "gradient", "integrated-gradients"}

// MethodsInWords lists the methods of [ExplainOn].
func MethodsInWords() string {
	var names []string
	for _, m := range methods {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}

// DefaultMethodsInWords lists what [ExplainOn] draws when nothing is asked for.
func DefaultMethodsInWords() string { return strings.Join(defaultMethods, ",") }

func findMethods(names []string) ([]method, error) {
	if len(names) == 0 {
		names = defaultMethods
	}
	var out []method
	for _, name := range names {
		i := slices.IndexFunc(methods, func(m method) bool { return m.name == name })
		if i < 0 {
			return nil, fault.New(fault.Usage, "no method %q to explain with", name).WithHint("methods are %s", MethodsInWords())
		}
		out = append(out, methods[i])
	}
	return out, nil
}

// draw is the map of one input with the resolution at which the method works.
func (p *mapper) draw(ctx context.Context, in explain.Input, how method) (m *explain.Map, grid [3]int, err error) {
	p.delta = nil
	if how.score != nil {
		score, err := p.view.scorer(p.m, in)
		if err != nil {
			return nil, grid, err
		}
		return how.score(ctx, p, in, score)
	}
	s := p.e.Scope()
	defer s.Close()
	net := attribute.Net{E: p.e, Volume: p.m.Net.Volume, Forward: func(pass *nn.Pass, x *torch.Tensor) *torch.Tensor {
		pass.Table, pass.Views = p.m.Table(int(x.Size(0))), p.m.Views(int(x.Size(0)))
		y := p.m.Net.Heads(pass, x)[p.head]
		if how.turned && p.view.negate {
			y = y.Neg()
		}
		return y
	}}
	tryErr := p.e.Try(func() {
		x := p.e.FromFloat32(in.X, 1, int64(in.C), int64(in.T), int64(in.H), int64(in.W))
		var r *torch.Tensor
		if r, err = how.draw(p, net, x, attribute.Target{int64(p.view.class)}); err != nil {
			return
		}
		if r.Size(1) > 1 {
			if how.signed {
				r = r.Sum(1).Unsqueeze(1)
			} else {
				r = r.Mean(1).Unsqueeze(1)
			}
		}
		d := r.Shape()
		m = &explain.Map{T: int(d[2]), H: int(d[3]), W: int(d[4]), Values: r.Float32s()}
	})
	if err == nil {
		err = tryErr
	}
	if err != nil {
		return nil, grid, err
	}
	if p.view.negate && !how.turned {
		for i := range m.Values {
			m.Values[i] = -m.Values[i]
		}
	}
	grid = [3]int{m.T, m.H, m.W}
	return m.Resize(in.T, in.H, in.W), grid, nil
}

// shown is the map as people read it: how strongly each position speaks, without a sign.
func (p *mapper) shown(m *explain.Map, how method) *explain.Map {
	if how.signed || p.view.either {
		return m.Abs()
	}
	out := explain.NewMap(m.T, m.H, m.W)
	for i, v := range m.Values {
		out.Values[i] = max(0, v)
	}
	return out
}

// randomisation are the parts of a network from the output down: its parameters in four equal parts.
const randomisedParts = 4

// mixed copies the parameters and statistics of work from trained, and those of the chosen parts, 0 being the output's, from control.
func mixed(e *torch.Engine, work, trained, control *learn.Model, parts func(part int) bool) {
	get := func(m *learn.Model) (out []*torch.Tensor) {
		m.Net.Visit("", func(_ string, p *nn.Param) { out = append(out, p.T) })
		return out
	}
	w, t, c := get(work), get(trained), get(control)
	e.NoGrad(func() {
		for i := range w {
			from := t[i]
			if parts((len(w) - 1 - i) * randomisedParts / len(w)) {
				from = c[i]
			}
			w[i].Copy_(from)
		}
	})
}
