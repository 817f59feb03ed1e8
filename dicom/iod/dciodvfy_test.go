package iod

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/testdata"
)

var verdict = regexp.MustCompile(`(Missing|Empty) attribute.* Type ([12])(C?) (?:Required|Conditional) Element=<(\w+)> Module=<(\w+)>`)

// judged are the elements of types 1 and 2 that dciodvfy finds missing or empty in a file, as "Missing PatientID"; wider has those of 1C and 2C too.
func judged(t *testing.T, path string) (strict, wider map[string]bool) {
	t.Helper()
	out, _ := exec.Command("dciodvfy", path).CombinedOutput() // the status tells of errors, which are wanted
	strict, wider = map[string]bool{}, map[string]bool{}
	for _, m := range verdict.FindAllStringSubmatch(string(out), -1) {
		key := m[1] + " " + m[4]
		wider[key] = true
		if m[3] == "" && !strings.HasSuffix(m[5], "Profile") && m[5] != "FileMetaInformation" {
			strict[key] = true
		}
	}
	return strict, wider
}

// TestAgreesWithDciodvfy compares what is missing or empty in every image of the corpus with what dicom3tools finds.
func TestAgreesWithDciodvfy(t *testing.T) {
	if _, err := exec.LookPath("dciodvfy"); err != nil {
		t.Skip("dciodvfy (dicom3tools) is not installed")
	}
	if testing.Short() {
		t.Skip("runs a program for each file")
	}
	dir := testdata.Shared(t, "data", "dicom")
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Pydicom string `json:"pydicom231"`
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	open := map[string]int{}
	files, found, missed, agreed, alone, conditional, answered := 0, 0, map[string]int{}, 0, map[string]int{}, 0, 0
	for name, w := range want {
		if w.Pydicom != "ok" {
			continue
		}
		f, err := dicom.Open(filepath.Join(dir, name), dicom.StopBefore(tag.New(0x7FE0, 0x11)))
		if err != nil {
			continue
		}
		findings, known := Check(f.DataSet)
		f.Close()
		if !known {
			continue
		}
		files++
		ours := map[string]bool{}
		for _, x := range findings {
			word := "Missing"
			if strings.HasPrefix(x.Text, "empty") {
				word = "Empty"
			}
			ours[word+" "+x.Tag.Keyword()] = true
		}
		strict, wider := judged(t, filepath.Join(dir, name))
		for key := range strict {
			if found++; !ours[key] {
				missed[key]++
			}
		}
		for key := range wider {
			if !strict[key] {
				if conditional++; ours[key] {
					answered++
				} else {
					open[key]++
				}
			}
		}
		for key := range ours {
			switch {
			case key == "Missing Modality": // of type 1 everywhere; dciodvfy does not miss it in secondary captures
			case wider[key]:
				agreed++
			default:
				alone[key]++
			}
		}
	}
	n, m := total(missed), total(alone)
	t.Logf("%d files; of %d findings of dciodvfy on types 1 and 2 we have %d; of our %d findings it has %d", files, found, found-n, agreed+m, agreed)
	t.Logf("of its %d findings on types 1C and 2C we have %d", conditional, answered)
	t.Logf("the others: %s", list(open))
	t.Logf("missed: %s", list(missed))
	t.Logf("ours alone: %s", list(alone))
	if files < 200 || float64(found-n) < 0.99*float64(found) || float64(agreed) < 0.95*float64(agreed+m) {
		t.Errorf("too far from dciodvfy")
	}
}

func total(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

func list(m map[string]int) string {
	var out []string
	for k, n := range m {
		out = append(out, k+" ×"+string(rune('0'+min(n, 9))))
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}
