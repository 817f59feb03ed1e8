package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/stats"
)

// agreementPage is of 40 cases by three people and a model, labels and numbers, with a truth, a label with a hostile name, and cases that some
// could not assess.
func agreementPage(t testing.TB) string {
	t.Helper()
	proto, err := protocol.Read("p", []byte(`version: 1
revision: 1
design: {kind: sequential, ai: net}
items:
  - {name: severity, label: "<script>alert(1)</script> severity", kind: ordinal, options: [{name: none}, {name: mild}, {name: severe}], positive: [severe], cannot_assess: [poor], disagreement: {metric: steps, limit: 1}}
  - {name: lvef, label: Ejection fraction, kind: number, unit: "%", disagreement: {metric: difference, limit: 12}}
  - {name: whose, kind: origin}
`))
	if err != nil {
		t.Fatal(err)
	}
	rng := stats.Seed(3).Stream("agreement page")
	r := &annotate.Records{Name: "A study", Phase: annotate.Closed, Protocol: proto, Drafts: 3}
	truth := agree.Truth{}
	options := []string{"none", "mild", "severe"}
	for i := range 40 {
		c := &annotate.Case{ID: fmt.Sprintf("%032x", i), Patient: fmt.Sprint("p", i), Images: []annotate.Picture{{Frames: 1}}}
		r.Cases = append(r.Cases, c)
		truth[c.ID] = map[string]string{"severity": options[i%3]}
	}
	for j, mask := range []string{"R-1111", "R-2222", "R-3333", "R-4444"} {
		r.Readers = append(r.Readers, annotate.ReaderRecord{Mask: mask, AI: j == 3})
		for i, c := range r.Cases {
			a := &annotate.Answer{Item: "severity", Choice: []string{options[max(0, min(2, i%3+rng.IntN(7)/3-1))]}}
			if i == 5 && j == 0 {
				a = &annotate.Answer{Item: "severity", CannotAssess: "poor"}
			}
			ef := 55 + 10*math.Sin(float64(i)) + 4*rng.NormFloat64() + float64(j)
			r.Readings = append(r.Readings, annotate.ReadingRecord{ID: fmt.Sprint(mask, i), Reader: mask, AI: j == 3, Case: c.ID, Arm: protocol.Unaided, Session: 1, Seconds: 30,
				Answers: []*annotate.Answer{a, {Item: "lvef", Value: &ef, Unit: "%"}}})
			if j < 3 {
				r.Readings = append(r.Readings, annotate.ReadingRecord{ID: fmt.Sprint(mask, i, "aided"), Reader: mask, Case: c.ID, Arm: protocol.Aided, Session: 1, Seconds: 20,
					Shown: []string{fmt.Sprint("R-4444", i)}, Prefilled: []*annotate.Answer{{ID: "s", Item: "severity", Choice: []string{options[i%3]}}},
					Answers: []*annotate.Answer{{Item: "whose", Choice: []string{[]string{"ai", "human", "unknown"}[rng.IntN(3)]}}, {ID: "s", DerivedFrom: "x", Item: "severity", Choice: []string{options[max(0, min(2, i%3+rng.IntN(5)/3-rng.IntN(2)))]}}}})
			}
		}
	}
	rep, err := agree.Analyse(t.Context(), r, agree.Options{Resamples: 100, Truth: truth, Margin: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (AgreementPage{Title: "A study", Date: "2026-01-01", Report: rep}).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAgreementPageSaysWhatIsThere(t *testing.T) {
	page := agreementPage(t)
	for _, want := range []string{"280 locked readings of 40 cases by 4 readers", "3 readings are under way", "Fleiss kappa", "Krippendorff alpha, ordinal", "ICC(2,1), agreement", "carkeet",
		"AI R-4444 – R-1111", "<svg", "Disagreements", "one could not assess it", "against the truth", "mean of people", "margin of 0.1", "mean of readers", "Readers and AI", "a reader, aided", "AI − people", "Aided − unaided", "AUROC, random readers: ", "What became of the model", "kept as it was", "Which was made by AI?", "Bang index, AI was shown", "39 of them read by all", "How to read this", "&lt;script&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<script>", "NaN", "http://", "https://", "+Inf"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if again := agreementPage(t); again != page {
		t.Error("the same readings, another page")
	}
}

// TestAgreementPageInBrowser: nothing sticks out on a desk's screen or a telephone's.
func TestAgreementPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, page := t.TempDir(), agreementPage(t)
	for _, width := range []int{1440, 390} {
		m := measure(t, browser, dir, page, width)
		if m.scroll > width || m.small > 0 {
			t.Errorf("%d pixels: %d wide, %d small texts; sticking out: %s", width, m.scroll, m.small, m.out)
		}
		for scheme, name := range []string{"dark", "light"} {
			shoot(t, browser, dir, page, width, m.height, fmt.Sprint(scheme), filepath.Join(artifacts, fmt.Sprintf("agreement-%d-%s.png", width, name)))
		}
	}
}
