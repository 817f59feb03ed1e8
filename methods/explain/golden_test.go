package explain_test

import (
	"context"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/golden"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/methods/explain/attribute"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// The references are captum, zennit, scipy, scikit-image and formulas written independently; see each case's source. Networks are
// computed in float64 by the engine.
func TestGolden(t *testing.T) {
	dir := golden.Dir(func() string { return testdata.Shared(t, "data", "golden") })
	checks := map[string]golden.Check{"map_similarity": similarity, "map_quality": quality}
	for _, net := range []string{"cnn", "cnnpool", "cnn3d", "mlp"} {
		checks["gradients_"+net] = withNet(gradients)
		checks["integrated_gradients_"+net] = withNet(integrated)
		checks["smoothgrad_"+net] = withNet(smooth)
		checks["deeplift_"+net] = withNet(deeplift)
		checks["lrp_zennit_"+net] = withNet(lrpZennit)
		if net != "cnn3d" {
			checks["lrp_captum_"+net] = withNet(lrpCaptum)
		}
		if net != "mlp" {
			checks["gradcam_"+net] = withNet(gradcam)
			checks["occlusion_"+net] = withNet(occlusion)
		}
	}
	checks["temporal_importance"] = withNet(temporal)
	checks["shapley_exact"] = withNet(shapley)
	checks["shapley_background"] = withNet(shapley)
	checks["permutation_importance"] = withNet(permutation)
	golden.Run(t, dir, golden.Explain, checks)
}

// bench is a case's network on an engine.
type bench struct {
	*golden.T
	c      golden.Case
	e      *torch.Engine
	net    attribute.Net
	x      *torch.Tensor
	target attribute.Target
}

func withNet(check func(*bench)) golden.Check {
	return func(g *golden.T, c golden.Case) {
		err := torch.Run(context.Background(), torch.Config{Threads: 1}, func(e *torch.Engine) error {
			b := &bench{T: g, c: c, e: e, net: attribute.Net{E: e, Forward: chain(e, c.Inputs["net"].([]any)).Forward}}
			if c.Inputs.Has("input") {
				b.x = b.tensor(c.Inputs["input"])
				for _, k := range c.Inputs.Ints("target") {
					b.target = append(b.target, int64(k))
				}
			}
			return e.Try(func() { check(b) })
		})
		if fault.CodeOf(err) == fault.Missing {
			g.Skip("no engine here")
		}
		if err != nil {
			g.Error(err)
		}
	}
}

// flatten is the numbers of nested lists with their shape.
func flatten(v any) (values []float64, shape []int64) {
	list, ok := v.([]any)
	if !ok {
		return []float64{golden.Values{"": v}.Number("")}, nil
	}
	shape = []int64{int64(len(list))}
	for i, e := range list {
		sub, s := flatten(e)
		values = append(values, sub...)
		if i == 0 {
			shape = append(shape, s...)
		}
	}
	return values, shape
}

// nested is t as nested slices.
func nested(t *torch.Tensor) any { return nest(t.To(torch.Float64).Float64s(), t.Shape()) }

func nest(values []float64, shape []int64) any {
	if len(shape) == 0 {
		return values[0]
	}
	step := len(values) / int(shape[0])
	out := make([]any, shape[0])
	for i := range out {
		out[i] = nest(values[i*step:(i+1)*step], shape[1:])
	}
	return out
}

func (b *bench) tensor(v any) *torch.Tensor {
	values, shape := flatten(v)
	return b.e.FromFloat64s(values, shape...)
}

func (b *bench) in(name string) *torch.Tensor { return b.tensor(b.c.Inputs[name]) }

func (b *bench) want(name string, t *torch.Tensor) { b.Helper(); b.Want(name, nested(t)) }

// chain builds a case's network with float64 parameters.
func chain(e *torch.Engine, layers []any) nn.Chain {
	var c nn.Chain
	for i, l := range layers {
		v := golden.Values(l.(map[string]any))
		param := func(name string) nn.Param {
			values, shape := flatten(v[name])
			return nn.Param{Shape: shape, T: e.FromFloat64s(values, shape...)}
		}
		ints := func(name string, n int) []int64 {
			var out []int64
			if !v.Has(name) {
				return slices.Repeat([]int64{0}, n)
			}
			for _, k := range v.Ints(name) {
				out = append(out, int64(k))
			}
			if len(out) == 1 {
				out = slices.Repeat(out, n)
			}
			return out
		}
		var m nn.Module
		switch kind := v.Text("type"); kind {
		case "Conv2d", "Conv3d":
			w, bias := param("weight"), param("bias")
			d := len(w.Shape) - 2
			m = &nn.Conv{Weight: w, Bias: &bias, Stride: ints("stride", d), Pad: ints("padding", d), Dilation: slices.Repeat([]int64{1}, d), Groups: 1}
		case "Linear":
			m = &nn.Linear{Weight: param("weight"), Bias: param("bias")}
		case "ReLU":
			m = nn.ReLU{}
		case "MaxPool2d", "AvgPool2d", "MaxPool3d", "AvgPool3d":
			d := int(kind[len(kind)-2] - '0')
			stride := ints("kernel", d)
			if v.Has("stride") {
				stride = ints("stride", d)
			}
			m = nn.Pool{Kernel: ints("kernel", d), Stride: stride, Pad: ints("padding", d), Mean: kind[0] == 'A'}
		case "Flatten":
			m = flat{}
		default:
			panic("golden: a layer of type " + kind)
		}
		c = append(c, nn.Named{Name: strconv.Itoa(i), Module: m})
	}
	return c
}

type flat struct{}

func (flat) Visit(string, func(string, *nn.Param))             {}
func (flat) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor { return x.Flatten(1, -1) }
func (flat) Cost(in []int64) ([]int64, nn.Cost)                { return in, nn.Cost{} }

func gradients(b *bench) {
	b.want("output", b.net.Forward(&nn.Pass{E: b.e}, b.x.Clone()))
	b.want("saliency_signed", b.net.Gradient(b.x, b.target))
	b.want("input_x_gradient", b.net.InputXGradient(b.x, b.target))
	b.want("guided_backprop", b.net.GuidedBackprop(b.x, b.target))
	b.want("deconvolution", b.net.Deconvolution(b.x, b.target))
}

func integrated(b *bench) {
	k := int(b.c.Params.Number("n_steps"))
	for _, q := range []attribute.Quadrature{attribute.GaussLegendre, attribute.Trapezoid, attribute.Middle, attribute.Left, attribute.Right} {
		r := b.net.IntegratedGradients(b.x, b.in("baseline"), b.target, k, q)
		b.want(string(q), r.Relevance)
		if q == attribute.GaussLegendre {
			b.Want("delta_gausslegendre", r.Delta)
		}
	}
}

func smooth(b *bench) {
	noise := b.in("noise")
	r := b.net.SmoothGrad(b.x, b.target, int(noise.Size(0)), func(i int) *torch.Tensor { return noise.Select(0, int64(i)) })
	b.want("smoothgrad", r.Mean)
	b.want("smoothgrad_sq", r.Square)
	b.want("vargrad", r.Variance)
}

func deeplift(b *bench) {
	r, err := b.net.DeepLIFTCaptum(b.x, b.in("baseline"), b.target)
	if err != nil {
		b.Fatal(err)
	}
	b.want("attribution", r.Relevance)
	b.Want("delta", r.Delta)
}

func (b *bench) lrp(name string, c attribute.Composite, fromScore bool) {
	b.Helper()
	r, err := b.net.LRP(b.x, b.target, c, fromScore)
	if err != nil {
		b.Fatal(err)
	}
	b.want(name, r.Relevance)
}

func lrpCaptum(b *bench) {
	for name, law := range map[string]attribute.Law{
		"epsilon_1e6": attribute.Epsilon(1e-6), "gamma_025": attribute.GammaSimple(0.25), "alpha1beta0_nobias": attribute.ZPlusSimple,
	} {
		b.lrp(name, attribute.Composite{Conv: law, Dense: law}, true)
	}
}

func lrpZennit(b *bench) {
	b.lrp("epsilon_plus", attribute.EpsilonPlus(), false)
	b.lrp("epsilon_alpha2_beta1", attribute.EpsilonAlphaBeta(), false)
	b.lrp("epsilon_plus_flat", attribute.EpsilonPlusFlat(), false)
	b.lrp("epsilon_gamma_box", attribute.EpsilonGammaBox(-4, 4), false)
}

func gradcam(b *bench) {
	layer := strconv.Itoa(int(b.c.Inputs.Number("layer")))
	cam, err := b.net.GradCAM(b.x, b.target, layer)
	if err != nil {
		b.Fatal(err)
	}
	b.want("gradcam", cam)
	b.want("relu", cam.Relu())
	b.want("upsampled", attribute.Upsample(cam.Relu(), b.x.Shape(), false))
	guided, err := b.net.GuidedGradCAM(b.x, b.target, layer)
	if err != nil {
		b.Fatal(err)
	}
	b.want("guided_gradcam", guided)
}

// each hands every row of the batch over as an input with its score, float32 as in use.
func (b *bench) each(probability bool, fn func(row int, in explain.Input, score explain.ScoreFunc)) {
	shape := b.x.Shape()
	in := explain.Input{C: int(shape[1]), T: 1, H: int(shape[len(shape)-2]), W: int(shape[len(shape)-1])}
	if len(shape) == 5 {
		in.T = int(shape[2])
	}
	for row, k := range b.target {
		one := in
		one.X = b.x.Select(0, int64(row)).To(torch.Float32).Float32s()
		fn(row, one, func(x []float32, n int) ([]float64, error) {
			s := b.e.Scope()
			defer s.Close()
			out := b.net.Forward(&nn.Pass{E: b.e}, b.e.FromFloat32(x, append([]int64{int64(n)}, shape[1:]...)...).To(torch.Float64))
			if probability {
				out = out.Softmax(1)
			}
			return out.Select(1, k).Float64s(), nil
		})
	}
}

func occlusion(b *bench) {
	window, stride := b.c.Params.Ints("window"), b.c.Params.Ints("stride")
	value, zero := float32(b.c.Params.Number("baseline")), float32(0)
	mask, _ := flatten(b.c.Inputs["region_mask"])
	shape := b.x.Shape()
	var occluded, ablated []float64
	serial := [][]float64{}
	b.each(false, func(_ int, in explain.Input, score explain.ScoreFunc) {
		if window[0] != in.C || len(mask) != len(in.X) {
			b.Fatalf("windows over %d of %d channels, a mask of %d", window[0], in.C, len(mask))
		}
		opt := explain.OcclusionOptions{Window: [3]int{1, 1, 1}, Stride: [3]int{1, 1, 1}, Value: &value, Clip: true}
		copy(opt.Window[4-len(window):], window[1:])
		copy(opt.Stride[4-len(window):], stride[1:])
		m, _, err := explain.Occlusion(context.Background(), in, opt, score)
		if err != nil {
			b.Fatal(err)
		}
		fall, _, err := explain.Ablate(in, regions(in, mask), "", &zero, score)
		if err != nil {
			b.Fatal(err)
		}
		byPosition := make([]float64, len(m.Values))
		for k, r := range regions(in, mask) {
			for _, p := range r.At {
				byPosition[p] = fall[k]
			}
		}
		for range in.C {
			for i, v := range m.Values {
				occluded = append(occluded, float64(v))
				ablated = append(ablated, byPosition[i])
			}
		}
	})
	b.each(true, func(row int, in explain.Input, score explain.ScoreFunc) {
		after, _, err := explain.Serial(in, regions(in, mask), "", &zero, score)
		if err != nil {
			b.Fatal(err)
		}
		for k, v := range after {
			if row == 0 {
				serial = append(serial, nil)
			}
			serial[k] = append(serial[k], v)
		}
	})
	b.WantWithin("occlusion", nest(occluded, shape), 2e-5)
	b.WantWithin("feature_ablation", nest(ablated, shape), 2e-5)
	b.WantWithin("serial", serial, 2e-5)
}

// regions are the values of a mask in order; channels have the same.
func regions(in explain.Input, mask []float64) []explain.Region {
	n := in.T * in.H * in.W
	ints := make([]int, n)
	most := 0
	for i := range ints {
		ints[i] = int(mask[i])
		most = max(most, ints[i])
	}
	var out []explain.Region
	for v := range most + 1 {
		out = append(out, explain.RegionOf(strconv.Itoa(v), ints, v))
	}
	return out
}

func temporal(b *bench) {
	var drop [][]float64
	b.each(true, func(row int, in explain.Input, score explain.ScoreFunc) {
		fall, _, err := explain.FrameImportance(in, score)
		if err != nil {
			b.Fatal(err)
		}
		for t, f := range fall {
			if row == 0 {
				drop = append(drop, nil)
			}
			drop[t] = append(drop[t], f)
		}
	})
	b.WantWithin("drop", drop, 2e-5)
}

// rows scores rows of a table, column k.
func (b *bench) rows(rows [][]float64, k int64) ([]float64, error) {
	s := b.e.Scope()
	defer s.Close()
	x := b.e.FromFloat64s(slices.Concat(rows...), int64(len(rows)), int64(len(rows[0])))
	return b.net.Forward(&nn.Pass{E: b.e}, x).Select(1, k).Contiguous(torch.Contiguous).Float64s(), nil
}

func shapley(b *bench) {
	var phi [][]float64
	var f0 []float64
	for i, row := range b.c.Inputs.Matrix("input") {
		background := [][]float64{make([]float64, len(row))}
		if b.c.Inputs.Has("background") {
			background = b.c.Inputs.Matrix("background")
		}
		game := explain.Absent(row, background, nil, func(rows [][]float64) ([]float64, error) { return b.rows(rows, b.target[i]) })
		p, empty, err := explain.ExactShapley(len(row), game)
		if err != nil {
			b.Fatal(err)
		}
		kernel, _, err := explain.KernelSHAP(len(row), 0, nil, game)
		if err != nil {
			b.Fatal(err)
		}
		for j := range p {
			if math.Abs(p[j]-kernel[j]) > 1e-9 {
				b.Errorf("row %d, player %d: Kernel SHAP with all coalitions %v, Shapley value %v", i, j, kernel[j], p[j])
			}
		}
		phi, f0 = append(phi, p), append(f0, empty)
	}
	b.Want("phi", phi)
	b.Want("f0", f0)
}

func permutation(b *bench) {
	x, y := b.c.Inputs.Matrix("X"), b.c.Inputs.Ints("y")
	scores := func(rows [][]float64) [][]float64 {
		s := b.e.Scope()
		defer s.Close()
		t := b.net.Forward(&nn.Pass{E: b.e}, b.e.FromFloat64s(slices.Concat(rows...), int64(len(rows)), int64(len(rows[0]))))
		all, k := t.Float64s(), int(t.Size(1))
		out := make([][]float64, len(rows))
		for i := range out {
			out[i] = all[i*k : (i+1)*k]
		}
		return out
	}
	miss := func(rows [][]float64) (float64, error) {
		wrong := 0.0
		for i, s := range scores(rows) {
			best := 0
			for k := range s {
				if s[k] > s[best] {
					best = k
				}
			}
			if best != y[i] {
				wrong++
			}
		}
		return wrong / float64(len(rows)), nil
	}
	entropy := func(rows [][]float64) (float64, error) {
		sum := 0.0
		for i, s := range scores(rows) {
			z := 0.0
			for _, v := range s {
				z += math.Exp(v)
			}
			sum += math.Log(z) - s[y[i]]
		}
		return sum / float64(len(rows)), nil
	}
	wrong, _ := miss(x)
	b.Want("accuracy", 1-wrong)
	var drop, rise []float64
	for c, order := range b.c.Inputs.Matrix("permutations") {
		perm := make([]int, len(order))
		for i, v := range order {
			perm[i] = int(v)
		}
		d, err := explain.PermutationImportance(x, []int{c}, perm, miss)
		if err != nil {
			b.Fatal(err)
		}
		r, err := explain.PermutationImportance(x, []int{c}, perm, entropy)
		if err != nil {
			b.Fatal(err)
		}
		drop, rise = append(drop, d), append(rise, r)
	}
	b.Want("accuracy_drop", drop)
	b.Want("ce_rise", rise)
}

func plane(c golden.Case, name string) explain.Plane {
	m := c.Inputs.Matrix(name)
	return explain.Plane{H: len(m), W: len(m[0]), Values: slices.Concat(m...)}
}

func similarity(g *golden.T, c golden.Case) {
	a, b := plane(c, "a"), plane(c, "b")
	x, y := a.Abs(), b.Abs()
	g.Want("spearman_abs", stats.Spearman(x.Values, y.Values))
	g.Want("spearman_diverging", stats.Spearman(a.Values, b.Values))
	ssim := func(name string, a, b explain.Plane, w explain.SSIMWindow) {
		v, err := explain.SSIM(a, b, w, 1)
		if err != nil {
			g.Fatal(err)
		}
		g.Want(name, v)
	}
	ssim("ssim_abs_win7", x, y, explain.SSIMWindow{Side: 7})
	ssim("ssim_gauss", x, y, explain.SSIMWindow{Sigma: 1.5})
	ssim("ssim_win5", a.Unit(), b.Unit(), explain.SSIMWindow{Side: 5})
	g.Want("hog_a", explain.HOG(x))
	g.Want("pearson_hog_abs", stats.Pearson(explain.HOG(x), explain.HOG(y)))
}

func quality(g *golden.T, c golden.Case) {
	p, m := plane(c, "map"), plane(c, "mask")
	mask := make([]bool, len(m.Values))
	for i, v := range m.Values {
		mask[i] = v != 0
	}
	l, err := explain.Localise(p.Values, mask)
	if err != nil {
		g.Fatal(err)
	}
	g.Want("gini", explain.Gini(p.Values))
	g.Want("complexity", explain.Complexity(p.Values))
	g.Want("pointing", l.Pointing)
	g.Want("mass", l.Mass)
	g.Want("rank", l.Rank)
}
