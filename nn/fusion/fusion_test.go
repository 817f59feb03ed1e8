package fusion

import (
	"math"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 1, fn) }

// joined are the kinds with layers of their own.
var joined = slices.DeleteFunc(slices.Clone(Kinds), func(k Kind) bool { return k == Early })

func build(t *testing.T, e *torch.Engine, s Spec, image int64) *Fusion {
	t.Helper()
	f, err := New(s, image)
	if err != nil {
		t.Fatal(err)
	}
	nn.Materialise(e, f, 3)
	return f
}

// rows is a table of three rows: two numbers, the second unknown in row 1 where junk stands for it; one category.
func rows(e *torch.Engine, junk float32) *nn.Table {
	return &nn.Table{
		Numbers: e.FromFloat32([]float32{1, 2, -1, junk, 0.5, -2}, 3, 2), Known: e.FromFloat32([]float32{1, 1, 1, 0, 1, 1}, 3, 2),
		Levels: e.FromInt64s([]int64{1, 0, 3}, 3, 1),
	}
}

var spec = Spec{Numbers: 2, Levels: []int64{3}, Hidden: 8}

func with(k Kind) Spec { s := spec; s.Kind = k; return s }

// TestMissing: what stands for an unknown number does not matter, what is known does, and no table is a table of unknowns.
func TestMissing(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, k := range joined {
			s := e.Scope()
			f := build(t, e, with(k), 5)
			if k == FiLM { // starts as the picture's features alone
				e.NoGrad(func() { f.join.(*film).shift.Weight.T.Copy_(e.Randn(torch.Float32, 5, 8)) })
			}
			x := e.Randn(torch.Float32, 3, 5)
			run := func(table *nn.Table) []float32 {
				return f.Forward(&nn.Pass{E: e, Table: table}, x).Float32s()
			}
			a, b := run(rows(e, 7)), run(rows(e, -100))
			if !slices.Equal(a, b) {
				t.Errorf("%s: the value of an unknown number changes the result", k)
			}
			if int64(len(a)) != 3*f.Features() {
				t.Errorf("%s: %d values, %d features", k, len(a), f.Features())
			}
			other := rows(e, 7)
			other.Numbers = e.FromFloat32([]float32{-1, 2, -1, 7, 0.5, -2}, 3, 2)
			c := run(other)
			d := int(f.Features())
			if slices.Equal(a[:d], c[:d]) || !slices.Equal(a[d:], c[d:]) {
				t.Errorf("%s: a known number of row 0 must change that row and no other", k)
			}
			other.Levels = e.FromInt64s([]int64{2, 0, 3}, 3, 1)
			if g := run(other); slices.Equal(g[:d], c[:d]) {
				t.Errorf("%s: a category changes nothing", k)
			}
			none := &nn.Table{Numbers: e.Zeros(torch.Float32, 3, 2), Known: e.Zeros(torch.Float32, 3, 2), Levels: e.Zeros(torch.Int64, 3, 1)}
			if !slices.Equal(run(nil), run(none)) {
				t.Errorf("%s: no table is not a table of unknowns", k)
			}
			nn.Free(f)
			s.Close()
		}
	})
}

// TestEveryParameterLearns: the gradient reaches every tensor, and the parts that training leaves out leave no NaN.
func TestEveryParameterLearns(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, k := range joined {
			s := e.Scope()
			sp := with(k)
			sp.ColumnDrop, sp.TableDrop = 0.3, 0.2
			if k != Table && k != FiLM {
				sp.ImageDrop = 0.4
			}
			f := build(t, e, sp, 5)
			e.ManualSeed(4)
			p := &nn.Pass{E: e, Train: true, Table: rows(e, 7)}
			y := f.Forward(p, e.Randn(torch.Float32, 3, 5).SetRequiresGrad(true))
			loss := y.Mul(e.Randn(torch.Float32, y.Shape()...)).Sum()
			aux := p.Aux()
			if (aux != nil) != (k == Autoencode) || aux != nil && !(aux.Item() > 0) {
				t.Errorf("%s: a loss of its own: %v", k, aux != nil)
			}
			if aux != nil {
				loss = loss.Add(aux)
			}
			e.Backward(loss)
			f.Visit("", func(name string, q *nn.Param) {
				g := q.T.Grad()
				if g == nil {
					t.Errorf("%s: %s gets no gradient", k, name)
					return
				}
				for _, v := range g.Float32s() {
					if v-v != 0 {
						t.Errorf("%s: %s has the gradient %v", k, name, v)
					}
				}
				g.Free()
			})
			nn.Free(f)
			s.Close()
		}
	})
}

// set gives a layer constant weights.
func set(e *torch.Engine, l *nn.Linear, w ...float32) {
	e.NoGrad(func() {
		l.Weight.T.Copy_(e.FromFloat32(w, l.Weight.Shape...))
		l.Bias.T.Copy_(e.Zeros(torch.Float32, l.Bias.Shape...))
	})
}

// TestByHand works each kind on one feature and one number, with the table's code replaced by its number.
func TestByHand(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		const x, v = 0.7, 1.5 // the picture's feature, the table's number: its code is ReLU(v) = v
		tanh, sig := math.Tanh, func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
		for k, want := range map[Kind]float64{
			Table:  v,
			FiLM:   x*(1+2*v) - 3*v,
			Concat: math.Max(0, 2*x+0.5*v),
			Gated:  sig(x-v)*tanh(2*x) + (1-sig(x-v))*tanh(0.5*v),
		} {
			s := e.Scope()
			f := build(t, e, Spec{Kind: k, Numbers: 1, Hidden: 1}, 1)
			set(e, f.code[0].Module.(*nn.Linear), 1, 0)
			set(e, f.code[2].Module.(*nn.Linear), 1)
			switch j := f.join.(type) {
			case *film:
				set(e, j.scale, 2)
				set(e, j.shift, -3)
			case *concat:
				set(e, j.layer, 2, 0.5)
			case *gated:
				set(e, j.image, 2)
				set(e, j.table, 0.5)
				set(e, j.gate, 1, -1)
			}
			table := &nn.Table{Numbers: e.FromFloat32([]float32{v}, 1, 1), Known: e.FromFloat32([]float32{1}, 1, 1)}
			got := f.Forward(&nn.Pass{E: e, Table: table}, e.FromFloat32([]float32{x}, 1, 1)).Float32s()
			if len(got) != 1 || math.Abs(float64(got[0])-want) > 1e-6 {
				t.Errorf("%s: %v, want %v", k, got, want)
			}
			nn.Free(f)
			s.Close()
		}
	})
}

func TestLateHead(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		f := build(t, e, Spec{Kind: Late, Numbers: 1, Hidden: 1}, 2)
		h := NewLateHead(f, 1, nil, nil)
		nn.Materialise(e, h, 1)
		set(e, h.image, 1, 2)
		set(e, h.table, 1, 0.3, -0.6)
		x := e.FromFloat32([]float32{3, 4, 0.5, 2, 1}, 1, 5)
		if got := h.Forward(&nn.Pass{E: e}, x).Item(); got != (11+5)/2.0 { // shares start equal: σ(0) = ½
			t.Errorf("%v", got)
		}
		e.NoGrad(func() { h.share.T.Copy_(e.FromFloat32([]float32{math.MaxFloat32}, 1)) })
		if got := h.Forward(&nn.Pass{E: e}, x).Item(); got != 11 {
			t.Errorf("the picture alone: %v", got)
		}
	})
}

// TestDrops: with half of the tables left out, a row's output is that with its table or that without, and both occur; at rest nothing is
// dropped.
func TestDrops(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		f := build(t, e, Spec{Kind: Concat, Numbers: 1, Hidden: 4, TableDrop: 0.5}, 2)
		const n = 64
		x := e.Ones(torch.Float32, n, 2)
		table := &nn.Table{Numbers: e.Ones(torch.Float32, n, 1), Known: e.Ones(torch.Float32, n, 1)}
		whole := f.Forward(&nn.Pass{E: e, Table: table}, x).Float32s()[:4]
		none := f.Forward(&nn.Pass{E: e}, x).Float32s()[:4]
		got := f.Forward(&nn.Pass{E: e, Train: true, Table: table}, x).Float32s()
		count := [2]int{}
		for r := range n {
			switch row := got[4*r : 4*r+4]; {
			case close(row, whole):
				count[0]++
			case close(row, none):
				count[1]++
			default:
				t.Fatalf("row %d is neither: %v", r, row)
			}
		}
		if count[0] < 16 || count[1] < 16 {
			t.Errorf("with and without the table: %v", count)
		}
		// A picture that is absent has a code of its own, whatever stands in its place.
		g := build(t, e, Spec{Kind: Concat, Numbers: 1, Hidden: 4, ImageDrop: 0.2}, 2)
		gone := &nn.Table{Numbers: table.Numbers, Known: table.Known, NoImage: e.Ones(torch.Float32, n, 1)}
		a := g.Forward(&nn.Pass{E: e, Table: gone}, x).Float32s()
		b := g.Forward(&nn.Pass{E: e, Table: gone}, x.MulScalar(9)).Float32s()
		if !close(a, b) {
			t.Error("an absent picture is looked at")
		}
	})
}

func close(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-6 })
}

// TestProducts: an outcome that is the product of a sign in the picture and a sign in the table is beyond any weighing of two scores, and
// within what joint layers learn.
func TestProducts(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		loss := func(k Kind) float64 {
			f := build(t, e, Spec{Kind: k, Numbers: 1, Hidden: 16}, 1)
			var head nn.Module = nn.NewLinear(f.Features(), 1, nn.UniformFanIn(f.Features()), nil)
			if k == Late {
				head = NewLateHead(f, 1, nn.UniformFanIn(1), nil)
			}
			nn.Materialise(e, head, 5)
			x := e.FromFloat32([]float32{-1, -1, 1, 1}, 4, 1)
			y := e.FromFloat32([]float32{1, -1, -1, 1}, 4, 1)
			table := &nn.Table{Numbers: e.FromFloat32([]float32{-1, 1, -1, 1}, 4, 1), Known: e.Ones(torch.Float32, 4, 1)}
			last := 0.0
			for range 300 {
				s := e.Scope()
				l := head.Forward(&nn.Pass{E: e}, f.Forward(&nn.Pass{E: e, Train: true, Table: table}, x)).Sub(y).Square().Mean()
				last = l.Item()
				e.Backward(l)
				step := func(_ string, p *nn.Param) {
					if g := p.T.Grad(); g != nil {
						e.NoGrad(func() { p.T.Add_(g, -0.05) })
						g.Zero_()
						g.Free()
					}
				}
				f.Visit("", step)
				head.Visit("", step)
				s.Close()
			}
			nn.Free(f)
			nn.Free(head)
			return last
		}
		for _, k := range []Kind{Concat, Gated, Tensor, Attention} {
			if l := loss(k); l > 0.05 {
				t.Errorf("%s ends at a loss of %.3f", k, l)
			}
		}
		if l := loss(Late); l < 0.9 {
			t.Errorf("late fusion, which cannot, ends at %.3f", l)
		}
	})
}

// TestPlanes: values and whether they are known, then a channel a level, the same everywhere in the clip, all at a tenth.
func TestPlanes(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		s := with(Early)
		got := Planes(&nn.Pass{E: e, Table: rows(e, 7)}, s, []int64{3, 1, 2, 1, 2})
		want := []int64{3, 7, 2, 1, 2}
		if !slices.Equal(got.Shape(), want) || s.Channels() != 7 {
			t.Fatalf("%v, %d channels", got.Shape(), s.Channels())
		}
		v := got.Float32s()
		channel := func(r, c int) []float32 { return v[(r*7+c)*4 : (r*7+c+1)*4] }
		for r, row := range [][]float32{{1, 2, 1, 1, 1, 0, 0}, {-1, 0, 1, 0, 0, 0, 0}, {0.5, -2, 1, 1, 0, 0, 1}} {
			for c, x := range row {
				x *= planeScale
				if !slices.Equal(channel(r, c), []float32{x, x, x, x}) {
					t.Errorf("row %d, channel %d: %v, want %v", r, c, channel(r, c), x)
				}
			}
		}
	})
}

func TestImpossible(t *testing.T) {
	for name, s := range map[string]Spec{
		"no kind":                   {Numbers: 1},
		"another field's":           {Kind: "nuclear", Numbers: 1},
		"no column":                 {Kind: Concat},
		"a column without levels":   {Kind: Concat, Levels: []int64{0}},
		"everything dropped":        {Kind: Concat, Numbers: 1, TableDrop: 0.5, ImageDrop: 0.5},
		"a rate of one":             {Kind: Concat, Numbers: 1, ColumnDrop: 1},
		"not a number":              {Kind: Concat, Numbers: 1, ColumnDrop: math.NaN()},
		"a picture FiLM is without": {Kind: FiLM, Numbers: 1, ImageDrop: 0.1},
	} {
		if _, err := New(s, 4); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
