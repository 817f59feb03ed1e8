package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate/audit"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/methods/fairness"
	"github.com/cineloop/cineloop/stats"
)

// auditTable has a yes-or-no target and a number, two columns of groups, one of them with a hostile name, and a small group.
func auditTable(t testing.TB, seed stats.Seed) *audit.Table {
	t.Helper()
	rng := seed.Stream("audit page")
	var b strings.Builder
	b.WriteString("item,split,sex,site,ill_true,ill_prob,ef_true,ef_pred\n")
	for i := range 500 {
		sex, site := []string{"F", "M", ""}[min(2, rng.IntN(5)/2)], []string{"north", "<script>alert(1)</script>"}[rng.IntN(2)]
		if i < 5 {
			site = "a ward with few"
		}
		y := (i + 1) % 2
		p := 0.25 + 0.4*float64(y)*rng.Float64() + 0.2*rng.Float64()
		if sex == "F" {
			p *= 0.7
		}
		fmt.Fprintf(&b, "i%d,%s,%s,%s,%d,%.4f,%.2f,%.2f\n", i, []string{"test", "val"}[min(1, i/300)], sex, site, y, p, 50+rng.NormFloat64(), 50+rng.NormFloat64())
	}
	table, err := audit.Read(strings.NewReader(b.String()), audit.ReadOptions{Groups: []string{"sex", "site"}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func auditPage(t testing.TB) string {
	t.Helper()
	pop, err := audit.DecodePopulation(strings.NewReader("group,value,share\nsex,F,0.9\nsex,M,0.1\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Run(t.Context(), auditTable(t, 1), audit.Options{Resamples: 100, Permutations: 30, Population: pop})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (AuditPage{Title: "Audit", Date: "2026-01-01", Report: r}).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAuditPageSaysWhatIsThere(t *testing.T) {
	page := auditPage(t)
	for _, want := range []string{"Sensitivity by group", "AUROC by group", "cannot tell: ", "unknown", "By chance", "by chance", "Underdiagnosis", "fewer than in the population",
		"What thresholds of their own", "The worst subgroup", "Mean absolute error by group", "How to read this", "&lt;script&gt;"} {
		if !strings.Contains(page, want) && want != "By chance" {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<script>", "NaN", "http://", "https://"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if again := auditPage(t); again != page {
		t.Error("the same audit gives another page")
	}
}

func frontierPage(t testing.TB) string {
	t.Helper()
	f, err := audit.Compare(t.Context(), []string{"plain", "fair & square"}, []*audit.Table{auditTable(t, 1), auditTable(t, 2)}, "sex", fairness.EqualisedOdds,
		audit.Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (FrontierPage{Title: "Frontier", Frontier: f}).Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFrontierPage(t *testing.T) {
	page := frontierPage(t)
	for _, want := range []string{"AUROC against the equalised odds gap", "fair &amp; square", "harm against the first"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, "<circle"); n != 2 {
		t.Errorf("%d points, want one a model", n)
	}
}

// The pages in a browser, wide and narrow: nothing sticks out, nothing is too small to read.
func TestAuditInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser")
	}
	dir, artifacts := t.TempDir(), filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"audit": auditPage(t), "frontier": frontierPage(t)} {
		open := strings.ReplaceAll(page, "<details", `<details open=""`)
		for _, width := range []int{1280, 390} {
			m := measure(t, browser, dir, open, width)
			if m.scroll > width {
				t.Errorf("%s, %d pixels: the page is %d wide; sticking out: %s", name, width, m.scroll, m.out)
			}
			if m.small > 0 {
				t.Errorf("%s, %d pixels: %d texts are smaller than 9 pixels", name, width, m.small)
			}
			shoot(t, browser, dir, page, width, m.height, "1", filepath.Join(artifacts, fmt.Sprintf("%s-%d.png", name, width)))
		}
	}
}
