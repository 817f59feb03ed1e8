package main

import (
	"context"

	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/methods/explain/attribute"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// way is a method: maps of pictures [N, 1, H, W].
type way struct {
	name    string
	cascade bool // in Adebayo's table
	draw    func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error)
}

const samples, spread, pathSteps = 50, 0.15, 50

var ways = []way{
	{"gradient", true, plain(attribute.Net.Gradient)},
	{"input x gradient", true, plain(attribute.Net.InputXGradient)},
	{"SmoothGrad", true, smooth(func(s attribute.Smoothed) *torch.Tensor { return s.Mean })},
	{"SmoothGrad squared", false, smooth(func(s attribute.Smoothed) *torch.Tensor { return s.Square })},
	{"VarGrad", false, smooth(func(s attribute.Smoothed) *torch.Tensor { return s.Variance })},
	{"integrated gradients", true, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.IntegratedGradients(x, x.ZerosLike(), t, pathSteps, attribute.GaussLegendre).Relevance, nil
	}},
	{"guided backprop", true, plain(attribute.Net.GuidedBackprop)},
	{"deconvolution", false, plain(attribute.Net.Deconvolution)},
	{"Grad-CAM", true, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		m, err := n.GradCAM(x, t, camLayer)
		return positive(m, x, err)
	}},
	{"Grad-CAM++", false, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		m, err := n.GradCAMPlusPlus(x, t, camLayer)
		return positive(m, x, err)
	}},
	{"guided Grad-CAM", true, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return n.GuidedGradCAM(x, t, camLayer)
	}},
	{"Score-CAM", false, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return each(x, t, func(x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
			m, err := n.ScoreCAM(x, t, camLayer, 32)
			return positive(m, x, err)
		})
	}},
	{"LRP epsilon-plus", false, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		r, err := n.LRP(x, t, attribute.EpsilonPlus(), false)
		return r.Relevance, err
	}},
	{"DeepLIFT", false, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		r, err := n.DeepLIFT(x, x.ZerosLike(), t)
		return r.Relevance, err
	}},
	{"occlusion 5x5", false, func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return each(x, t, func(x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
			zero := float32(0)
			m, _, err := explain.Occlusion(context.Background(), explain.Input{C: 1, T: 1, H: side, W: side, X: x.Float32s()},
				explain.OcclusionOptions{Window: [3]int{1, 5, 5}, Stride: [3]int{1, 2, 2}, Value: &zero, Batch: 64}, scorer(n, []int64{1, side, side}, t[0]))
			if err != nil {
				return nil, err
			}
			return n.E.FromFloat32(m.Values, 1, 1, side, side), nil
		})
	}},
}

func plain(f func(attribute.Net, *torch.Tensor, attribute.Target) *torch.Tensor) func(attribute.Net, *torch.Tensor, attribute.Target) (*torch.Tensor, error) {
	return func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		return f(n, x, t), nil
	}
}

func smooth(of func(attribute.Smoothed) *torch.Tensor) func(attribute.Net, *torch.Tensor, attribute.Target) (*torch.Tensor, error) {
	return func(n attribute.Net, x *torch.Tensor, t attribute.Target) (*torch.Tensor, error) {
		n.E.ManualSeed(1) // the same noise for every network
		return of(n.SmoothGrad(x, t, samples, n.Noise(x, spread))), nil
	}
}

// positive is the part of a class activation map that is shown, at the picture's size.
func positive(m, x *torch.Tensor, err error) (*torch.Tensor, error) {
	if err != nil {
		return nil, err
	}
	return attribute.Upsample(m.Relu(), x.Shape(), false), nil
}

// each draws one picture at a time.
func each(x *torch.Tensor, t attribute.Target, f func(*torch.Tensor, attribute.Target) (*torch.Tensor, error)) (*torch.Tensor, error) {
	var all []float32
	for i := range t {
		s := x.Engine().Scope()
		m, err := f(x.Narrow(0, int64(i), 1).Contiguous(torch.Contiguous), t[i:i+1])
		if err != nil {
			s.Close()
			return nil, err
		}
		all = append(all, m.Float32s()...)
		s.Close()
	}
	return x.Engine().FromFloat32(all, x.Shape()...), nil
}

// scorer scores inputs of shape each for one target.
func scorer(n attribute.Net, each []int64, target int64) explain.ScoreFunc {
	return func(x []float32, k int) (out []float64, err error) {
		err = n.E.Try(func() {
			s := n.E.Scope()
			defer s.Close()
			n.E.NoGrad(func() {
				z := n.Forward(&nn.Pass{E: n.E}, n.E.FromFloat32(x, append([]int64{int64(k)}, each...)...))
				out = z.Narrow(1, target, 1).Contiguous(torch.Contiguous).Float64s()
			})
		})
		return out, err
	}
}

// draw is a method's maps of pictures, one each.
func (w way) maps(e *torch.Engine, net nn.Chain, d images, target []int64) (maps []*explain.Map, err error) {
	tryErr := e.Try(func() {
		s := e.Scope()
		defer s.Close()
		x := d.on(e)
		var r *torch.Tensor
		if r, err = w.draw(attribute.Net{E: e, Forward: net.Forward}, x, target); err != nil {
			return
		}
		v := r.Float32s()
		for i := range d.label {
			n := d.side() * d.side()
			maps = append(maps, &explain.Map{T: 1, H: d.side(), W: d.side(), Values: v[i*n : (i+1)*n]})
		}
	})
	if err == nil {
		err = tryErr
	}
	return maps, err
}

// likeness is the mean similarity of maps, pair by pair; pairs of which one is constant are left out of the rank correlations and counted.
type likeness struct {
	Abs    float64 `json:"spearman_abs"`
	Signed float64 `json:"spearman_signed"`
	SSIM   float64 `json:"ssim_abs"`
	HOG    float64 `json:"pearson_hog_abs"`
	Top    float64 `json:"top_tenth_overlap"`
	Blank  int     `json:"constant_maps,omitempty"`
}

func compare(a, b []*explain.Map) (likeness, error) {
	var l likeness
	var abs, signed, ssim, hog []float64
	for i := range a {
		s, err := explain.Compare(a[i], b[i])
		if err != nil {
			return l, err
		}
		if s.Spearman == nil || s.SpearmanSigned == nil {
			l.Blank++
			continue
		}
		abs, signed = append(abs, *s.Spearman), append(signed, *s.SpearmanSigned)
		if s.SSIM != nil {
			ssim = append(ssim, *s.SSIM)
		}
		if s.HOG != nil {
			hog = append(hog, *s.HOG)
		}
		l.Top += s.TopK
	}
	l.Abs, l.Signed, l.SSIM, l.HOG = mean(abs), mean(signed), mean(ssim), mean(hog)
	l.Top /= max(1, float64(len(abs)))
	return l, nil
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v / float64(len(x))
	}
	return s
}
