package strictyaml

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
)

type seed uint64

type common struct {
	Note string `yaml:"note,omitempty"`
}

type recipe struct {
	common  `yaml:"-"`
	Shared  common            `yaml:",inline"`
	Name    string            `yaml:"name"`
	Seed    seed              `yaml:"seed"`
	Data    data              `yaml:"data"`
	Splits  []split           `yaml:"splits,omitempty"`
	Window  []float64         `yaml:"window,omitempty"`
	Train   train             `yaml:"train,omitempty"`
	Phantom *phantom          `yaml:"phantom,omitempty"`
	Extra   map[string]any    `yaml:"extra,omitempty"`
	Hidden  int               `yaml:"-"`
	Wait    time.Duration     `yaml:"wait,omitempty"`
	Tags    map[string]string `yaml:"tags,omitempty"`
}
type data struct {
	Root    string            `yaml:"root"`
	Where   map[string]string `yaml:"where,omitempty"`
	Targets []target          `yaml:"targets,omitempty"`
}
type target struct {
	Name     string `yaml:"name"`
	Positive string `yaml:"positive,omitempty"`
}
type split struct {
	By    string `yaml:"by"`
	Folds int    `yaml:"folds,omitempty"`
	Seed  *seed  `yaml:"seed,omitempty"`
}
type train struct {
	Epochs    int     `yaml:"epochs,omitempty"`
	BatchSize int     `yaml:"batch_size,omitempty"`
	LR        float64 `yaml:"lr,omitempty"`
	Balance   bool    `yaml:"balance,omitempty"`
}
type phantom struct {
	Patients int8 `yaml:"patients"`
}

const good = `
name: demo
note: inlined
seed: 18446744073709551615
data:
  root: &r ../shared
  where: {single_site: 1, label: "!covid", when: *r}
  targets:
    - name: ef
    - {name: dead, positive: yes}
splits:
  - {by: patient, folds: 5}
  - by: item
    seed: 7
window: [40, 4e2]
train: {epochs: 1e2, lr: 0.001, balance: true}
phantom:
  patients: 100
extra: {a: [1, two]}
wait: 90s
`

func decoded(t *testing.T) recipe {
	t.Helper()
	var r recipe
	if err := Unmarshal("r.yaml", []byte(good), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUnmarshal(t *testing.T) {
	seven := seed(7)
	want := recipe{
		Name: "demo", Seed: math.MaxUint64, Shared: common{"inlined"},
		Data: data{Root: "../shared", Where: map[string]string{"single_site": "1", "label": "!covid", "when": "../shared"},
			Targets: []target{{Name: "ef"}, {"dead", "yes"}}},
		Splits: []split{{By: "patient", Folds: 5}, {By: "item", Seed: &seven}},
		Window: []float64{40, 400}, Train: train{Epochs: 100, LR: 0.001, Balance: true},
		Phantom: &phantom{100}, Extra: map[string]any{"a": []any{1, "two"}}, Wait: 90 * time.Second,
	}
	if d := cmp.Diff(want, decoded(t), cmp.AllowUnexported(recipe{})); d != "" {
		t.Error(d)
	}
}

func TestValuesNotNamedAreKept(t *testing.T) {
	r := recipe{Name: "old", Train: train{Epochs: 9, LR: 1}}
	if err := Unmarshal("r.yaml", []byte("train: {lr: 2}\nname:\n"), &r); err != nil {
		t.Fatal(err)
	}
	if r.Name != "old" || r.Train.Epochs != 9 || r.Train.LR != 2 {
		t.Errorf("%+v", r)
	}
	if err := Unmarshal("empty.yaml", nil, &r); err != nil {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{"train:\n  epoch: 3\n", `r.yaml:2: train: unknown key "epoch" (did you mean "epochs"?)`},
		{"epochs: 3\n", `r.yaml:1: unknown key "epochs" (did you mean "train.epochs"?)`},
		{"train: {patients: 3}\n", `train: unknown key "patients" (did you mean "phantom.patients"?)`},
		{"train: {qqqqqqq: 3}\n", `known: epochs, batch_size, lr, balance`},
		{"Hidden: 3\n", `unknown key "Hidden"`},
		{"train: {epochs: 3.5}\n", `train.epochs: want a whole number, have "3.5"`},
		{"train: {epochs: \"3\"}\n", `train.epochs: want a whole number, have "3"`},
		{"train: {epochs: [3]}\n", `train.epochs: want a whole number, have a list`},
		{"train: {lr: fast}\n", `train.lr: want a number, have "fast"`},
		{"train: {balance: 1}\n", `train.balance: want true or false, have "1"`},
		{"train: 3\n", `r.yaml:1: train: want keys and values, have "3"`},
		{"seed: -1\n", `seed: want a whole number from 0 up, have "-1"`},
		{"phantom: {patients: 300}\n", `phantom.patients: want a whole number, have "300"`},
		{"splits: {by: item}\n", `splits: want a list, have keys and values`},
		{"splits:\n- by: item\n- bye: x\n", `r.yaml:3: splits.1: unknown key "bye" (did you mean "by"?)`},
		{"name: [a]\n", `name: want text, have a list`},
		{"name: a\nname: b\n", `r.yaml:2: name: given twice, first on line 1`},
		{"data:\n  where:\n    label: !covid\n", `data.where.label: "!covid" is a YAML tag`},
		{"wait: soon\n", `wait: want a duration`},
		{"a: &x {lr: 1}\ntrain:\n  <<: *x\n", `merge keys`},
		{"[a]: 1\n", `a key must be one word`},
		{"name: a\n---\nname: b\n", `more than one document`},
		{"name: [a\n", `r.yaml: line 1: did not find expected`},
		{"just words", `want keys and values`},
	} {
		var r recipe
		err := Unmarshal("r.yaml", []byte(c.doc), &r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.doc, err, c.want)
			continue
		}
		if fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: code %s", c.doc, fault.CodeOf(err))
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	var r recipe
	err := Unmarshal("r.yaml", []byte("naem: x\ntrain:\n  epochs: many\n  bathc_size: 3\n"), &r)
	want := `r.yaml:1: unknown key "naem" (did you mean "name"?)
r.yaml:3: train.epochs: want a whole number, have "many"
r.yaml:4: train: unknown key "bathc_size" (did you mean "batch_size"?)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	err = Unmarshal("r.yaml", []byte(strings.Repeat("? [x]\n: 1\n", 15)), &r)
	if err == nil || strings.Count(err.Error(), "\n") != maxFaults || !strings.HasSuffix(err.Error(), "and 5 more") {
		t.Errorf("a flood of faults: %v", err)
	}
}

// A chain of aliases, each nine times the one before, must be refused and not expanded.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("extra: &a0 {x: 1}\nsplits:\n- &s0 [x]\n")
	for i := 1; i < 12; i++ {
		b.WriteString("- &s" + string(rune('a'+i)) + " [")
		prev := "*s0"
		if i > 1 {
			prev = "*s" + string(rune('a'+i-1))
		}
		b.WriteString(strings.TrimSuffix(strings.Repeat(prev+", ", 9), ", ") + "]\n")
	}
	type nest struct {
		Extra  any     `yaml:"extra"`
		Splits [][]any `yaml:"splits"`
	}
	var n nest
	if err := Unmarshal("bomb.yaml", []byte(b.String()), &n); err == nil {
		t.Fatal("expanded")
	}
	type loop struct {
		Splits []loop `yaml:"splits"`
	}
	var l loop
	if err := Unmarshal("loop.yaml", []byte("splits: &a [{splits: *a}]\n"), &l); err == nil || !strings.Contains(err.Error(), "too large or too deep") {
		t.Fatalf("a list inside itself: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	var r recipe
	if err := ReadFile(filepath.Join(dir, "none.yaml"), &r); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("absent file: %v", err)
	}
	path := filepath.Join(dir, "r.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadFile(path, &r); err != nil || r.Name != "demo" {
		t.Errorf("%v %q", err, r.Name)
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct {
		set string
		ok  func(recipe) bool
	}{
		{"train.epochs=3", func(r recipe) bool { return r.Train.Epochs == 3 && r.Train.LR == 0.001 }},
		{"splits.0.folds=2", func(r recipe) bool { return r.Splits[0].Folds == 2 && r.Splits[0].By == "patient" }},
		{"splits.2.by=group", func(r recipe) bool { return len(r.Splits) == 3 && r.Splits[2].By == "group" }},
		{"splits.0.seed=9", func(r recipe) bool { return *r.Splits[0].Seed == 9 && *r.Splits[1].Seed == 7 }},
		{"window=[50, 350]", func(r recipe) bool { return r.Window[0] == 50 && r.Window[1] == 350 }},
		{"window.1=350", func(r recipe) bool { return r.Window[0] == 40 && r.Window[1] == 350 }},
		{"window=", func(r recipe) bool { return r.Window == nil }},
		{"splits=[]", func(r recipe) bool { return len(r.Splits) == 0 }},
		{"data.where.label=!a|b", func(r recipe) bool { return r.Data.Where["label"] == "!a|b" && r.Data.Where["single_site"] == "1" }},
		{"data.where.new=x=y", func(r recipe) bool { return r.Data.Where["new"] == "x=y" }},
		{"name=a: b", func(r recipe) bool { return r.Name == "a: b" }},
		{`name="quoted "`, func(r recipe) bool { return r.Name == "quoted " }},
		{"phantom.patients=3", func(r recipe) bool { return r.Phantom.Patients == 3 }},
		{"phantom=", func(r recipe) bool { return r.Phantom == nil }},
		{"train={lr: 5}", func(r recipe) bool { return r.Train.LR == 5 && r.Train.Epochs == 100 }},
		{"note=n", func(r recipe) bool { return r.Shared.Note == "n" }},
		{"extra.b={c: 1}", func(r recipe) bool { return r.Extra["b"] != nil && r.Extra["a"] != nil }},
		{"train.balance=false", func(r recipe) bool { return !r.Train.Balance }},
	} {
		r := decoded(t)
		if err := Set(&r, c.set); err != nil {
			t.Errorf("%s: %v", c.set, err)
		} else if !c.ok(r) {
			t.Errorf("%s: got %+v", c.set, r)
		}
	}
	var empty recipe
	if err := Set(&empty, "phantom.patients=3"); err != nil || empty.Phantom.Patients != 3 {
		t.Errorf("through a nil pointer: %v", err)
	}
}

func TestSetFaultsLeaveTheValue(t *testing.T) {
	for set, want := range map[string]string{
		"train.epoch=3":       `--set: train: unknown key "epoch" (did you mean "epochs"?)`,
		"lr=3":                `did you mean "train.lr"?`,
		"train.epochs=x":      `--set: train.epochs: want a whole number, have "x"`,
		"splits.5.folds=2":    `"5" is no position in a list of 2 (0 to 1; 2 appends)`,
		"splits.x.folds=2":    `"x" is no position`,
		"splits.0.folds=many": `splits.0.folds: want a whole number`,
		"window=[1, a]":       `window.1: want a number`,
		"window=[1":           `window: `,
		"name.x=1":            `name: is one value and has no key "x"`,
		"phantom.patients=x":  `phantom.patients`,
		"train.epochs":        `want key=value`,
		"=3":                  `want key=value`,
	} {
		r := decoded(t)
		err := Set(&r, set)
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s:\n got %v\nwant %s", set, err, want)
		}
		if d := cmp.Diff(decoded(t), r, cmp.AllowUnexported(recipe{})); d != "" {
			t.Errorf("%s changed the value: %s", set, d)
		}
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	r := decoded(t)
	r.Data.Targets[0].Positive = "1" // text that looks like a number stays text
	r.Window = []float64{0.1, 1e-7}
	r.Tags = map[string]string{"z": "1", "a": "null", "m": "!x"}
	one, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back recipe
	if err := Unmarshal("back.yaml", one, &back); err != nil {
		t.Fatalf("%v\n%s", err, one)
	}
	if d := cmp.Diff(r, back, cmp.AllowUnexported(recipe{})); d != "" {
		t.Error(d)
	}
	two, _ := Marshal(back)
	if string(one) != string(two) {
		t.Errorf("two encodings differ:\n%s\n%s", one, two)
	}
	for _, want := range []string{"\nwindow: [0.1, 1e-07]\n", "\ntags:\n  a: \"null\"\n  m: '!x'\n  z: \"1\"\n", "name: demo"} {
		if !strings.Contains(string(one), want) {
			t.Errorf("lacks %q:\n%s", want, one)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("splits: &a [{by: *a}]"))
	f.Add([]byte("extra: {a: &b [*b]}"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var r recipe
		if Unmarshal("f.yaml", doc, &r) != nil {
			return
		}
		out, err := Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back recipe
		if err := Unmarshal("again.yaml", out, &back); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
	})
}
