package golden

import (
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"
)

// Env names the folder of golden files, instead of the default one.
const Env = "CINELOOP_GOLDEN"

// Check computes a case's expected values and hands each to [T.Want].
type Check func(t *T, c Case)

// T collects what a check found about one case.
type T struct {
	testing.TB
	c    Case
	seen map[string]bool
}

// Want compares got with the expected value of that name within the case's tolerance. Numbers, whole numbers, truth values, texts and
// slices of them to any depth compare; not-a-number equals itself.
func (t *T) Want(name string, got any) {
	t.Helper()
	t.WantWithin(name, got, t.c.Tol)
}

// WantWithin is Want for code of lower precision: the tolerance is the larger of tol and the case's own.
func (t *T) WantWithin(name string, got any, tol float64) {
	t.Helper()
	want, ok := t.c.Expected[name]
	if !ok {
		t.Errorf("%s expects no %q", t.c.Name, name)
		return
	}
	t.seen[name] = true
	if diff := compare(reflect.ValueOf(got), want, max(tol, t.c.Tol)); diff != "" {
		t.Errorf("%s: %s%s\n  made by %s", t.c.Name, name, diff, t.c.Source)
	}
}

// compare is "" or where and how got differs from want.
func compare(got reflect.Value, want any, tol float64) string {
	for got.IsValid() && (got.Kind() == reflect.Interface || got.Kind() == reflect.Pointer) {
		got = got.Elem()
	}
	if list, ok := want.([]any); ok {
		if !got.IsValid() || got.Kind() != reflect.Slice && got.Kind() != reflect.Array {
			return fmt.Sprintf(" is %v, want a list of %d", got, len(list))
		}
		if got.Len() != len(list) {
			return fmt.Sprintf(" has %d elements, want %d", got.Len(), len(list))
		}
		for i, w := range list {
			if diff := compare(got.Index(i), w, tol); diff != "" {
				return fmt.Sprintf("[%d]%s", i, diff)
			}
		}
		return ""
	}
	if m, ok := want.(map[string]any); ok {
		if !got.IsValid() || got.Kind() != reflect.Map {
			return " is no map"
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			v := got.MapIndex(reflect.ValueOf(key))
			if !v.IsValid() {
				return fmt.Sprintf(".%s is missing", key)
			}
			if diff := compare(v, m[key], tol); diff != "" {
				return "." + key + diff
			}
		}
		return ""
	}
	w, ok := number(want)
	if text, isText := want.(string); !ok && isText {
		if got.IsValid() && got.Kind() == reflect.String && got.String() == text {
			return ""
		}
		return fmt.Sprintf(" is %v, want %q", got, text)
	}
	if !ok {
		return fmt.Sprintf(" wants %v, which is no number", want)
	}
	var g float64
	switch {
	case !got.IsValid():
		return " is nothing"
	case got.CanFloat():
		g = got.Float()
	case got.CanInt():
		g = float64(got.Int())
	case got.Kind() == reflect.Bool:
		if got.Bool() {
			g = 1
		}
	case (got.Kind() == reflect.Slice || got.Kind() == reflect.Array) && got.Len() == 1:
		return compare(got.Index(0), want, tol) // R and JSON write a vector of one as a number
	default:
		return fmt.Sprintf(" is a %s, want a number", got.Kind())
	}
	if math.IsNaN(w) && math.IsNaN(g) || g == w || !math.IsInf(w, 0) && math.Abs(g-w) <= tol*math.Max(1, math.Abs(w)) {
		return ""
	}
	return fmt.Sprintf(" = %.17g, want %.17g (off by %.3g, tolerance %.3g)", g, w, math.Abs(g-w), tol*math.Max(1, math.Abs(w)))
}

// Dir is $CINELOOP_GOLDEN, else what fallback says (which may skip the test).
func Dir(fallback func() string) string {
	if dir := os.Getenv(Env); dir != "" {
		return dir
	}
	return fallback()
}

// Run checks every case of the families that owner answers for, a subtest each. Registry and the table must agree.
func Run(t *testing.T, dir, owner string, checks map[string]Check) {
	cases, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range slices.Sorted(maps.Keys(checks)) {
		if Owners[family] != owner {
			t.Errorf("%s has a check for the family %s, which the table gives to %q", owner, family, Owners[family])
		}
	}
	for _, family := range slices.Sorted(maps.Keys(Owners)) {
		if Owners[family] == owner && checks[family] == nil {
			t.Errorf("%s answers for the family %s and has no check", owner, family)
		}
	}
	ran := 0
	for _, c := range cases {
		if check := checks[c.Family()]; check != nil {
			ran++
			t.Run(c.Name, func(t *testing.T) { runOne(t, c, check) })
		}
	}
	if ran == 0 {
		t.Skipf("no case for %s in %s", owner, dir)
	}
	t.Logf("%d cases of %d families checked", ran, len(checks))
}

func runOne(t testing.TB, c Case, check Check) {
	g := &T{TB: t, c: c, seen: map[string]bool{}}
	defer func() {
		if p := recover(); p != nil {
			s, ok := p.(string)
			if !ok {
				panic(p)
			}
			t.Fatalf("%s: %s", c.Name, s)
		}
	}()
	check(g, c)
	for _, name := range slices.Sorted(maps.Keys(c.Expected)) {
		if !g.seen[name] {
			t.Errorf("%s: the expected value %q was not compared", c.Name, name)
		}
	}
}
