package batch

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// state makes an output folder with the journals given by name.
func state(t *testing.T, journals map[string]string) string {
	t.Helper()
	out := t.TempDir()
	if err := os.MkdirAll(filepath.Join(out, StateDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range journals {
		if err := os.WriteFile(filepath.Join(out, StateDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func line(t *testing.T, run, input string, rec Record) string {
	t.Helper()
	rec.Input = input
	b, err := json.Marshal(entry{Run: run, Record: rec})
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

var a64, b64, c64 = strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)

// A journal that was cut at any byte says what its whole lines say, and the next line that is added is read again.
func TestJournalCutAtEveryByte(t *testing.T) {
	one, two := line(t, "r", a64, Record{Status: Skipped, Quarantine: "x"}), line(t, "r", b64, Record{Status: Dropped, Quarantine: "y"})
	whole := one + two
	for n := range len(whole) + 1 {
		out := state(t, map[string]string{mainJournal: whole[:n]})
		j, err := openJournal(out, "r", mainJournal)
		if err != nil {
			t.Fatal(err)
		}
		_, first := j.find(out, a64)
		_, second := j.find(out, b64)
		// The line's end may be missing: its text is whole without it.
		if first != (n >= len(one)-1) || second != (n >= len(whole)-1) {
			t.Fatalf("cut at %d of %d (first line %d): %v, %v", n, len(whole), len(one), first, second)
		}
		if err := j.add(entry{Run: "r", Record: Record{Input: c64, Status: Skipped}}); err != nil {
			t.Fatal(err)
		}
		j.f.Close()
		again, err := openJournal(out, "r", "journal-2.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		again.f.Close()
		if _, ok := again.find(out, c64); !ok {
			t.Fatalf("cut at %d: the line after is lost", n)
		}
		if _, ok := again.find(out, a64); ok != first {
			t.Fatalf("cut at %d: the first line reads otherwise than before", n)
		}
	}
}

// Lines of other runs, without a digest, or of no sense say nothing; the last line of a digest counts; journals of all workers are read.
func TestJournalsOfManyWorkers(t *testing.T) {
	out := state(t, map[string]string{
		mainJournal:            line(t, "r", a64, Record{Status: Skipped, Quarantine: "old"}) + line(t, "r", a64, Record{Status: Skipped, Quarantine: "new"}) + "\x00\x00\n[]\n" + line(t, "other", c64, Record{Status: Skipped}),
		"journal-1.jsonl":      line(t, "r", b64, Record{Status: Dropped}) + line(t, "r", "short", Record{Status: Dropped}),
		"notes.jsonl":          line(t, "r", c64, Record{Status: Dropped}),
		"journal-empty.jsonl":  "",
		"journal-blanks.jsonl": "\n\n\n",
	})
	j, err := openJournal(out, "r", "journal-mine.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer j.f.Close()
	if len(j.done) != 2 {
		t.Errorf("%d entries, want those of a and b", len(j.done))
	}
	if e, ok := j.find(out, a64); !ok || e.Record.Quarantine != "new" {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := j.find(out, b64); !ok {
		t.Error("another worker's line")
	}
	if _, ok := j.find(out, c64); ok {
		t.Error("a line of another policy or key was taken")
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 50 {
				if err := j.add(entry{Run: "r", Record: Record{Input: a64, Bytes: int64(50*i + k)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	raw, err := os.ReadFile(filepath.Join(out, StateDir, "journal-mine.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for l := range bytes.Lines(bytes.TrimSpace(raw)) {
		var e entry
		if err := json.Unmarshal(l, &e); err != nil {
			t.Fatalf("lines of two goroutines in one: %s", l)
		}
		seen[e.Record.Bytes] = true
	}
	if len(seen) != 400 {
		t.Errorf("%d of 400 lines", len(seen))
	}
}

// A file is done only while its output is what the journal says: gone, cut off, or changed by a byte it is done again.
func TestAFileIsDoneWhileItsOutputStands(t *testing.T) {
	const text = "an output"
	out := state(t, map[string]string{mainJournal: line(t, "r", a64, Record{Status: Written, Output: "A/B", Digest: sha([]byte(text))})})
	if err := os.Mkdir(filepath.Join(out, "A"), 0o755); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(out, "r", mainJournal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.f.Close()
	if _, ok := j.find(out, a64); ok {
		t.Error("the output is not there")
	}
	for content, want := range map[string]bool{text: true, text[:5]: false, "An output": false, "": false} {
		if err := os.WriteFile(filepath.Join(out, "A", "B"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, ok := j.find(out, a64); ok != want {
			t.Errorf("%q: done %v", content, ok)
		}
	}
}

// After a run one journal stands there, in the order of digests, with each digest once and the rows of what was written; those of workers are gone.
func TestSettle(t *testing.T) {
	out := state(t, map[string]string{"journal-1.jsonl": "x\n", "journal-2.jsonl": "", mainJournal: "stale\n"})
	opt := Options{Out: out, Profile: profile(t, "basic"), Key: testKey}
	b := &books{records: []Record{{Input: a64, Status: Written, Output: "A/1"}, {Input: a64, Status: Skipped}, {Input: b64, Status: Quarantined}}, rows: []*Row{{Path: "A/1", Modality: "CT"}}}
	if err := b.settle(opt); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(filepath.Join(out, StateDir))
	if len(entries) != 1 || entries[0].Name() != mainJournal {
		t.Errorf("%v", entries)
	}
	j, err := openJournal(out, opt.Profile.Digest+" "+testKey.ID, "journal-3.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer j.f.Close()
	if e := j.done[a64]; len(j.done) != 2 || e.Record.Status != Written || e.Row == nil || e.Row.Modality != "CT" || j.done[b64].Row != nil {
		t.Errorf("%+v", j.done)
	}
}
