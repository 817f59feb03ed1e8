package video

import (
	"math"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
)

func build(t testing.TB, s Spec) *Net {
	t.Helper()
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rounded are networks whose multiply-adds are published in whole or half G, or with two decimals.
var rounded = map[string]bool{"timesformer": true, "videomae_vit_b": true, "slowfast_r50": true, "vit_s_16_mean": true}

// TestPublishedCounts compares every entry of the registry with what its paper or model card says: parameters exactly, multiply-adds to
// the third decimal, or to half a per cent where the paper rounds (see rounded).
func TestPublishedCounts(t *testing.T) {
	for _, a := range Architectures() {
		n := build(t, Spec{Name: a.Name, Heads: []Head{{"y", a.Classes}}})
		got := nn.Count(n, 1, 3, a.Input[0], a.Input[1], a.Input[2])
		params := got.Params
		if a.Params%10000 == 0 {
			params = (params + 5000) / 10000 * 10000
		}
		if a.Params > 0 && params != a.Params {
			t.Errorf("%s: %d parameters, published %d", a.Name, got.Params, a.Params)
		}
		within := 0.0011 // a unit of the third decimal, and what a binary fraction is off
		if rounded[a.Name] {
			within = 0.005 * a.GMACs
		}
		if g := float64(got.MACs) / 1e9; a.GMACs > 0 && math.Abs(g-a.GMACs) > within {
			t.Errorf("%s: %.4f G multiply-adds, published %.3f", a.Name, g, a.GMACs)
		}
		t.Logf("%-24s %6.2f M parameters %8.3f G multiply-adds at %v", a.Name, float64(got.Params)/1e6, float64(got.MACs)/1e9, a.Input)
		var visited int64
		names := map[string]bool{}
		n.Visit("", func(name string, p *nn.Param) {
			if names[name] {
				t.Errorf("%s: two parameters called %s", a.Name, name)
			}
			names[name] = true
			if !p.Buffer {
				visited += p.Numel()
			}
		})
		if visited != got.Params {
			t.Errorf("%s: %d parameters visited, %d counted", a.Name, visited, got.Params)
		}
		if a.Paper.Title == "" || a.Paper.Where == "" || a.Family == "" || min(a.Input[0], a.Input[1], a.Input[2], a.Least[0], a.Least[1], a.Least[2]) < 1 {
			t.Errorf("%s: an entry with gaps: %+v", a.Name, a)
		}
	}
}

// TestPseudo3DSize: the paper gives P3D-199 by its layers and the size of its file, 261 MB: ours is within two per cent of that, and has as many
// convolutions and linear layers on the way as its name says.
func TestPseudo3DSize(t *testing.T) {
	for name, layers := range map[string]int{"p3d_63": 63, "p3d_131": 131, "p3d_199": 199} {
		n := build(t, Spec{Name: name, Heads: []Head{{"y", 400}}})
		found := 0
		n.Visit("", func(name string, p *nn.Param) {
			if p.Decays() && !strings.Contains(name, "downsample") {
				found++
			}
		})
		if found != layers {
			t.Errorf("%s has %d layers", name, found)
		}
		if mb := 4 * float64(nn.Count(n, 1, 3, 16, 160, 160).Params) / 1e6; name == "p3d_199" && math.Abs(mb/261-1) > 0.02 {
			t.Errorf("%s takes %.1f MB, published 261", name, mb)
		}
	}
}

// TestCountsScale: twice the batch is twice the work; half the width is about a quarter of it (X3D rounds 12 channels to 16 and comes to less).
func TestCountsScale(t *testing.T) {
	for _, name := range Names() {
		heads := []Head{{"y", 2}}
		one := nn.Count(build(t, Spec{Name: name, Heads: heads}), 1, 3, 8, 64, 64)
		two := nn.Count(build(t, Spec{Name: name, Heads: heads}), 2, 3, 8, 64, 64)
		if two.MACs != 2*one.MACs || two.Activations != 2*one.Activations || two.Params != one.Params {
			t.Errorf("%s: batch of two %+v, of one %+v", name, two, one)
		}
		half := nn.Count(build(t, Spec{Name: name, Width: 32, Heads: heads}), 1, 3, 8, 64, 64)
		least := 3.0
		if strings.HasPrefix(name, "x3d") {
			least = 2
		}
		if r := float64(one.MACs) / float64(half.MACs); r < least || r > 4.2 {
			t.Errorf("%s: width 64 is %.2f times the work of width 32", name, r)
		}
	}
}

func TestHeadNames(t *testing.T) {
	names := func(heads ...Head) string {
		var out []string
		build(t, Spec{Name: "r3d_18", Width: 2, Heads: heads}).Visit("", func(name string, p *nn.Param) {
			if strings.HasPrefix(name, "fc") {
				out = append(out, name)
			}
		})
		return strings.Join(out, " ")
	}
	if got := names(Head{"ef", 1}); got != "fc.weight fc.bias" {
		t.Errorf("one head: %s", got)
	}
	if got := names(Head{"ef", 1}, Head{"low.ef", 1}); got != "fc.ef.weight fc.ef.bias fc.low_ef.weight fc.low_ef.bias" {
		t.Errorf("two heads: %s", got)
	}
}

func TestSpecFaults(t *testing.T) {
	heads := []Head{{"y", 1}}
	for _, s := range []Spec{
		{Name: "r3d", Heads: heads},
		{Name: "r3d_18"},
		{Name: "r3d_18", Width: -1, Heads: heads},
		{Name: "r3d_18", StemStride: [3]int64{0, 1, 1}, Heads: heads},
		{Name: "r3d_18", Dropout: 1, Heads: heads},
		{Name: "r3d_18", Heads: []Head{{"y", 0}}},
		{Name: "r3d_18", Heads: []Head{{"y", 1}, {"y", 2}}},
	} {
		if _, err := New(s); fault.CodeOf(err) != fault.Usage || err == nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
