package assist

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestDoubt by hand: a fair coin has one bit; two sure networks that contradict each other have a whole bit between them and none of their own.
func TestDoubt(t *testing.T) {
	half, sure, other := []float64{.5, .5}, []float64{1, 0}, []float64{0, 1}
	near(t, "coin", Doubt(Entropy, [][]float64{half}), 1, 1e-12)
	near(t, "four alike", Doubt(Entropy, [][]float64{{.25, .25, .25, .25}}), 2, 1e-12)
	near(t, "sure", Doubt(Entropy, [][]float64{sure, sure}), 0, 0)
	near(t, "contradiction", Doubt(BALD, [][]float64{sure, other}), 1, 1e-12)
	near(t, "both unsure", Doubt(BALD, [][]float64{half, half}), 0, 1e-12)
	near(t, "variance", Doubt(Variance, [][]float64{{50}, {54}}), 8, 1e-12)
	near(t, "variance of classes", Doubt(Variance, [][]float64{sure, other}), .5, 1e-12)
	for _, c := range []struct {
		measure string
		members [][]float64
	}{{Entropy, nil}, {Entropy, [][]float64{{3}}}, {Entropy, [][]float64{{.9, .9}}}, {Entropy, [][]float64{{math.NaN(), 1}}}, {BALD, [][]float64{half}}, {Variance, [][]float64{{1}}}, {Chance, [][]float64{half}}} {
		if v := Doubt(c.measure, c.members); !math.IsNaN(v) {
			t.Errorf("%s of %v: %v", c.measure, c.members, v)
		}
	}
	// BALD is never below 0 nor above the entropy of the mean.
	rng := stats.Seed(1).Stream("doubt")
	for range 500 {
		var members [][]float64
		for range 2 + rng.IntN(4) {
			p := []float64{rng.Float64(), rng.Float64(), rng.Float64()}
			s := p[0] + p[1] + p[2]
			members = append(members, []float64{p[0] / s, p[1] / s, p[2] / s})
		}
		if b, h := Doubt(BALD, members), Doubt(Entropy, members); b < 0 || b > h+1e-12 {
			t.Fatalf("BALD %v of entropy %v", b, h)
		}
	}
}

// TestOrder: every case once; those that chance did not place are in order of doubt; chance's are a share of every beginning, to within one; and
// they are drawn without regard to doubt.
func TestOrder(t *testing.T) {
	var cases []string
	doubt := map[string]float64{}
	for i := range 97 {
		c := fmt.Sprintf("c%02d", i)
		cases = append(cases, c)
		if i%10 != 3 {
			doubt[c] = float64(i)
		}
	}
	chosen := map[string]int{}
	for seed := range 200 {
		share := []float64{0, .2, .5, 1}[seed%4]
		list := Order(cases, doubt, share, stats.Seed(seed))
		seen, random, last, unknown := map[string]bool{}, 0, math.Inf(1), false
		for i, p := range list {
			if seen[p.Case] || p.Priority != float64(97-i) {
				t.Fatalf("%+v", p)
			}
			seen[p.Case] = true
			if p.Random {
				random++
				if share == .2 {
					chosen[p.Case]++
				}
			} else if math.IsNaN(p.Doubt) {
				unknown = true
			} else if p.Doubt > last || unknown {
				t.Fatalf("doubt %v after %v", p.Doubt, last)
			} else {
				last = p.Doubt
			}
			if math.Abs(float64(random)-share*float64(i+1)) > 1 {
				t.Fatalf("share %v: %d of the first %d by chance", share, random, i+1)
			}
		}
		if len(seen) != 97 {
			t.Fatalf("%d cases", len(seen))
		}
	}
	// 50 orders, 19 of 97 drawn in each: of the 50 cases of least doubt and the 47 others about as many (binomial, 4 SD).
	low, all := 0, 0
	for c, n := range chosen {
		all += n
		if c < "c50" {
			low += n
		}
	}
	if want := float64(all) * 50 / 97; math.Abs(float64(low)-want) > 4*math.Sqrt(float64(all)/4) {
		t.Errorf("%d of %d by chance are of little doubt, expected %v", low, all, want)
	}
	backwards := slices.Clone(cases)
	slices.Reverse(backwards)
	a, b := Order(cases, doubt, .2, 5), Order(backwards, doubt, .2, 5)
	for i := range a {
		if a[i].Case != b[i].Case || a[i].Random != b[i].Random {
			t.Fatal("the order of the cases changes it")
		}
	}
	if len(Order(nil, nil, .2, 1)) != 0 || len(Order([]string{"a"}, nil, .2, 1)) != 1 {
		t.Error("none, one")
	}
}

func TestScores(t *testing.T) {
	read := func(text, measure string) (map[string]float64, error) {
		return Scores(strings.NewReader(text), measure)
	}
	got, err := read("\ufefffile,uncertainty\na.dcm,0.5\nb.dcm,0.1\n", "")
	if err != nil || got["a.dcm"] != .5 || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	got, err = read("item,p_no,p_yes\na,0.5,0.5\nb,1,0\n", Entropy)
	if err != nil || got["a"] != 1 || got["b"] != 0 {
		t.Errorf("%v, %v", got, err)
	}
	got, err = read("file,member,p_no,p_yes\na,0,1,0\na,1,0,1\nb,0,1,0\nb,1,1,0\n", BALD)
	if err != nil || got["a"] != 1 || got["b"] != 0 {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct{ text, measure, want string }{
		{"", "", "table"},
		{"name,uncertainty\na,1\n", "", "no column file"},
		{"file,other\na,1\n", "", "neither"},
		{"file,uncertainty\na,much\n", "", "row 2"},
		{"file,uncertainty\na,NaN\n", "", "row 2"},
		{"file,uncertainty\na,1\na,2\n", "", "row 3: its file is there already"},
		{"file,uncertainty\na,1\n", Entropy, "row 2: columns p_CLASS"},
		{"file,p_a,p_b\na,x,1\n", Entropy, "row 2"},
		{"file,p_a,p_b\na,0.9,0.9\n", Entropy, "add up to 1"},
		{"file,p_a,p_b\na,1,0\na,0,1\n", BALD, "no column member"},
		{"file,member,p_a,p_b\na,0,1,0\n", BALD, "two networks or more"},
		{"file,p_a\n\"a", Entropy, "table"},
	} {
		if _, err := read(c.text, c.measure); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q by %q: %v", c.text, c.measure, err)
		}
	}
}

func FuzzScores(f *testing.F) {
	f.Add("file,member,p_no,p_yes\na,0,1,0\n", Entropy)
	f.Add("file,uncertainty\na,0.5\n", "")
	f.Fuzz(func(t *testing.T, text, measure string) {
		got, err := Scores(strings.NewReader(text), measure)
		if err != nil && fault.CodeOf(err) != fault.Input {
			t.Fatal(err)
		}
		for _, v := range got {
			if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
				t.Fatalf("doubt %v", v)
			}
		}
	})
}
