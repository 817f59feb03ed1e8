package survival

import (
	"context"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/golden"
	"github.com/cineloop/cineloop/internal/testdata"
)

func TestGolden(t *testing.T) {
	dir := golden.Dir(func() string { return testdata.Shared(t, "data", "golden") })
	checks := map[string]golden.Check{}
	for _, group := range []map[string]golden.Check{lossChecks, predictChecks, metricChecks, rChecks} {
		for family, check := range group {
			checks[family] = check
		}
	}
	golden.Run(t, dir, golden.Survival, checks)
}

// flat is a matrix's elements in row-major order.
func flat(m [][]float64) []float64 { return slices.Concat(m...) }

// square is the row-major elements as rows of k.
func square(x []float64, k int) [][]float64 {
	var out [][]float64
	for lo := 0; lo < len(x); lo += k {
		out = append(out, x[lo:lo+k])
	}
	return out
}

// transposed is [person][time] from [time][person] and back.
func transposed(m [][]float64) [][]float64 {
	if len(m) == 0 {
		return nil
	}
	out := make([][]float64, len(m[0]))
	for i := range out {
		for j := range m {
			out[i] = append(out[i], m[j][i])
		}
	}
	return out
}

func labels(c golden.Case) Labels {
	return Labels{Time: c.Inputs.Floats("durations"), Event: c.Inputs.Ints("events")}
}

// lossWant compares a loss and its gradient, both as slices and as part of an engine's graph.
func lossWant(t *golden.T, output []float64, shape []int64, fn func([]float64) Loss, want func(value float64, grad []float64)) {
	t.Helper()
	l := fn(output)
	want(l.Value, l.Grad)
	value, grad, err := AttachForTest(t.Context(), output, shape, fn)
	switch {
	case fault.CodeOf(err) == fault.Missing:
		t.Log("no engine here: only the slices were checked")
	case err != nil:
		t.Error(err)
	default:
		want(value, grad)
	}
}

// AttachForTest is the loss through an engine's graph, which an external test sets: this package has no engine.
var AttachForTest func(ctx context.Context, output []float64, shape []int64, fn func([]float64) Loss) (value float64, grad []float64, err error)

// simple checks a loss whose output is a vector or matrix in the input of that name.
func simple(output string, fn func(c golden.Case) func([]float64) Loss) golden.Check {
	return func(t *golden.T, c golden.Case) {
		var x []float64
		shape := []int64{0}
		if output == "log_h" {
			x = c.Inputs.Floats(output)
			shape[0] = int64(len(x))
		} else {
			m := c.Inputs.Matrix(output)
			x = flat(m)
			shape = []int64{int64(len(m)), int64(len(m[0]))}
		}
		// Without a reduction the reference's gradient is that of the sum.
		each, factor := fn(c)(x), 1.0
		reduction := ""
		if c.Params.Has("reduction") {
			reduction = c.Params.Text("reduction")
		}
		if reduction == "none" || reduction == "sum" {
			factor = each.Count
		}
		lossWant(t, x, shape, fn(c), func(value float64, grad []float64) {
			grad = slices.Clone(grad)
			for i := range grad {
				grad[i] *= factor
			}
			var got any = value * factor
			if reduction == "none" {
				got = each.Each
				if len(each.Each) == len(x) && len(shape) == 2 {
					got = square(each.Each, int(shape[1]))
				}
			}
			t.WantWithin("loss", got, rounding(c))
			if len(shape) == 2 {
				t.Want("grad", square(grad, int(shape[1])))
			} else {
				t.Want("grad", grad)
			}
		})
	}
}

// rounding is the unit roundoff of float32 where every expected value of a loss is a float32 number: the reference then computed it in
// that precision, whatever it was given (pycox's BCESurv, whose masks are float32). Otherwise it is 0.
func rounding(c golden.Case) float64 {
	var values []float64
	if list, ok := c.Expected["loss"].([]any); ok && len(list) > 0 {
		if _, nested := list[0].([]any); nested {
			values = flat(c.Expected.Matrix("loss"))
		}
	}
	if values == nil {
		values = c.Expected.Floats("loss")
	}
	for _, v := range values {
		if float64(float32(v)) != v {
			return 0
		}
	}
	return 2e-6
}

func coxCheck(ties Ties, strata bool) golden.Check {
	return simple("log_h", func(c golden.Case) func([]float64) Loss {
		var s []int
		if strata {
			s = c.Inputs.Ints("strata")
		}
		return func(x []float64) Loss { return CoxLoss(x, labels(c), ties, s) }
	})
}

func discreteCheck(loss func(phi []float64, index, event []int) Loss) golden.Check {
	return simple("phi", func(c golden.Case) func([]float64) Loss {
		return func(x []float64) Loss { return loss(x, c.Inputs.Ints("idx_durations"), c.Inputs.Ints("events")) }
	})
}

var lossChecks = map[string]golden.Check{
	"cox_ph_pycox": simple("log_h", func(c golden.Case) func([]float64) Loss {
		return func(x []float64) Loss { return CoxLossPycox(x, labels(c), c.Params.NumberOr("eps", 1e-7)) }
	}),
	"cox_ph_sorted": simple("log_h", func(c golden.Case) func([]float64) Loss {
		return func(x []float64) Loss {
			return CoxLossSorted(x, c.Inputs.Ints("events"), c.Params.NumberOr("eps", 1e-7))
		}
	}),
	"cox_breslow":        coxCheck(Breslow, false),
	"cox_efron":          coxCheck(Efron, false),
	"cox_breslow_strata": coxCheck(Breslow, true),
	"cox_efron_strata":   coxCheck(Efron, true),
	"cox_cc": func(t *golden.T, c golden.Case) {
		caseG, controls := flat(c.Inputs.Matrix("g_case")), c.Inputs.Cube("g_control")
		clamp := c.Params.Floats("clamp")
		n := len(caseG)
		all := slices.Clone(caseG)
		for _, m := range controls {
			all = append(all, flat(m)...)
		}
		lossWant(t, all, []int64{int64(len(all))}, func(x []float64) Loss {
			return CoxCCLoss(x[:n], square(x[n:], n), c.Params.Number("shrink"), clamp[0], clamp[1])
		}, func(value float64, grad []float64) {
			t.Want("loss", value)
			t.Want("grad_case", square(grad[:n], 1))
			var byControl [][][]float64
			for lo := n; lo < len(grad); lo += n {
				byControl = append(byControl, square(grad[lo:lo+n], 1))
			}
			t.Want("grad_control", byControl)
		})
	},
	"logistic_hazard": discreteCheck(LogisticHazardLoss),
	"pmf":             discreteCheck(PMFLoss),
	"mtlr":            discreteCheck(MTLRLoss),
	"bce_surv":        discreteCheck(BCESurvLoss),
	"pc_hazard": simple("phi", func(c golden.Case) func([]float64) Loss {
		return func(x []float64) Loss {
			return PCHazardLoss(x, c.Inputs.Ints("idx_durations"), c.Inputs.Ints("events"), c.Inputs.Floats("interval_frac"))
		}
	}),
	"deephit_single": func(t *golden.T, c golden.Case) {
		index, event := c.Inputs.Ints("idx_durations"), c.Inputs.Ints("events")
		alpha, sigma := c.Params.Number("alpha"), c.Params.Number("sigma")
		simple("phi", func(golden.Case) func([]float64) Loss {
			return func(x []float64) Loss { return DeepHitLoss(x, index, event, alpha, sigma).Loss }
		})(t, c)
		d := DeepHitLoss(flat(c.Inputs.Matrix("phi")), index, event, alpha, sigma)
		t.Want("nll", d.NLL)
		t.Want("rank", d.Rank)
		t.Want("rank_mat", RankMatrix(index, event))
	},
	"deephit_competing": func(t *golden.T, c golden.Case) {
		index, event := c.Inputs.Ints("idx_durations"), c.Inputs.Ints("events")
		alpha, sigma := c.Params.Number("alpha"), c.Params.Number("sigma")
		phi := c.Inputs.Cube("phi")
		risks, k := len(phi[0]), len(phi[0][0])
		var x []float64
		for _, m := range phi {
			x = append(x, flat(m)...)
		}
		lossWant(t, x, []int64{int64(len(phi)), int64(risks), int64(k)}, func(x []float64) Loss {
			return DeepHitCompetingLoss(x, risks, index, event, alpha, sigma).Loss
		}, func(value float64, grad []float64) {
			t.Want("loss", value)
			var byPerson [][][]float64
			for lo := 0; lo < len(grad); lo += risks * k {
				byPerson = append(byPerson, square(grad[lo:lo+risks*k], k))
			}
			t.Want("grad", byPerson)
		})
		t.Want("nll", DeepHitCompetingLoss(x, risks, index, event, alpha, sigma).NLL)
		t.Want("rank_mat", RankMatrix(index, event))
	},
}
