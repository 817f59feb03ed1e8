package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/testdata"
)

// fakeTrust is a run with everything on it.
func fakeTrust(t testing.TB) Trust {
	t.Helper()
	p := fakePage(t)
	main := p.Variants[0]
	groups, err := audit.Run(t.Context(), &audit.Table{Predictions: main.Tables[0]}, audit.Options{Split: "test", Resamples: 60, Permutations: 30, MinGroup: 20})
	if err != nil {
		t.Fatal(err)
	}
	main.Groups = groups
	answered, wrong, all := 0.8, 0.1, 0.2
	return Trust{Name: p.Title, About: p.Description, Main: main, Others: p.Variants[1:], Maps: p.Examples, Warnings: p.Warnings,
		Motion: "The network uses more than a single frame: repeating one frame costs 0.2 of AUROC (95 % interval 0.1 to 0.3).",
		Hunt:   &Hunted{Items: 100, Words: "No shortcut was found in 100 items."}, Fields: p.Shortcuts,
		Doubts: []Uncertain{{Name: "event", Answered: &answered, Wrong: &wrong, WrongAll: &all}},
		Links:  []Link{{"all results", "report.html"}, {"elsewhere", "https://example.org/x"}, {"script", "javascript:alert(1)"}}}
}

func trustPage(t testing.TB, runs ...Trust) string {
	t.Helper()
	var b bytes.Buffer
	if err := (TrustPage{Date: "2026-01-02", Version: "0.1.0", Runs: runs}).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTrustPageAnswersItsQuestions(t *testing.T) {
	page := trustPage(t, fakeTrust(t))
	for _, want := range []string{"can it be trusted?", "Is it better than guessing?", "Will it work at another hospital?", "Does it go by the tissue?",
		"Does it serve everyone alike?", "Does it know when it does not know?", "mean anything?", "What this cannot tell",
		"it answers 80\u00a0% of the judged rows and is wrong in 10\u00a0% of them, against 20\u00a0%", `href="report.html"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	bare := regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(page, "")
	for _, not := range []string{"example.org", "javascript:", "<script", "NaN"} {
		if strings.Contains(bare, not) {
			t.Errorf("the page holds %q", not)
		}
	}
	if page != trustPage(t, fakeTrust(t)) {
		t.Error("the same run gives another page")
	}
}

// binary is a run of one yes-or-no target with a given AUROC interval over what guessing reaches.
func binary(low, high evaluate.Number) Trust {
	gain := &evaluate.Gain{Low: low - 0.5, High: high - 0.5}
	base := evaluate.Number(0.5)
	return Trust{Name: "toy", Main: Variant{Name: "held-out", HeldOut: true, Report: &evaluate.Report{Split: "test", Targets: map[string]*evaluate.TargetReport{
		"ill": {Kind: evaluate.Binary, N: 300, Patients: 300, Metrics: map[string]evaluate.Measure{"auroc": {Value: (low + high) / 2, Low: low, High: high, Level: 0.95, Baseline: &base, Gain: gain, Better: "higher"}}}}},
		Groups: &audit.Report{Level: 0.95, MinGroup: 20, Attributes: []string{"sex"}, Targets: map[string]*audit.Target{"ill": {
			Groups: map[string]map[string]*audit.Group{"sex": {"F": {N: 150}, "M": {N: 150}}}}}}},
		Hunt: &Hunted{Items: 100, Words: "No shortcut was found."}, Maps: []Example{{Trusted: true}},
		Doubts: []Uncertain{{Name: "ill", Answered: ptr(0.8), Wrong: ptr(0.1), WrongAll: ptr(0.2)}}}
}

func ptr(v float64) *float64 { return &v }

// One thing changed at a time, the verdict on top and the answer that brought it about.
func TestTrustVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*Trust)
		question int
		verdict  string
		answer   string
	}{
		"nothing against it":      {func(*Trust) {}, 0, "Ready to be tried beside doctors, not in their place.", "Yes"},
		"no better than guessing": {func(x *Trust) { *x = binary(0.45, 0.6) }, 0, "Do not use it.", "Cannot tell"},
		"worse than guessing":     {func(x *Trust) { *x = binary(0.3, 0.4) }, 0, "Do not use it.", "No"},
		"same hospitals":          {func(x *Trust) { x.Main.HeldOut = false }, 1, "Not ready to be relied on.", "Not tested"},
		"shortcut that it uses":   {func(x *Trust) { x.Hunt.InPicture, x.Hunt.Used = true, true }, 2, "Do not use it as it is.", "No, or not only"},
		"shortcut that is there":  {func(x *Trust) { x.Hunt.InPicture = true }, 2, "Not ready to be relied on.", "A shortcut is there"},
		"strong field":            {func(x *Trust) { x.Fields = []Shortcut{{Field: "site", Target: "ill", AUROC: 0.95, Strong: true}} }, 2, "Not ready to be relied on.", "None in the picture; look at the fields"},
		"too few to hunt":         {func(x *Trust) { x.Hunt.TooFew = true }, 2, "Not ready to be relied on.", "Cannot tell"},
		"a field the hunt names":  {func(x *Trust) { x.Hunt.Named = true }, 2, "Not ready to be relied on.", "None in the picture; look at the fields"},
		"not hunted":              {func(x *Trust) { x.Hunt = nil }, 2, "Not ready to be relied on.", "Not tested"},
		"no groups":               {func(x *Trust) { x.Main.Groups = nil }, 3, "Not ready to be relied on.", "Not tested"},
		"a small group": {func(x *Trust) {
			x.Main.Groups.Targets["ill"].Groups["sex"]["X"] = &audit.Group{N: 3, CannotTell: true}
		}, 3, "Not ready to be relied on.", "No harm is shown, which is not proof of none"},
		"one group only": {func(x *Trust) {
			x.Main.Groups.Targets["ill"].Groups["sex"]["F"].CannotTell = true
		}, 3, "Not ready to be relied on.", "Cannot tell"},
		"a group is served worse": {func(x *Trust) {
			x.Main.Groups.Targets["ill"].Comparisons = []audit.Comparison{{Attribute: "sex", Group: "F", Worse: true, Adjusted: 0.01}}
		}, 3, "Do not use it as it is.", "No"},
		"a worst subgroup, confirmed": {func(x *Trust) {
			x.Main.Groups.Targets["ill"].Search = &audit.Search{Found: "sex = F", Confirmed: &audit.Finding{P: 0.001}}
		}, 3, "Do not use it as it is.", "No"},
		"worse off, were this the only thing looked at": {func(x *Trust) {
			x.Main.Groups.Targets["ill"].Comparisons = []audit.Comparison{{Attribute: "sex", Group: "F", Worse: true, Adjusted: 0.04}}
		}, 3, "Not ready to be relied on.", "No harm is shown, which is not proof of none"},
		"one that is not": {func(x *Trust) {
			x.Main.Groups.Targets["ill"].Search = &audit.Search{Found: "sex = F", Confirmed: &audit.Finding{P: 0.2}}
		}, 3, "Ready to be tried beside doctors, not in their place.", "No difference is shown"},
		"always answers":      {func(x *Trust) { x.Doubts = nil }, 4, "Not ready to be relied on.", "It always answers"},
		"silence is no use":   {func(x *Trust) { x.Doubts[0].Wrong = ptr(0.25) }, 4, "Not ready to be relied on.", "Staying silent does not clearly help"},
		"maps fail":           {func(x *Trust) { x.Maps[0].Trusted = false }, 5, "Not ready to be relied on.", "No"},
		"some maps fail":      {func(x *Trust) { x.Maps = append(x.Maps, Example{}) }, 5, "Not ready to be relied on.", "Some"},
		"outlines, no maps":   {func(x *Trust) { x.Maps, x.Segments = nil, true }, 5, "Ready to be tried beside doctors, not in their place.", "It draws outlines"},
		"no maps and no need": {func(x *Trust) { x.Maps = nil }, 5, "Not ready to be relied on.", "There are none"},
	} {
		x := binary(0.7, 0.9)
		c.change(&x)
		q := x.questions()
		if v := x.verdict(q); v.Answer != c.verdict || q[c.question].Answer != c.answer {
			t.Errorf("%s: %q (%v), asked %q: %q", name, v.Answer, v.Lines, q[c.question].Question, q[c.question].Answer)
		}
	}
}

// A number that is told nearly the same to everyone is not better than guessing, whatever its typical error.
func TestTrustSeesTheFlat(t *testing.T) {
	gain := func(low, high evaluate.Number) *evaluate.Gain { return &evaluate.Gain{Low: low, High: high} }
	of := func(r2 *evaluate.Gain) Trust {
		x := binary(0.7, 0.9)
		x.Main.Report.Targets = map[string]*evaluate.TargetReport{"ef": {Kind: evaluate.Regression, N: 40, Patients: 40, Unit: "%", Metrics: map[string]evaluate.Measure{
			"mae": {Value: 7, Low: 5.8, High: 9, Level: 0.95, Better: "lower", Gain: gain(0.1, 1)}, "r2": {Value: 0.03, Low: -0.01, High: 0.08, Level: 0.95, Better: "higher", Gain: r2}}}}
		return x
	}
	if j := of(gain(-0.01, 0.1)).works(); j.Answer != "Cannot tell" || !strings.Contains(strings.Join(j.Lines, " "), "nearly the same to everyone") {
		t.Errorf("%+v", j)
	}
	if j := of(gain(0.01, 0.1)).works(); j.Answer != "Yes" {
		t.Errorf("%+v", j)
	}
}

// A model that was also chosen on the rows it is judged by says so, and a small study says what it will have missed.
func TestTrustSaysWhatItCannotTell(t *testing.T) {
	x := binary(0.7, 0.9)
	x.Main.Report.Split, x.Main.Report.Targets["ill"].Patients = "val", 40
	x.Notable = []string{"Anything about patients: simulated."}
	words := strings.Join(x.cannot(), "\n")
	for _, want := range []string{"simulated", "with 40 judged patients, what goes wrong in one of 80", "played no part in choosing it"} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not among\n%s", want, words)
		}
	}
	if v := x.verdict(x.questions()); !strings.Contains(strings.Join(v.Lines, " "), "also chosen, which flatters it") {
		t.Error(v.Lines)
	}
}

// TestTrustInBrowser looks at a page on two runs, 1440 and 390 pixels wide, light and dark.
func TestTrustInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	second := fakeTrust(t)
	second.Name, second.Main, second.Others = "The same, at sources that training never saw", second.Others[0], nil
	dir, page := t.TempDir(), trustPage(t, fakeTrust(t), second)
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(artifacts, "trust.html"), page)
	for _, width := range []int{1440, 390} {
		m := measure(t, browser, dir, page, width)
		if m.inner != width || m.scroll > width {
			t.Errorf("%d pixels: the page is %d wide in a frame of %d; sticking out: %s", width, m.scroll, m.inner, m.out)
		}
		if m.small > 0 {
			t.Errorf("%d pixels: %d texts are smaller than 9 pixels", width, m.small)
		}
		for scheme, value := range map[string]string{"light": "1", "dark": "0"} {
			shoot(t, browser, dir, page, width, m.height, value, filepath.Join(artifacts, fmt.Sprintf("trust-%d-%s.png", width, scheme)))
		}
	}
}
