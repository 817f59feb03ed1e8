package video

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/torch"
)

// TestTwoStreams: the scores are the sum of what the picture's and the flow's halves of the head say; each stream sees its own channels; the
// picture's stream has the names, and so takes the weights, of the network alone; counts are those of both.
func TestTwoStreams(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, name := range []string{"r3d_18", "resnet18_mean", "swin3d_t", "slowfast_r50"} {
			heads := []Head{{"y", 3}}
			both := build(t, Spec{Name: name, Width: 4, Channels: 5, Streams: StreamsBoth, Heads: heads})
			alone := build(t, Spec{Name: name, Width: 4, Channels: 3, Heads: heads})
			flow := build(t, Spec{Name: name, Width: 4, Channels: 5, Streams: StreamsFlow, Heads: heads})
			for _, n := range []*Net{both, alone, flow} {
				nn.Materialise(e, n, 1)
			}
			a, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			in := atLeast(a, 2, 5, 4, 20, 20)
			x := e.Randn(torch.Float32, in...)
			w := nn.Export(both)
			picture, moving := map[string]torch.Array{}, map[string]torch.Array{}
			for key, value := range w {
				switch rest, ok := strings.CutPrefix(key, "flow."); {
				case ok:
					moving[rest] = value
				case !strings.HasPrefix(key, both.head+"."):
					picture[key] = value
				}
			}
			f, err := w[both.head+".weight"].Float32s()
			if err != nil {
				t.Fatal(err)
			}
			k := int(both.features / 2)
			var left, right []float32
			for row := range 3 {
				left, right = append(left, f[row*2*k:row*2*k+k]...), append(right, f[row*2*k+k:(row+1)*2*k]...)
			}
			picture[both.head+".weight"], moving[both.head+".weight"] = torch.ArrayOf(left, 3, int64(k)), torch.ArrayOf(right, 3, int64(k))
			picture[both.head+".bias"], moving[both.head+".bias"] = w[both.head+".bias"], torch.ArrayOf(make([]float32, 3), 3)
			for n, values := range map[*Net]map[string]torch.Array{alone: picture, flow: moving} {
				if report, err := nn.Load(e, n, values); err != nil || !report.Exact() {
					t.Fatalf("%s: %v, %v", name, report, err)
				}
			}
			e.NoGrad(func() {
				whole := both.Forward(&nn.Pass{E: e}, x).Float32s()
				one := alone.Forward(&nn.Pass{E: e}, x.Narrow(1, 0, 3)).Float32s()
				two := flow.Forward(&nn.Pass{E: e}, x).Float32s()
				for i, v := range whole {
					if math.Abs(float64(v-one[i]-two[i])) > 1e-4*math.Max(1, math.Abs(float64(v))) {
						t.Errorf("%s: score %v, the streams say %v and %v", name, v, one[i], two[i])
					}
				}
			})
			want, c := both.Cost(in)
			if c.Params != nn.Count(alone, withChannels(in, 3)...).Params+nn.Count(flow, in...).Params-3 || !slices.Equal(want, []int64{2, 3}) {
				t.Errorf("%s: %d parameters, %v", name, c.Params, want)
			}
			for _, n := range []*Net{both, alone, flow} {
				nn.Free(n)
			}
		}
	})
}

func TestStreamFaults(t *testing.T) {
	heads := []Head{{"y", 1}}
	for _, s := range []Spec{
		{Name: "r3d_18", Channels: 3, Streams: "sound", Heads: heads},
		{Name: "r3d_18", Channels: 2, Streams: StreamsBoth, Heads: heads},
		{Name: "r3d_18", Channels: 3, Streams: StreamsFlow, Heads: heads, Fusion: &fusion.Spec{Kind: fusion.Early, Numbers: 1}},
	} {
		if _, err := New(s); fault.CodeOf(err) != fault.Usage || err == nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
