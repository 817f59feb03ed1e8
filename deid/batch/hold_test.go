package batch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/escrow"
	"github.com/cineloop/cineloop/dicom/tag"
)

// What is held back stands in the quarantine as it came, under its digest, for its owner alone; the index says where from and why.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "Roe.dcm")
	if err := os.WriteFile(source, []byte("as it came"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := &books{quarantine: filepath.Join(dir, "held")}
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(b.quarantine, a64+".dcm")
	for _, left := range []string{"", "half"} { // anew, and over what a crash left
		if left != "" {
			if err := os.WriteFile(target, []byte(left), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.hold(source, Record{Input: a64, Bytes: 10, Quarantine: "why"}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(target); err != nil || string(got) != "as it came" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := b.hold(filepath.Join(dir, "unreadable"), Record{Quarantine: "it can't be read"}); err != nil { // no digest: the index alone names it
		t.Error(err)
	}
	err := b.hold(filepath.Join(dir, "Doe, gone"), Record{Input: b64, Bytes: 3})
	if err == nil {
		t.Error("a file that is gone was held")
	}
	b.close()
	for path, mode := range map[string]os.FileMode{b.quarantine: 0o700, target: 0o600, filepath.Join(b.quarantine, "index.jsonl"): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: others can read it: %v", filepath.Base(path), st.Mode())
		}
	}
	raw, err := os.ReadFile(filepath.Join(b.quarantine, "index.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), raw)
	}
	var l map[string]string
	if err := json.Unmarshal([]byte(lines[0]), &l); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"file": a64 + ".dcm", "source": source, "why": "why"}, l); d != "" {
		t.Error(d)
	}
	none := &books{}
	if err := none.open(); err != nil || none.index != nil {
		t.Errorf("no quarantine was asked for: %v", err)
	}
	none.close()
}

// What a run notes for the way back: the patient with the days, the study, and nothing that stayed as it was or is not there.
func TestDeposit(t *testing.T) {
	for _, c := range []struct {
		policy string
		kinds  string
	}{{"research", "accession patient study"}, {"basic+retain-uids", "accession patient"}} {
		ds := ct("P1", "101")
		ds.SetText(tag.AccessionNumber, tag.AccessionNumber.VR(), "A-77")
		pr := profile(t, c.policy)
		b := escrow.New()
		for range 2 {
			deposit(b, pr, testKey, ds)
		}
		res, err := pr.Deidentify(testKey, ds)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, e := range b.Entries() {
			kinds = append(kinds, e.Kind)
			want := escrow.Entry{Kind: e.Kind, Key: testKey.ID}
			switch e.Kind {
			case "patient":
				want.Code, want.Original, want.Name, want.Days = res.DataSet.String(tag.PatientID), "P1", "Roe^P1", res.ShiftDays()
			case "study":
				want.Code, want.Original = res.DataSet.String(tag.StudyInstanceUID), "1.2.826.0.1.3680043.8.1"
			case "accession":
				want.Code, want.Original = res.DataSet.String(tag.AccessionNumber), "A-77"
			}
			if d := cmp.Diff(want, e); d != "" {
				t.Errorf("%s: %s", c.policy, d)
			}
		}
		if got := strings.Join(kinds, " "); got != c.kinds {
			t.Errorf("%s: %s, want %s", c.policy, got, c.kinds)
		}
	}
	// Another key, another pseudonym: each entry says whose it is.
	b := escrow.New()
	other := deid.NewKey()
	deposit(b, profile(t, "research"), testKey, ct("P1", "101"))
	deposit(b, profile(t, "research"), other, ct("P1", "101"))
	codes := map[string]string{}
	for _, e := range b.Entries() {
		if e.Kind == "patient" {
			codes[e.Key] = e.Code
		}
	}
	if len(codes) != 2 || codes[testKey.ID] == codes[other.ID] {
		t.Errorf("%v", codes)
	}
}
