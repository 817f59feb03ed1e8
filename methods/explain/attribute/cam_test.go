package attribute

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// camNet has a layer "act" of two channels, relu(x) and relu(−x), whose means are weighted by a and b.
func camNet(e *torch.Engine, dims int, a, b float64) Net {
	one := slices.Repeat([]int64{1}, dims)
	conv := nn.NewConv(1, 2, one, one, slices.Repeat([]int64{0}, dims))
	shape := append([]int64{2, 1}, one...)
	conv.Weight.T, conv.Bias = e.FromFloat64s([]float64{1, -1}, shape...), nil
	c := nn.Chain{{Name: "conv", Module: conv}, {Name: "act", Module: nn.ReLU{}}, {Name: "pool", Module: nn.GlobalAvgPool{}},
		{Name: "fc", Module: dense(e, 1, 2, []float64{a, b}, []float64{0})}}
	return Net{E: e, Forward: c.Forward}
}

func TestCAMsByHand(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n := camNet(e, 2, 8, 4)
		x := e.FromFloat64s([]float64{1, -2, 3, 0}, 1, 1, 2, 2) // channels (1, 0, 3, 0) and (0, 2, 0, 0)
		// The score's gradient by each position is weight/4, which is its mean, too: the map is 2·(1, 0, 3, 0) + 1·(0, 2, 0, 0).
		cam, err := n.GradCAM(x, Target{0}, "act")
		if err != nil {
			t.Fatal(err)
		}
		near(t, "Grad-CAM", cam, 2, 2, 6, 0)
		// α = g²/(2g² + ΣA·g³): 4/(8 + 4·8) = 0.1 and 1/(2 + 2·1) = 0.25; weights Σα·g over four positions: 0.8 and 1.
		plus, err := n.GradCAMPlusPlus(x, Target{0}, "act")
		if err != nil {
			t.Fatal(err)
		}
		near(t, "Grad-CAM++", plus, 0.8, 2, 2.4, 0)
		// A channel that speaks against the score makes the signed map negative, and Grad-CAM++ leaves it out.
		n = camNet(e, 2, 8, -4)
		if cam, err = n.GradCAM(x, Target{0}, "act"); err != nil {
			t.Fatal(err)
		}
		near(t, "signed Grad-CAM", cam, 2, -2, 6, 0)
		guided, err := n.GuidedGradCAM(x, Target{0}, "act")
		if err != nil {
			t.Fatal(err)
		}
		// Guided backpropagation passes 2 where relu(x) is awake and has a positive gradient, and nothing of the other channel.
		near(t, "guided Grad-CAM", guided, 2*2, 0, 2*6, 0)
		// Score-CAM: seen through the first channel, (1/3, 0, 1, 0)·x = (1/3, 0, 3, 0) scores 8·(10/3)/4 = 20/3; through the second,
		// (0, −2, 0, 0) scores −4·2/4 = −2. A zero input scores 0. Weights are the softmax of the two.
		score, err := n.ScoreCAM(x, Target{0}, "act", 1)
		if err != nil {
			t.Fatal(err)
		}
		a, b := math.Exp(20./3), math.Exp(-2)
		a, b = a/(a+b), b/(a+b)
		near(t, "Score-CAM", score, a, 2*b, 3*a, 0)
		together, err := n.ScoreCAM(x, Target{0}, "act", 8)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "Score-CAM, both channels at once", together, floats(score)...)
	})
}

// In three dimensions time stays where it is: a layer that halves time and not the plane gives a map that is long and high as the layer is.
func TestCAMsKeepTime(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n := camNet(e, 3, 8, 4)
		x := e.Zeros(torch.Float64, 1, 1, 4, 2, 3)
		x.Select(2, 2).Add_(x.Select(2, 2).OnesLike(), 5) // only the third frame is bright
		cam, err := n.GradCAM(x, Target{0}, "act")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(cam.Shape(), []int64{1, 1, 4, 2, 3}) {
			t.Fatalf("shape %v", cam.Shape())
		}
		v := floats(cam)
		for i, x := range v {
			if (x > 0) != (i/6 == 2) {
				t.Errorf("frame %d has %g", i/6, x)
			}
		}
		up := Upsample(cam, []int64{1, 1, 8, 4, 6}, true)
		u := floats(up)
		for i, x := range u {
			if (x > 0) != (i/24 == 4 || i/24 == 5) {
				t.Errorf("frame %d of 8 has %g", i/24, x)
			}
		}
	})
}

func TestUpsample(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		m := e.FromFloat64s([]float64{0, 4}, 1, 1, 1, 2)
		near(t, "linear", Upsample(m, []int64{1, 1, 1, 4}, false), 0, 1, 3, 4)
		near(t, "nearest", Upsample(m, []int64{1, 1, 1, 4}, true), 0, 0, 4, 4)
		v := e.FromFloat64s([]float64{0, 4}, 1, 1, 2, 1, 1)
		near(t, "through time", Upsample(v, []int64{1, 1, 4, 1, 1}, false), 0, 1, 3, 4)
	})
}

// Networks of frames see N·T pictures; their volume brings the frames of a clip together again.
func TestCAMOfANetworkOfFrames(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		net, err := video.New(video.Spec{Name: "resnet18_mean", Width: 4, Channels: 1, Heads: []video.Head{{Name: "y", Width: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		nn.Materialise(e, net, 3)
		defer nn.Free(net)
		n := Net{E: e, Forward: net.Forward, Volume: net.Volume}
		x := e.Randn(torch.Float32, 2, 1, 3, 64, 64)
		cam, err := n.GradCAM(x, Target{0, 1}, net.LastStage())
		if err != nil {
			t.Fatal(err)
		}
		if s := cam.Shape(); s[0] != 2 || s[1] != 1 || s[2] != 3 {
			t.Errorf("shape %v of 2 clips of 3 frames", s)
		}
	})
}

// Nothing of a method's work stays on the engine but its result.
func TestNothingIsLeftBehind(t *testing.T) {
	engine(t, func(e *torch.Engine) {
		n := camNet(e, 2, 8, 4)
		x := e.Randn(torch.Float64, 1, 1, 6, 6)
		target := Target{0}
		methods := map[string]func() error{
			"gradient":   func() error { n.Gradient(x, target); return nil },
			"integrated": func() error { n.IntegratedGradients(x, x.ZerosLike(), target, 5, Middle); return nil },
			"smooth":     func() error { n.SmoothGrad(x, target, 4, n.Noise(x, 0.1)); return nil },
			"guided":     func() error { n.GuidedBackprop(x, target); return nil },
			"CAM":        func() error { _, err := n.GradCAM(x, target, "act"); return err },
			"CAM++":      func() error { _, err := n.GradCAMPlusPlus(x, target, "act"); return err },
			"guided CAM": func() error { _, err := n.GuidedGradCAM(x, target, "act"); return err },
			"score CAM":  func() error { _, err := n.ScoreCAM(x, target, "act", 2); return err },
			"LRP":        func() error { _, err := n.LRP(x, target, EpsilonPlus(), false); return err },
			"DeepLIFT":   func() error { _, err := n.DeepLIFT(x, x.ZerosLike(), target); return err },
		}
		for name, f := range methods {
			before := 0
			for turn := range 4 {
				s := e.Scope()
				if err := f(); err != nil {
					t.Fatal(err)
				}
				s.Close()
				switch live := e.LiveHandles(); {
				case turn == 0:
					before = live
				case live != before:
					t.Errorf("%s: %d tensors after turn %d, %d after the first", name, live, turn+1, before)
				}
			}
		}
	})
}
