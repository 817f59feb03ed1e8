package video

import (
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/fusion"
	"github.com/cineloop/cineloop/nn/views"
	"github.com/cineloop/cineloop/torch"
)

func several(k views.Kind, separate bool) Spec {
	return Spec{Name: "r3d_18", Width: 2, Channels: 1, StemStride: [3]int64{1, 2, 2}, Heads: []Head{{"ef", 1}, {"class", 3}},
		Views: &views.Spec{Kind: k, Names: []string{"A4C", "A2C"}, Slots: []int{0, 1}, Hidden: 8, Separate: separate}}
}

// TestMissingViewsAreNeverSeen: what stands in an empty slot changes neither scores nor batch statistics, and packed clips give the same.
func TestMissingViewsAreNeverSeen(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, separate := range []bool{false, true} {
			for _, k := range views.Kinds {
				s := e.Scope()
				x := e.Randn(torch.Float32, 4, 1, 4, 16, 16) // two studies of two slots
				junk := x.Clone()
				junk.Select(0, 2).Fill_(1e6)
				present := []bool{true, true, false, true}
				packed := x.IndexSelect(0, e.FromInt64s([]int64{0, 1, 3}, 3))
				var want, stats []float32
				for i, in := range []*torch.Tensor{x, junk, packed} {
					n, err := New(several(k, separate))
					if err != nil {
						t.Fatal(err)
					}
					nn.Materialise(e, n, 5)
					out := n.Forward(&nn.Pass{E: e, Train: true, Views: &nn.Views{Slots: 2, Present: present}}, in)
					if sh := out.Shape(); !slices.Equal(sh, []int64{2, 4}) {
						t.Fatalf("%s: scores %v", k, sh)
					}
					var mean []float32
					n.Visit("", func(name string, q *nn.Param) {
						if strings.HasSuffix(name, "running_mean") {
							mean = append(mean, q.T.Float32s()...)
						}
					})
					if got := out.Float32s(); i == 0 {
						want, stats = got, mean
					} else if !slices.Equal(got, want) || !slices.Equal(mean, stats) {
						t.Errorf("%s, separate %v, input %d: what stands in an empty slot was seen", k, separate, i)
					}
					nn.Free(n)
				}
				s.Close()
			}
		}
	})
}

// TestBackbonesOfTheirOwn: a batch without a view leaves its backbone a gradient of 0; names tell the views apart.
func TestBackbonesOfTheirOwn(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		n, err := New(several(views.Late, true))
		if err != nil {
			t.Fatal(err)
		}
		nn.Materialise(e, n, 5)
		defer nn.Free(n)
		y := n.Forward(&nn.Pass{E: e, Train: true, Views: nn.OneView(2, 2, 1)}, e.Randn(torch.Float32, 2, 1, 4, 16, 16))
		e.Backward(y.Square().Sum())
		moved := map[string]bool{}
		n.Visit("", func(name string, q *nn.Param) {
			if q.Buffer {
				return
			}
			g := q.T.Grad()
			if g == nil {
				t.Fatalf("%s gets no gradient", name)
			}
			for _, v := range g.Float32s() {
				if v != 0 {
					moved[strings.Join(strings.SplitN(name, ".", 3)[:2], ".")] = true
				}
			}
			g.Free()
		})
		if moved["view.0"] || !moved["view.1"] {
			t.Errorf("what learnt: %v", moved)
		}
		if a, b := n.LayerOf("", 0), n.LayerOf("layer2", 1); a != "view.0.layer4" || b != "view.1.layer2" {
			t.Errorf("%s %s", a, b)
		}
		p := &nn.Pass{E: e, Views: nn.OneView(1, 2, 1)}
		p.Capture("view.1.layer4")
		defer p.Release()
		n.Heads(p, e.Randn(torch.Float32, 1, 1, 4, 16, 16))
		if p.Captured("view.1.layer4") == nil {
			t.Error("the layer of the second view's backbone cannot be looked at")
		}
	})
}

func TestViewsAndTables(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, k := range fusion.Kinds {
			s := several(views.Attention, false)
			s.Fusion = &fusion.Spec{Kind: k, Numbers: 1, Hidden: 8}
			n, err := New(s)
			if k == fusion.Early {
				if fault.CodeOf(err) != fault.Usage {
					t.Errorf("early fusion with views: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(k, err)
			}
			nn.Materialise(e, n, 5)
			table := &nn.Table{Numbers: e.FromFloat32([]float32{1, -1}, 2, 1), Known: e.FromFloat32([]float32{1, 1}, 2, 1)}
			v := &nn.Views{Slots: 2, Present: []bool{true, false, true, true}}
			out := n.Forward(&nn.Pass{E: e, Table: table, Views: v}, e.Randn(torch.Float32, 4, 1, 4, 16, 16))
			if sh := out.Shape(); !slices.Equal(sh, []int64{2, 4}) {
				t.Errorf("%s: scores %v", k, sh)
			}
			if shape, _ := n.Cost([]int64{2, 1, 4, 16, 16}); !slices.Equal(shape, []int64{2, 4}) {
				t.Errorf("%s: cost of %v", k, shape)
			}
			nn.Free(n)
		}
	})
}

// TestViewsCost: a study of two slots costs two clips; backbones of their own have their own parameters.
func TestViewsCost(t *testing.T) {
	one := several(views.Mean, false)
	one.Views = nil
	cost := func(s Spec) nn.Cost {
		n, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		return nn.Count(n, 3, 1, 4, 16, 16)
	}
	a, b, c := cost(one), cost(several(views.Mean, false)), cost(several(views.Mean, true))
	head := int64(16+1) * 4
	if b.Params != a.Params || c.Params-head != 2*(a.Params-head) {
		t.Errorf("parameters %d, shared %d, separate %d", a.Params, b.Params, c.Params)
	}
	trunk := a.MACs - 3*16*4
	if b.MACs-2*trunk <= 0 || b.MACs-2*trunk > 1000 || c.MACs != b.MACs {
		t.Errorf("multiply-adds %d, shared %d, separate %d", a.MACs, b.MACs, c.MACs)
	}
}
